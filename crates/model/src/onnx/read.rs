//! Weights of ONNX files, read into networks whose graph the file's is.
//!
//! The network writes its own graph, and the two are followed from their outputs to their inputs. Names do not matter, nor do nodes that do
//! nothing in evaluation. Exporters fold norms into the layers before them: such a norm becomes one that does nothing but add.

use std::collections::{BTreeMap, HashMap};

use burn::module::Module;
use burn::tensor::TensorData;

use super::graph::{Graph, Value};
use super::matching::Matching;
use super::model::{GraphProto, Model, TensorProto};
use super::wire::Problem;
use super::{INPUT, OUTPUT};
use crate::backbone::Backbone;

/// The numbers of a file for a network's tensors by their names. Tensors that the graph does not use are not there.
///
/// # Errors
/// Says what is wrong with the file, or at which node its graph is not the network's.
pub(crate) fn tensors(
    bytes: &[u8],
    network: &Backbone,
) -> Result<BTreeMap<String, TensorData>, Problem> {
    let graph = Model::parse(bytes)?.graph;
    let network = network.valid();
    let mut own = Graph::new(&network);
    let embeddings = network.write_graph(&mut own, Value::new(INPUT));
    own.rename(embeddings, OUTPUT);
    let own = own.finish()?.into_bytes();
    let own = GraphProto::parse(&own)?;
    let mut found = Matching::new(&own, &graph).run()?;
    let names: Vec<String> = network.tensors().into_iter().map(|t| t.name).collect();
    // What the network has no tensor for must be what it takes for granted.
    let is_own = |name: &str| names.iter().any(|own| own == name);
    for (name, data) in &found {
        let expected = own.tensors.get(name.as_str()).map(TensorProto::data);
        if !is_own(name) && expected.is_some_and(|expected| !is_near(data, expected)) {
            return Err(format!(
                "the network has no `{name}`, but the file's differ from what it takes instead"
            ));
        }
    }
    found.retain(|name, _| is_own(name));
    Ok(found)
}

/// A file's metadata.
///
/// # Errors
/// Says what is wrong with the file.
pub(crate) fn metadata(bytes: &[u8]) -> Result<HashMap<String, String>, Problem> {
    Ok(Model::parse(bytes)?.metadata)
}

fn is_near(found: &TensorData, expected: Result<TensorData, Problem>) -> bool {
    let Ok(expected) = expected else {
        return false;
    };
    let mut pairs = found.iter::<f32>().zip(expected.iter::<f32>());
    found.shape() == expected.shape() && pairs.all(|(a, b)| (a - b).abs() < 1e-5)
}
