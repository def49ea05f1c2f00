//! Networks as [ONNX](https://onnx.ai/onnx/repo-docs/IR.html) files.

mod graph;
mod layers;
mod matching;
mod model;
mod protobuf;
mod read;
mod wire;

use std::path::Path;

use burn::module::Module;

pub(crate) use graph::{Graph, Value};
use protobuf::Message;
pub(crate) use read::{metadata, tensors};

use crate::backbone::Backbone;
use crate::weights::{NETWORK, PREPROCESSING, Preprocessing};
use crate::{Error, Result};

/// The version of the format, and of the operators: the first with layer normalisation.
const IR_VERSION: u64 = 8;
const OPERATORS: u64 = 17;

/// A message of protocol buffers has a length below this.
const MOST_BYTES: usize = i32::MAX as usize;

const INPUT: &str = "images";
const OUTPUT: &str = "embeddings";

impl Backbone {
    /// Writes the network in evaluation mode as ONNX: `images`, `[batch, channels, height, width]`, to raw `embeddings`,
    /// `[batch, embedding]`, in 32-bit floats, the number of pictures free.
    ///
    /// `preprocessing` and the network's settings travel in its metadata, under the keys and in the JSON that weight files have them.
    ///
    /// The file appears under its name when it is complete and on disk; until then an older one stays.
    ///
    /// # Errors
    ///
    /// [`Error::PreprocessingShape`] where `preprocessing` gives other pictures than the network takes; [`Error::Onnx`] where the network
    /// is larger than the format's 2 GiB or a tensor cannot be read from its device; [`Error::Io`].
    pub fn write_onnx(&self, path: impl AsRef<Path>, preprocessing: &Preprocessing) -> Result<()> {
        let path = path.as_ref();
        self.check_pictures(preprocessing)?;
        let failed = |problem: String| Error::Onnx {
            path: path.to_owned(),
            problem,
        };
        // A validation copy has its running statistics up to date.
        let network = self.valid();
        let mut graph = Graph::new(&network);
        let embeddings = network.write_graph(&mut graph, Value::new(INPUT));
        graph.rename(embeddings, OUTPUT);
        let graph = graph.finish().map_err(failed)?;
        let model = self.model(graph, preprocessing);
        let bytes = model
            .map_err(|error| failed(error.to_string()))?
            .into_bytes();
        if bytes.len() > MOST_BYTES {
            let problem = format!("{} bytes; an ONNX file holds 2 GiB", bytes.len());
            return Err(failed(problem));
        }
        ffc_files::write(path, &bytes).map_err(Error::io("write", path))
    }

    /// The `ModelProto` around the fields of a `GraphProto`.
    fn model(&self, graph: Message, preprocessing: &Preprocessing) -> serde_json::Result<Message> {
        let input = self.config().input();
        let images = [input.channels, input.height_px, input.width_px];
        let graph = (graph.text(2, "ffc"))
            .message(11, value_info(INPUT, &images))
            .message(12, value_info(OUTPUT, &[self.config().embedding()]));
        let about = format!("Pictures: {preprocessing}. Embeddings are not normalised.");
        let operators = Message::new().text(1, "").integer(2, OPERATORS);
        let metadata = |key: &str, json: String| Message::new().text(1, key).text(2, &json);
        Ok(Message::new()
            .integer(1, IR_VERSION)
            .text(2, "ffc")
            .text(3, env!("CARGO_PKG_VERSION"))
            .text(6, &about)
            .message(7, graph)
            .message(8, operators)
            .message(14, metadata(NETWORK, serde_json::to_string(self.config())?))
            .message(
                14,
                metadata(PREPROCESSING, serde_json::to_string(preprocessing)?),
            ))
    }
}

/// A `ValueInfoProto` of 32-bit floats, the first dimension free.
fn value_info(name: &str, shape: &[usize]) -> Message {
    let free = Message::new().message(1, Message::new().text(2, "batch"));
    let shape = shape.iter().fold(free, |dimensions, &size| {
        dimensions.message(1, Message::new().integer(1, size as u64))
    });
    let tensor = Message::new().integer(1, graph::FLOAT).message(2, shape);
    let kind = Message::new().message(1, tensor);
    Message::new().text(1, name).message(2, kind)
}
