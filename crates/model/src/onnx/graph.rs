use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId, RunningState};
use burn::tensor::Tensor;

use super::protobuf::Message;
use crate::backbone::Backbone;
use crate::layer::{Attention, BatchNorm, Conv2d, LayerNorm, Linear, Mlp, Prelu};
use crate::weights::{Place, little_endian};

/// ONNX's numbers for types of elements and kinds of attributes, as its `onnx.proto` has them.
pub(super) const FLOAT: u64 = 1;
const INT64: u64 = 7;
const ATTRIBUTE_FLOAT: u64 = 1;
const ATTRIBUTE_INT: u64 = 2;
const ATTRIBUTE_INTS: u64 = 7;

/// A value of a [`Graph`], by its name.
#[derive(Debug, Clone)]
pub(crate) struct Value(String);

impl Value {
    pub(super) fn new(name: &str) -> Self {
        Self(name.into())
    }
}

/// A network as ONNX has it, in evaluation mode: a method a layer, called as the network's `forward` calls the layers.
///
/// Weights have the names that they have in weight files, but the matrices of linear layers lie as `[in, out]`.
pub(crate) struct Graph {
    /// Fields of a `GraphProto`.
    message: Message,
    /// Names of the network's tensors.
    names: HashMap<ParamId, String>,
    nodes: usize,
    /// The first tensor that could not be read from its device.
    failure: Option<String>,
}

enum Attribute<'a> {
    Float(f32),
    Int(i64),
    Ints(&'a [i64]),
}

impl Graph {
    pub(super) fn new(backbone: &Backbone) -> Self {
        let mut parameters = Parameters {
            place: Place::new(backbone.names()),
            names: HashMap::new(),
        };
        backbone.visit(&mut parameters);
        Self {
            message: Message::new(),
            names: parameters.names,
            nodes: 0,
            failure: None,
        }
    }

    /// The fields of the `GraphProto`, or why there are none.
    pub(super) fn finish(self) -> std::result::Result<Message, String> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.message),
        }
    }

    pub fn conv(&mut self, conv: &Conv2d, maps: Value) -> Value {
        let weight = self.parameter(&conv.weight);
        let bias = conv.bias.as_ref().map(|bias| self.parameter(bias));
        let [_, _, height, width] = conv.weight.lazy_shape().dims();
        let inputs: Vec<Value> = [maps, weight].into_iter().chain(bias).collect();
        let (stride, padding) = (conv.stride as i64, conv.padding as i64);
        let attributes = [
            (
                "kernel_shape",
                Attribute::Ints(&[height as i64, width as i64]),
            ),
            ("strides", Attribute::Ints(&[stride; 2])),
            ("pads", Attribute::Ints(&[padding; 4])),
            ("group", Attribute::Int(conv.groups as i64)),
        ];
        self.node("Conv", &inputs, &attributes)
    }

    /// With the running statistics.
    pub fn norm(&mut self, norm: &BatchNorm, input: Value) -> Value {
        let [mean, variance] =
            [&norm.running_mean, &norm.running_var].map(|state| self.state(state));
        let owner = mean.0.strip_suffix("running_mean").unwrap_or(&mean.0);
        let [scale, shift] = ["weight", "bias"].map(|leaf| format!("{owner}{leaf}"));
        let value = norm.running_mean.value_sync();
        let gamma = match &norm.gamma {
            Some(gamma) => self.parameter(gamma),
            None => self.weight(scale, value.ones_like()),
        };
        let beta = match &norm.beta {
            Some(beta) => self.parameter(beta),
            None => self.weight(shift, value.zeros_like()),
        };
        let epsilon = Attribute::Float(norm.epsilon as f32);
        let inputs = [input, gamma, beta, mean, variance];
        self.node("BatchNormalization", &inputs, &[("epsilon", epsilon)])
    }

    pub fn layer_norm(&mut self, norm: &LayerNorm, tokens: Value) -> Value {
        let inputs = [
            tokens,
            self.parameter(&norm.gamma),
            self.parameter(&norm.beta),
        ];
        let attributes = [
            ("axis", Attribute::Int(-1)),
            ("epsilon", Attribute::Float(norm.epsilon as f32)),
        ];
        self.node("LayerNormalization", &inputs, &attributes)
    }

    /// A slope for each channel of maps.
    pub fn prelu(&mut self, prelu: &Prelu, maps: Value) -> Value {
        let alpha = prelu.alpha.val();
        let name = self.name_of(&prelu.alpha);
        let slopes = self.weight(name, alpha.reshape([-1, 1, 1]));
        self.node("PRelu", &[maps, slopes], &[])
    }

    pub fn relu(&mut self, input: Value) -> Value {
        self.node("Relu", &[input], &[])
    }

    pub fn sigmoid(&mut self, input: Value) -> Value {
        self.node("Sigmoid", &[input], &[])
    }

    /// `[batch, channels, height, width]` to `[batch, channels, 1, 1]`.
    pub fn global_mean(&mut self, maps: Value) -> Value {
        self.node("GlobalAveragePool", &[maps], &[])
    }

    /// From whatever rank to the same, over the last dimension.
    pub fn linear(&mut self, linear: &Linear, input: Value) -> Value {
        let weight = self.parameter(&linear.weight);
        let product = self.node("MatMul", &[input, weight], &[]);
        match &linear.bias {
            Some(bias) => {
                let bias = self.parameter(bias);
                self.add(product, bias)
            }
            None => product,
        }
    }

    pub fn mlp(&mut self, mlp: &Mlp, tokens: Value) -> Value {
        let inner = self.linear(&mlp.fc1, tokens);
        let bounds = [0.0, 6.0].map(|bound| self.scalar(bound));
        let [low, high] = bounds;
        let inner = self.node("Clip", &[inner, low, high], &[]);
        self.linear(&mlp.fc2, inner)
    }

    /// `[batch, tokens, width]` to the same shape.
    pub fn attention(&mut self, attention: &Attention, tokens: Value) -> Value {
        let [width, _] = attention.proj.weight.lazy_shape().dims();
        let (heads, head) = (attention.heads as i64, (width / attention.heads) as i64);
        let parts = self.linear(&attention.qkv, tokens);
        let [query, key, value] = self.thirds(parts, width).map(|part| {
            // Zeros keep a dimension.
            let part = self.reshape(part, &[0, 0, heads, head]);
            self.transpose(part, &[0, 2, 1, 3])
        });
        let scale = self.scalar((head as f64).powf(-0.5) as f32);
        let query = self.node("Mul", &[query, scale], &[]);
        let key = self.transpose(key, &[0, 1, 3, 2]);
        let scores = self.node("MatMul", &[query, key], &[]);
        let shares = self.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
        let mixed = self.node("MatMul", &[shares, value], &[]);
        let mixed = self.transpose(mixed, &[0, 2, 1, 3]);
        let mixed = self.reshape(mixed, &[0, 0, width as i64]);
        self.linear(&attention.proj, mixed)
    }

    pub fn add(&mut self, left: Value, right: Value) -> Value {
        self.node("Add", &[left, right], &[])
    }

    pub fn multiply(&mut self, left: Value, right: Value) -> Value {
        self.node("Mul", &[left, right], &[])
    }

    pub fn max_pool(&mut self, maps: Value, kernel: usize, stride: usize, padding: usize) -> Value {
        let attributes = [
            ("kernel_shape", Attribute::Ints(&[kernel as i64; 2])),
            ("strides", Attribute::Ints(&[stride as i64; 2])),
            ("pads", Attribute::Ints(&[padding as i64; 4])),
        ];
        self.node("MaxPool", &[maps], &attributes)
    }

    /// All dimensions but the first as one.
    pub fn flatten(&mut self, input: Value) -> Value {
        self.node("Flatten", &[input], &[("axis", Attribute::Int(1))])
    }

    /// A zero keeps a dimension, -1 is what remains.
    pub fn reshape(&mut self, input: Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.node("Reshape", &[input, shape], &[])
    }

    pub fn transpose(&mut self, input: Value, order: &[i64]) -> Value {
        self.node("Transpose", &[input], &[("perm", Attribute::Ints(order))])
    }

    /// A tensor of the network under its name.
    pub fn parameter<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) -> Value {
        let name = self.name_of(parameter);
        self.weight(name, parameter.val())
    }

    /// A running statistic under its name.
    fn state(&mut self, state: &RunningState<Tensor<1>>) -> Value {
        // Its number shows to visitors alone.
        let mut find = Visited::default();
        state.visit(&mut find);
        let name = find.0.and_then(|id| self.names.get(&id).cloned());
        let name = name.unwrap_or_else(|| format!("statistic_{}", self.nodes));
        self.weight(name, state.value_sync())
    }

    fn name_of<const D: usize>(&self, parameter: &Param<Tensor<D>>) -> String {
        let name = self.names.get(&parameter.id);
        name.cloned()
            .unwrap_or_else(|| format!("weight_{}", self.nodes))
    }

    fn weight<const D: usize>(&mut self, name: String, tensor: Tensor<D>) -> Value {
        let shape = tensor.dims();
        match little_endian(tensor) {
            Ok(bytes) => self.initializer(name, FLOAT, &shape, &bytes),
            Err(error) => {
                self.failure.get_or_insert(format!("{name}: {error}"));
                Value(name)
            }
        }
    }

    fn scalar(&mut self, value: f32) -> Value {
        let name = format!("scalar_{}_{value}", self.nodes);
        self.initializer(name, FLOAT, &[], &value.to_le_bytes())
    }

    fn initializer(&mut self, name: String, kind: u64, shape: &[usize], bytes: &[u8]) -> Value {
        let tensor = shape.iter().fold(Message::new(), |tensor, &size| {
            tensor.integer(1, size as u64)
        });
        let tensor = tensor.integer(2, kind).text(8, &name).bytes(9, bytes);
        self.put(5, tensor);
        Value(name)
    }

    /// Three parts of the last dimension, each of `width`.
    fn thirds(&mut self, input: Value, width: usize) -> [Value; 3] {
        let name = format!("Split_{}", self.nodes);
        let parts = [0, 1, 2].map(|part| Value(format!("{name}_{part}")));
        let widths = self.integers(&[width as i64; 3]);
        let axis = Attribute::Int(-1);
        self.node_into("Split", &[input, widths], &parts, &[("axis", axis)]);
        parts
    }

    fn integers(&mut self, values: &[i64]) -> Value {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let name = format!("integers_{}", self.nodes);
        self.initializer(name, INT64, &[values.len()], &bytes)
    }

    fn node(&mut self, kind: &str, inputs: &[Value], attributes: &[(&str, Attribute)]) -> Value {
        let output = Value(format!("{kind}_{}", self.nodes));
        self.node_into(kind, inputs, std::slice::from_ref(&output), attributes);
        output
    }

    pub(super) fn rename(&mut self, input: Value, name: &str) {
        self.node_into("Identity", &[input], &[Value::new(name)], &[]);
    }

    /// A node whose outputs have names already.
    fn node_into(
        &mut self,
        kind: &str,
        inputs: &[Value],
        outputs: &[Value],
        attributes: &[(&str, Attribute)],
    ) {
        let mut node = Message::new();
        for input in inputs {
            node = node.text(1, &input.0);
        }
        for output in outputs {
            node = node.text(2, &output.0);
        }
        let name = format!("{kind}_{}", self.nodes);
        node = node.text(3, &name).text(4, kind);
        for (name, attribute) in attributes {
            let message = Message::new().text(1, name);
            let message = match attribute {
                Attribute::Float(value) => message.float(2, *value).integer(20, ATTRIBUTE_FLOAT),
                Attribute::Int(value) => {
                    message.integer(3, *value as u64).integer(20, ATTRIBUTE_INT)
                }
                Attribute::Ints(values) => values
                    .iter()
                    .fold(message, |message, &value| message.integer(8, value as u64))
                    .integer(20, ATTRIBUTE_INTS),
            };
            node = node.message(5, message);
        }
        self.put(1, node);
        self.nodes += 1;
    }

    fn put(&mut self, field: u32, message: Message) {
        let graph = std::mem::take(&mut self.message);
        self.message = graph.message(field, message);
    }
}

/// The number of the tensor that was visited.
#[derive(Default)]
struct Visited(Option<ParamId>);

impl ModuleVisitor for Visited {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 = Some(param.id);
    }
}

/// Collects the names of a network's tensors.
struct Parameters {
    place: Place,
    names: HashMap<ParamId, String>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.place.tensor(&param.lazy_shape()).name;
        self.names.insert(param.id, name);
    }
}
