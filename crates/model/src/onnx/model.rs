//! ONNX files as they are read: the parts of `onnx.proto` that networks need.

use std::collections::HashMap;

use burn::tensor::{Bytes, DType, TensorData};

use super::wire::{Field, Fields, Problem};

/// ONNX's numbers for the types of a tensor's numbers.
const FLOAT: u64 = 1;
const FLOAT16: u64 = 10;
const DOUBLE: u64 = 11;
const BFLOAT16: u64 = 16;

/// A `ModelProto`.
pub(super) struct Model<'a> {
    pub(super) graph: GraphProto<'a>,
    /// `metadata_props`.
    pub(super) metadata: HashMap<String, String>,
}

impl<'a> Model<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Problem> {
        let (mut graph, mut metadata) = (None, HashMap::new());
        for field in Fields(bytes) {
            match field? {
                (7, field) => graph = Some(GraphProto::parse(field.bytes()?)?),
                (14, field) => {
                    let (mut key, mut value) = ("", "");
                    for field in Fields(field.bytes()?) {
                        match field? {
                            (1, field) => key = field.text()?,
                            (2, field) => value = field.text()?,
                            _ => {}
                        }
                    }
                    metadata.insert(key.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        let graph = graph.ok_or("it has no graph")?;
        Ok(Self { graph, metadata })
    }
}

/// A `GraphProto`.
#[derive(Default)]
pub(super) struct GraphProto<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// Constant tensors by name.
    pub(super) tensors: HashMap<&'a str, TensorProto<'a>>,
    /// Names of its inputs that are no constants.
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    /// For each value, the node that makes it.
    pub(super) producers: HashMap<&'a str, usize>,
}

impl<'a> GraphProto<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Problem> {
        let mut graph = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, field) => graph.nodes.push(Node::parse(field.bytes()?)?),
                (5, field) => {
                    let tensor = TensorProto::parse(field.bytes()?)?;
                    graph.tensors.insert(tensor.name, tensor);
                }
                (11, field) => graph.inputs.push(value_name(field)?),
                (12, field) => graph.outputs.push(value_name(field)?),
                _ => {}
            }
        }
        for (number, node) in graph.nodes.iter().enumerate() {
            for output in &node.outputs {
                if graph.producers.insert(output, number).is_some() {
                    return Err(format!("two nodes make `{output}`"));
                }
            }
            if let ("Constant", Some(Attribute::Tensor(tensor)), Some(output)) = (
                node.kind,
                node.attributes.get("value"),
                node.outputs.first(),
            ) {
                graph.tensors.insert(output, tensor.clone());
            }
        }
        // Older files list constants among the inputs too.
        let tensors = &graph.tensors;
        graph.inputs.retain(|input| !tensors.contains_key(input));
        Ok(graph)
    }
}

fn value_name<'a>(field: Field<'a>) -> Result<&'a str, Problem> {
    for field in Fields(field.bytes()?) {
        if let (1, field) = field? {
            return field.text();
        }
    }
    Err("an input or output without a name".into())
}

/// A `NodeProto`.
#[derive(Default)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    attributes: HashMap<&'a str, Attribute<'a>>,
}

enum Attribute<'a> {
    Float(f32),
    Integer(i64),
    Integers(Vec<i64>),
    Tensor(TensorProto<'a>),
}

impl<'a> Node<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Problem> {
        let mut node = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, field) => node.inputs.push(field.text()?),
                (2, field) => node.outputs.push(field.text()?),
                (3, field) => node.name = field.text()?,
                (4, field) => node.kind = field.text()?,
                (5, field) => {
                    if let Some((name, attribute)) = Attribute::parse(field.bytes()?)? {
                        node.attributes.insert(name, attribute);
                    }
                }
                _ => {}
            }
        }
        Ok(node)
    }

    pub(super) fn integer(&self, name: &str, otherwise: i64) -> i64 {
        match self.attributes.get(name) {
            Some(Attribute::Integer(value)) => *value,
            _ => otherwise,
        }
    }

    /// A list, or as many times `otherwise` as it should have where it is not there.
    pub(super) fn integers(&self, name: &str, otherwise: &[i64]) -> Vec<i64> {
        match self.attributes.get(name) {
            Some(Attribute::Integers(values)) => values.clone(),
            _ => otherwise.to_vec(),
        }
    }

    pub(super) fn float(&self, name: &str, otherwise: f32) -> f32 {
        match self.attributes.get(name) {
            Some(Attribute::Float(value)) => *value,
            _ => otherwise,
        }
    }
}

impl<'a> Attribute<'a> {
    /// None for kinds that no network here needs.
    fn parse(bytes: &'a [u8]) -> Result<Option<(&'a str, Self)>, Problem> {
        let mut name = "";
        let (mut attribute, mut integers) = (None, Vec::new());
        for field in Fields(bytes) {
            match field? {
                (1, field) => name = field.text()?,
                (2, Field::Float(value)) => attribute = Some(Self::Float(value)),
                (3, field) => attribute = Some(Self::Integer(field.integer()? as i64)),
                (5, field) => attribute = Some(Self::Tensor(TensorProto::parse(field.bytes()?)?)),
                (8, field) => field.integers(&mut integers)?,
                _ => {}
            }
        }
        if !integers.is_empty() {
            let integers = integers.into_iter().map(|value| value as i64).collect();
            attribute = Some(Self::Integers(integers));
        }
        Ok(attribute.map(|attribute| (name, attribute)))
    }
}

/// A `TensorProto`.
#[derive(Clone, Default)]
pub(super) struct TensorProto<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<usize>,
    kind: u64,
    raw: Option<&'a [u8]>,
    floats: Vec<f32>,
    is_elsewhere: bool,
}

impl<'a> TensorProto<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Problem> {
        let mut tensor = Self::default();
        let mut shape = Vec::new();
        for field in Fields(bytes) {
            match field? {
                (1, field) => field.integers(&mut shape)?,
                (2, field) => tensor.kind = field.integer()?,
                (4, Field::Float(value)) => tensor.floats.push(value),
                (4, field) => {
                    let (values, _) = field.bytes()?.as_chunks::<4>();
                    tensor
                        .floats
                        .extend(values.iter().map(|v| f32::from_le_bytes(*v)));
                }
                (8, field) => tensor.name = field.text()?,
                (9, field) => tensor.raw = Some(field.bytes()?),
                (14, field) => tensor.is_elsewhere = field.integer()? == 1,
                _ => {}
            }
        }
        let sizes = shape.into_iter().map(|size| usize::try_from(size).ok());
        tensor.shape = sizes.collect::<Option<_>>().ok_or("a tensor without end")?;
        Ok(tensor)
    }

    /// How many numbers it should hold.
    pub(super) fn elements(&self) -> Option<usize> {
        let sizes = self.shape.iter();
        sizes.copied().try_fold(1_usize, usize::checked_mul)
    }

    /// The same bytes as another, whatever it is called.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.kind == other.kind
            && self.raw == other.raw
            && self.floats == other.floats
    }

    /// Its numbers in single precision.
    pub(super) fn data(&self) -> Result<TensorData, Problem> {
        if self.is_elsewhere {
            return Err("its numbers lie in another file beside it (external data), which is not read: save them within the model".into());
        }
        let (dtype, size) = match self.kind {
            FLOAT => (DType::F32, 4),
            FLOAT16 => (DType::F16, 2),
            BFLOAT16 => (DType::BF16, 2),
            DOUBLE => (DType::F64, 8),
            kind => {
                return Err(format!(
                    "numbers of ONNX's type {kind}; floating point is read"
                ));
            }
        };
        let elements = self.elements();
        let data = match (self.raw, &self.floats[..]) {
            (Some(raw), _)
                if elements.and_then(|count| count.checked_mul(size)) == Some(raw.len()) =>
            {
                TensorData::from_bytes(
                    Bytes::from_bytes_vec(raw.to_vec()),
                    self.shape.clone(),
                    dtype,
                )
            }
            (None, floats) if self.kind == FLOAT && elements == Some(floats.len()) => {
                TensorData::new(floats.to_vec(), self.shape.clone())
            }
            _ => {
                let shape = &self.shape;
                return Err(format!(
                    "it has not as many numbers as its shape {shape:?} asks for"
                ));
            }
        };
        Ok(data.convert::<f32>())
    }
}
