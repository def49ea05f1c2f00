//! The layers of transformers as [operations](super::conv2d) of the backend and of autodiff.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Shape;

use super::conv2d::{contiguous, tensor};
use crate::layer::flex::kernel::attention::Attention;
use crate::layer::flex::kernel::linear::Dense;
use crate::layer::flex::kernel::{layer_norm, prelu as rectifier};

/// The layers as operations of a backend.
#[backend_extension(Flex, Autodiff)]
pub(super) trait TransformerLayers: Backend {
    /// `x W + b`.
    fn face_linear(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn face_layer_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    /// `[batch, tokens, 3 width]` to `[batch, tokens, width]`.
    fn face_attention(input: FloatTensor<Self>, heads: usize) -> FloatTensor<Self>;

    fn face_relu6(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl TransformerLayers for Flex {
    fn face_linear(input: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let dense = dense(&weight.shape());
        let mut shape = input.shape();
        let last = shape.num_dims() - 1;
        shape[last] = dense.outputs;
        let [input, weight, bias] = [input, weight, bias].map(contiguous);
        tensor(
            dense.output(input.storage(), weight.storage(), Some(bias.storage())),
            shape,
        )
    }

    fn face_layer_norm(
        input: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> FlexTensor {
        let [mut values, gamma, beta] = [input, gamma, beta].map(contiguous);
        layer_norm::forward(
            values.storage_mut(),
            gamma.storage(),
            beta.storage(),
            epsilon,
        );
        values
    }

    fn face_attention(input: FlexTensor, heads: usize) -> FlexTensor {
        let attention = attention(&input.shape(), heads);
        let shape = [input.shape()[0], attention.tokens, attention.width];
        tensor(attention.output(contiguous(input).storage()), shape)
    }

    fn face_relu6(input: FlexTensor) -> FlexTensor {
        let mut values = contiguous(input);
        rectifier::relu6(values.storage_mut());
        values
    }
}

impl<C: CheckpointStrategy> TransformerLayers for Autodiff<Flex, C> {
    fn face_linear(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct LinearBackward;

        impl Backward<Flex, 3> for LinearBackward {
            /// Nodes of the input and the weight, each where the other's gradient needs it, and shapes of both.
            type State = (Option<NodeId>, Option<NodeId>, [Shape; 2]);

            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [input_node, weight_node, bias_node] = ops.parents;
                let (input, weight, [input_shape, weight_shape]) = ops.state;
                let mut retrieve = |node| -> FlexTensor {
                    contiguous(checkpointer.retrieve_node_output::<FlexTensor>(node))
                };
                let (input, weight) = (input.map(&mut retrieve), weight.map(&mut retrieve));
                let gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                let dense = dense(&weight_shape);
                if let (Some(node), Some(weight)) = (input_node, weight) {
                    let values = dense.input_gradient(weight.storage(), gradient.storage());
                    gradients.register::<Flex>(node.id, tensor(values, input_shape));
                }
                if let (Some(node), Some(input)) = (weight_node, input) {
                    let values = dense.weight_gradient(input.storage(), gradient.storage());
                    gradients.register::<Flex>(node.id, tensor(values, weight_shape));
                }
                if let Some(node) = bias_node {
                    let values = dense.bias_gradient(gradient.storage());
                    gradients.register::<Flex>(node.id, tensor(values, [dense.outputs]));
                }
            }
        }

        let shapes = [input.shape(), weight.shape()];
        let (input_tracked, weight_tracked) = (input.is_tracked(), weight.is_tracked());
        let prep = LinearBackward.prepare::<C>([input.node(), weight.node(), bias.node()]);
        match prep.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let input_node = weight_tracked.then(|| prep.checkpoint(&input));
                let weight_node = input_tracked.then(|| prep.checkpoint(&weight));
                let [input, weight, bias] = [input, weight, bias].map(|x| x.into_primitive());
                let output = Flex::face_linear(input, weight, bias);
                prep.finish((input_node, weight_node, shapes), output)
            }
            OpsKind::UnTracked(prep) => {
                let [input, weight, bias] = [input, weight, bias].map(|x| x.into_primitive());
                prep.finish(Flex::face_linear(input, weight, bias))
            }
        }
    }

    fn face_layer_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct LayerNormBackward;

        impl Backward<Flex, 3> for LayerNormBackward {
            /// Nodes of the input and gamma, epsilon.
            type State = (NodeId, NodeId, f64);

            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [input_node, gamma_node, beta_node] = ops.parents;
                let (input, gamma, epsilon) = ops.state;
                let mut retrieve = |node| -> FlexTensor {
                    contiguous(checkpointer.retrieve_node_output::<FlexTensor>(node))
                };
                let (input, gamma) = (retrieve(input), retrieve(gamma));
                let mut gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                let [gamma_gradient, beta_gradient] = layer_norm::backward(
                    input.storage(),
                    gradient.storage_mut(),
                    gamma.storage(),
                    epsilon,
                );
                if let Some(node) = input_node {
                    gradients.register::<Flex>(node.id, gradient);
                }
                if let Some(node) = gamma_node {
                    gradients.register::<Flex>(node.id, tensor(gamma_gradient, gamma.shape()));
                }
                if let Some(node) = beta_node {
                    gradients.register::<Flex>(node.id, tensor(beta_gradient, gamma.shape()));
                }
            }
        }

        let prep = LayerNormBackward.prepare::<C>([input.node(), gamma.node(), beta.node()]);
        match prep.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&input), prep.checkpoint(&gamma), epsilon);
                let [input, gamma, beta] = [input, gamma, beta].map(|x| x.into_primitive());
                prep.finish(state, Flex::face_layer_norm(input, gamma, beta, epsilon))
            }
            OpsKind::UnTracked(prep) => {
                let [input, gamma, beta] = [input, gamma, beta].map(|x| x.into_primitive());
                prep.finish(Flex::face_layer_norm(input, gamma, beta, epsilon))
            }
        }
    }

    fn face_attention(input: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct AttentionBackward;

        impl Backward<Flex, 1> for AttentionBackward {
            /// Node of the input, heads.
            type State = (NodeId, usize);

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [node] = ops.parents;
                let (input, heads) = ops.state;
                let input = contiguous(checkpointer.retrieve_node_output::<FlexTensor>(input));
                let gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                if let Some(node) = node {
                    let attention = attention(&input.shape(), heads);
                    let values = attention.input_gradient(input.storage(), gradient.storage());
                    gradients.register::<Flex>(node.id, tensor(values, input.shape()));
                }
            }
        }

        let prep = AttentionBackward.prepare::<C>([input.node()]);
        match prep.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&input), heads);
                prep.finish(state, Flex::face_attention(input.into_primitive(), heads))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(Flex::face_attention(input.into_primitive(), heads))
            }
        }
    }

    fn face_relu6(input: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Relu6Backward;

        impl Backward<Flex, 1> for Relu6Backward {
            /// The output: it tells where the input was clamped.
            type State = FlexTensor;

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                gradients: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let [node] = ops.parents;
                let mut gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                rectifier::relu6_backward(ops.state.storage(), gradient.storage_mut());
                if let Some(node) = node {
                    gradients.register::<Flex>(node.id, gradient);
                }
            }
        }

        let prep = Relu6Backward.prepare::<C>([input.node()]);
        match prep.compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let output = Flex::face_relu6(input.into_primitive());
                prep.finish(output.clone(), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(Flex::face_relu6(input.into_primitive())),
        }
    }
}

pub(super) fn dense(weight: &Shape) -> Dense {
    let [inputs, outputs] = weight.dims();
    Dense { inputs, outputs }
}

/// Of `[batch, tokens, 3 width]`.
fn attention(input: &Shape, heads: usize) -> Attention {
    let [_, tokens, parts] = input.dims();
    Attention {
        tokens,
        width: parts / 3,
        heads,
    }
}
