//! Weights of ONNX files, read into networks whose graph the file's is.
//!
//! The network writes its own graph, and the two are followed from their outputs to their inputs. Names do not matter, nor do nodes that do
//! nothing in evaluation. Exporters fold norms into the layers before them: such a norm becomes one that does nothing but add.

use std::collections::{BTreeMap, HashMap};

use burn::module::Module;
use burn::tensor::TensorData;

use super::graph::{Graph, Value};
use super::model::{GraphProto, Model, Node, TensorProto};
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
    let mut matching = Matching {
        ours: View(&own),
        theirs: View(&graph),
        same: HashMap::new(),
        found: BTreeMap::new(),
        pending: Vec::new(),
    };
    matching.run()?;
    let names: Vec<String> = network.tensors().into_iter().map(|t| t.name).collect();
    let mut found = matching.found;
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

/// A graph, looked at as layers.
#[derive(Clone, Copy)]
struct View<'a>(&'a GraphProto<'a>);

/// What makes a value.
enum Layer<'a> {
    /// Nothing: it is put in.
    Input,
    Conv {
        node: &'a Node<'a>,
        input: &'a str,
        weight: &'a TensorProto<'a>,
        bias: Option<&'a TensorProto<'a>>,
    },
    Norm {
        input: &'a str,
        /// gamma, beta, mean, variance.
        parameters: [&'a TensorProto<'a>; 4],
        epsilon: f32,
    },
    Prelu {
        input: &'a str,
        slopes: &'a TensorProto<'a>,
    },
    Linear {
        input: &'a str,
        weight: &'a TensorProto<'a>,
        /// Whether the weight lies as `[out, in]`.
        is_transposed: bool,
        bias: Option<&'a TensorProto<'a>>,
    },
    Flatten {
        input: &'a str,
    },
    Other(&'a Node<'a>),
}

impl Layer<'_> {
    /// What it is and the shape of its weight, as a message tells it.
    fn describe(&self) -> String {
        match self {
            Self::Input => "the pictures".into(),
            Self::Conv { node, weight, .. } => format!(
                "a convolution of {:?}, strides {:?}, padding {:?}, {} groups",
                weight.shape,
                node.integers("strides", &[1, 1]),
                node.integers("pads", &[0; 4]),
                node.integer("group", 1)
            ),
            Self::Norm { parameters, .. } => {
                format!("a batch normalisation of {:?}", parameters[0].shape)
            }
            Self::Prelu { slopes, .. } => format!("PReLU of {:?}", slopes.shape),
            Self::Linear {
                weight,
                is_transposed,
                ..
            } => {
                let mut shape = weight.shape.clone();
                if *is_transposed {
                    shape.reverse();
                }
                format!("a linear layer of {shape:?}")
            }
            Self::Flatten { .. } => "a flattening".into(),
            Self::Other(node) => node.kind.to_owned(),
        }
    }
}

impl<'a> View<'a> {
    /// The node that makes a value, without those that do nothing; none for what is put in.
    fn producer(self, mut value: &'a str) -> Result<(&'a str, Option<&'a Node<'a>>), Problem> {
        for _ in 0..=self.0.nodes.len() {
            let Some(&number) = self.0.producers.get(value) else {
                return Ok((value, None));
            };
            let node = &self.0.nodes[number];
            match (node.kind, node.inputs.first()) {
                ("Identity" | "Dropout", Some(input)) => value = input,
                // Windows of one place, as IR's shortcuts have them.
                ("MaxPool", Some(input))
                    if node.integers("kernel_shape", &[]) == [1, 1]
                        && node.integers("strides", &[1, 1]) == [1, 1] =>
                {
                    value = input;
                }
                _ => return Ok((value, Some(node))),
            }
        }
        Err("its nodes form a circle".into())
    }

    fn tensor(self, name: &str) -> Option<&'a TensorProto<'a>> {
        self.0.tensors.get(name)
    }

    fn layer(self, node: Option<&'a Node<'a>>) -> Result<Layer<'a>, Problem> {
        let Some(node) = node else {
            return Ok(Layer::Input);
        };
        let input = |place: usize| {
            node.inputs
                .get(place)
                .copied()
                .filter(|name| !name.is_empty())
        };
        let tensor = |place: usize| input(place).and_then(|name| self.tensor(name));
        let layer = match (node.kind, input(0)) {
            ("Conv", Some(input)) => tensor(1).map(|weight| Layer::Conv {
                node,
                input,
                weight,
                bias: tensor(2),
            }),
            ("BatchNormalization", Some(input)) => {
                let parameters = [tensor(1), tensor(2), tensor(3), tensor(4)];
                let parameters = parameters.into_iter().collect::<Option<Vec<_>>>();
                let parameters = parameters.and_then(|list| list.try_into().ok());
                parameters.map(|parameters| Layer::Norm {
                    input,
                    parameters,
                    epsilon: node.float("epsilon", 1e-5),
                })
            }
            ("PRelu", Some(input)) => tensor(1).map(|slopes| Layer::Prelu { input, slopes }),
            ("Flatten", Some(input)) if node.integer("axis", 1) == 1 => {
                Some(Layer::Flatten { input })
            }
            ("MatMul", Some(input)) => tensor(1).map(|weight| Layer::Linear {
                input,
                weight,
                is_transposed: false,
                bias: None,
            }),
            ("Gemm", Some(input))
                if node.float("alpha", 1.0) == 1.0
                    && node.float("beta", 1.0) == 1.0
                    && node.integer("transA", 0) == 0 =>
            {
                tensor(1).map(|weight| Layer::Linear {
                    input,
                    weight,
                    is_transposed: node.integer("transB", 0) == 1,
                    bias: tensor(2),
                })
            }
            // A product and a sum with constants.
            ("Add", Some(first)) => {
                let second = input(1).unwrap_or_default();
                let of = |product: &'a str, bias: &str| -> Result<Option<Layer<'a>>, Problem> {
                    let (Some(bias), (_, Some(product))) =
                        (self.tensor(bias), self.producer(product)?)
                    else {
                        return Ok(None);
                    };
                    if product.kind != "MatMul" {
                        return Ok(None);
                    }
                    Ok(match self.layer(Some(product))? {
                        Layer::Linear { input, weight, .. } => Some(Layer::Linear {
                            input,
                            weight,
                            is_transposed: false,
                            bias: Some(bias),
                        }),
                        _ => None,
                    })
                };
                match of(first, second)? {
                    Some(linear) => Some(linear),
                    None => of(second, first)?,
                }
            }
            _ => None,
        };
        Ok(layer.unwrap_or(Layer::Other(node)))
    }
}

/// Follows two graphs at once.
struct Matching<'a> {
    ours: View<'a>,
    theirs: View<'a>,
    /// For values of ours that were looked at, those of theirs.
    same: HashMap<&'a str, &'a str>,
    /// Numbers for our tensors.
    found: BTreeMap<String, TensorData>,
    /// Pairs of values that must be the same.
    pending: Vec<[&'a str; 2]>,
}

impl<'a> Matching<'a> {
    fn run(&mut self) -> Result<(), Problem> {
        let [input] = self.theirs.0.inputs[..] else {
            let count = self.theirs.0.inputs.len();
            return Err(format!(
                "its graph takes {count} inputs; a network of faces takes one"
            ));
        };
        let output = *(self.theirs.0.outputs.first()).ok_or("its graph has no output")?;
        self.pending.push([OUTPUT, output]);
        while let Some([ours, theirs]) = self.pending.pop() {
            let (ours, own_node) = self.ours.producer(ours)?;
            let (theirs, node) = self.theirs.producer(theirs)?;
            match self.same.insert(ours, theirs) {
                Some(before) if before == theirs => continue,
                Some(before) => {
                    return Err(format!(
                        "where the network has one value, its graph has two, `{before}` and `{theirs}`"
                    ));
                }
                None => {}
            }
            let (own_layer, layer) = (self.ours.layer(own_node)?, self.theirs.layer(node)?);
            let at = node.map_or(input, |node| match node.name {
                "" => theirs,
                name => name,
            });
            if matches!(layer, Layer::Input) && theirs != input {
                return Err(format!("nothing makes `{theirs}`"));
            }
            let differs = || {
                let [found, expected] = [&layer, &own_layer].map(Layer::describe);
                format!(
                    "its graph is not the network's: at `{at}` it has {found}, the network {expected}"
                )
            };
            if !self.layers(&own_layer, &layer, theirs)? {
                return Err(differs());
            }
        }
        Ok(())
    }

    /// Takes the numbers of a layer, and puts what it is made of among the pending; or says that the two are not the same.
    fn layers(
        &mut self,
        ours: &Layer<'a>,
        theirs: &Layer<'a>,
        value: &'a str,
    ) -> Result<bool, Problem> {
        match (ours, theirs) {
            (Layer::Input, Layer::Input) => {}
            (
                Layer::Norm {
                    input,
                    parameters,
                    epsilon,
                },
                Layer::Norm {
                    input: other,
                    parameters: found,
                    epsilon: other_epsilon,
                },
            ) => {
                if parameters[0].shape != found[0].shape {
                    return Ok(false);
                }
                for (own, found) in parameters.iter().zip(found) {
                    self.take(own, found, found.data())?;
                }
                // Under the same root as theirs.
                let [_, _, _, variance] = parameters;
                if epsilon != other_epsilon
                    && let Some(data) = self.found.get_mut(variance.name)
                {
                    let values = data.iter::<f32>().map(|v| v + other_epsilon - epsilon);
                    *data = TensorData::new(values.collect::<Vec<_>>(), variance.shape.clone());
                }
                self.pending.push([input, other]);
            }
            // A norm that was folded into the layer before it.
            (
                Layer::Norm {
                    input,
                    parameters,
                    epsilon,
                },
                Layer::Conv { bias, .. } | Layer::Linear { bias, .. },
            ) => {
                let (_, node) = self.ours.producer(input)?;
                let before = self.ours.layer(node)?;
                let has_bias = match &before {
                    Layer::Conv { bias, .. } | Layer::Linear { bias, .. } => bias.is_some(),
                    _ => return Ok(false),
                };
                let [gamma, beta, mean, variance] = parameters;
                let constant = |tensor: &TensorProto, value: f32| {
                    let count = tensor.elements().unwrap_or_default();
                    TensorData::new(vec![value; count], tensor.shape.clone())
                };
                let shift = match bias {
                    Some(bias) if !has_bias => Some(bias),
                    _ => None,
                };
                if shift.is_some_and(|shift| shift.elements() != beta.elements()) {
                    return Ok(false);
                }
                let values = [
                    (gamma, constant(gamma, 1.0)),
                    (mean, constant(mean, 0.0)),
                    (variance, constant(variance, 1.0 - epsilon)),
                ];
                for (tensor, data) in values {
                    self.found.insert(tensor.name.to_owned(), data);
                }
                match shift {
                    Some(shift) => self.take(beta, shift, shift.data())?,
                    None => {
                        self.found.insert(beta.name.to_owned(), constant(beta, 0.0));
                    }
                }
                // The layer itself, whose bias the norm has.
                let (inner, _) = self.ours.producer(input)?;
                self.same.insert(inner, value);
                let without_bias = match (theirs, has_bias) {
                    (_, true) => return self.layers(&before, theirs, value),
                    (
                        &Layer::Conv {
                            node,
                            input,
                            weight,
                            ..
                        },
                        false,
                    ) => Layer::Conv {
                        node,
                        input,
                        weight,
                        bias: None,
                    },
                    (
                        &Layer::Linear {
                            input,
                            weight,
                            is_transposed,
                            ..
                        },
                        false,
                    ) => Layer::Linear {
                        input,
                        weight,
                        is_transposed,
                        bias: None,
                    },
                    _ => return Ok(false),
                };
                return self.layers(&before, &without_bias, value);
            }
            (
                Layer::Conv {
                    node,
                    input,
                    weight,
                    bias,
                },
                Layer::Conv {
                    node: other_node,
                    input: other,
                    weight: found,
                    bias: found_bias,
                },
            ) => {
                let same = |name: &str, otherwise: &[i64]| {
                    node.integers(name, otherwise) == other_node.integers(name, otherwise)
                };
                if weight.shape != found.shape
                    || !same("strides", &[1, 1])
                    || !same("pads", &[0; 4])
                    || !same("dilations", &[1, 1])
                    || node.integer("group", 1) != other_node.integer("group", 1)
                    || bias.is_some() != found_bias.is_some()
                {
                    return Ok(false);
                }
                self.take(weight, found, found.data())?;
                if let (Some(bias), Some(found)) = (bias, found_bias) {
                    self.take(bias, found, found.data())?;
                }
                self.pending.push([input, other]);
            }
            (
                Layer::Linear {
                    input,
                    weight,
                    bias,
                    ..
                },
                Layer::Linear {
                    input: other,
                    weight: found,
                    is_transposed,
                    bias: found_bias,
                },
            ) => {
                // Ours lies as `[in, out]` in the graph, but as `[out, in]` among the network's tensors.
                let mut shape = found.shape.clone();
                if *is_transposed {
                    shape.reverse();
                }
                if weight.shape != shape || bias.is_some() != found_bias.is_some() {
                    return Ok(false);
                }
                let data = found.data().map_err(|problem| in_tensor(found, problem))?;
                let data = if *is_transposed {
                    data
                } else {
                    transposed(&data)
                };
                self.found.insert(weight.name.to_owned(), data);
                if let (Some(bias), Some(found)) = (bias, found_bias) {
                    self.take(bias, found, found.data())?;
                }
                self.pending.push([input, other]);
            }
            (
                Layer::Prelu { input, slopes },
                Layer::Prelu {
                    input: other,
                    slopes: found,
                },
            ) => {
                let count = slopes.elements();
                if count != found.elements() {
                    return Ok(false);
                }
                let data = found.data().map_err(|problem| in_tensor(found, problem))?;
                let data =
                    TensorData::new(data.iter::<f32>().collect(), [count.unwrap_or_default()]);
                self.found.insert(slopes.name.to_owned(), data);
                self.pending.push([input, other]);
            }
            (Layer::Flatten { input }, Layer::Flatten { input: other }) => {
                self.pending.push([input, other]);
            }
            // To rows, whatever says so: the layer behind it knows how many numbers they have.
            (Layer::Flatten { input }, Layer::Other(node)) if node.kind == "Reshape" => {
                let Some(other) = node.inputs.first() else {
                    return Ok(false);
                };
                self.pending.push([input, other]);
            }
            (Layer::Other(own), Layer::Other(node)) => return self.others(own, node),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Nodes that have no parameters, or that only files of our own have.
    fn others(&mut self, ours: &'a Node<'a>, theirs: &'a Node<'a>) -> Result<bool, Problem> {
        let same = |name: &str, otherwise: &[i64]| {
            ours.integers(name, otherwise) == theirs.integers(name, otherwise)
        };
        if ours.kind != theirs.kind
            || ours.inputs.len() != theirs.inputs.len()
            || !same("kernel_shape", &[])
            || !same("strides", &[1, 1])
            || !same("pads", &[0; 4])
            || !same("perm", &[])
            || ours.integer("axis", 0) != theirs.integer("axis", 0)
            || ours.float("epsilon", 0.0) != theirs.float("epsilon", 0.0)
        {
            return Ok(false);
        }
        let mut inputs = theirs.inputs.clone();
        // A sum's parts may stand the other way round.
        if let ("Add" | "Mul", [first, second], [other_first, other_second]) =
            (ours.kind, &ours.inputs[..], &theirs.inputs[..])
        {
            let alike = |own, other| self.are_alike(own, other);
            let straight = alike(first, other_first)? && alike(second, other_second)?;
            if !straight && alike(first, other_second)? && alike(second, other_first)? {
                inputs.reverse();
            }
        }
        for (own, other) in ours.inputs.iter().zip(inputs) {
            match (self.ours.tensor(own), self.theirs.tensor(other)) {
                (Some(own), Some(found)) if own.equals(found) => {
                    if let Ok(data) = found.data() {
                        self.found.insert(own.name.to_owned(), data);
                    }
                }
                (Some(own), Some(found)) if own.shape == found.shape => {
                    self.take(own, found, found.data())?;
                }
                (None, None) => self.pending.push([own, other]),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Whether two values come from layers of the same kind and size.
    fn are_alike(&self, ours: &'a str, theirs: &'a str) -> Result<bool, Problem> {
        match (self.ours.tensor(ours), self.theirs.tensor(theirs)) {
            (Some(own), Some(found)) => return Ok(own.shape == found.shape),
            (None, None) => {}
            _ => return Ok(false),
        }
        let (_, own) = self.ours.producer(ours)?;
        let (_, found) = self.theirs.producer(theirs)?;
        let (own, found) = (self.ours.layer(own)?, self.theirs.layer(found)?);
        // As it is where a norm was folded into what stands before it.
        let own = match (own, &found) {
            (Layer::Norm { input, .. }, Layer::Conv { .. } | Layer::Linear { .. }) => {
                let (_, node) = self.ours.producer(input)?;
                self.ours.layer(node)?
            }
            (own, _) => own,
        };
        Ok(own.describe() == found.describe())
    }

    fn take(
        &mut self,
        ours: &TensorProto,
        theirs: &TensorProto,
        data: Result<TensorData, Problem>,
    ) -> Result<(), Problem> {
        let data = data.map_err(|problem| in_tensor(theirs, problem))?;
        self.found.insert(ours.name.to_owned(), data);
        Ok(())
    }
}

fn in_tensor(tensor: &TensorProto, problem: Problem) -> Problem {
    format!("`{}`: {problem}", tensor.name)
}

fn transposed(data: &TensorData) -> TensorData {
    let [rows, columns] = data.shape().dims();
    let values: Vec<f32> = data.iter::<f32>().collect();
    let turned = (0..columns).flat_map(|column| (0..rows).map(move |row| [row, column]));
    let turned = turned.map(|[row, column]| values[row * columns + column]);
    TensorData::new(turned.collect::<Vec<_>>(), [columns, rows])
}
