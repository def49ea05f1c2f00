use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::{contiguous, tensor};
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::linear::Linear;

impl Kernels {
    /// [`of`](Self::of) a linear layer's input. None also where it has few rows: the kernel gains by many.
    pub fn of_rows<const D: usize>(input: &Tensor<D>) -> Option<Self> {
        const MANY: usize = 256;
        let features = input.dims()[D - 1];
        (features > 0 && input.shape().num_elements() / features >= MANY)
            .then(|| Self::of(input))
            .flatten()
    }

    /// `x W + b`.
    pub fn linear<const D: usize>(
        self,
        input: Tensor<D>,
        weight: Tensor<2>,
        bias: Tensor<1>,
    ) -> Tensor<D> {
        let (weight, bias) = (weight.into_dispatch(), bias.into_dispatch());
        Tensor::from_dispatch(Dispatch::face_linear(input.into_dispatch(), weight, bias))
    }
}

#[backend_extension(Flex, Autodiff)]
trait LinearOp: Backend {
    /// `x W + b`.
    fn face_linear(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl LinearOp for Flex {
    fn face_linear(input: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let linear = linear(&weight.shape());
        let mut shape = input.shape();
        let last = shape.num_dims() - 1;
        shape[last] = linear.outputs;
        let [input, weight, bias] = [input, weight, bias].map(contiguous);
        tensor(
            linear.output(input.storage(), weight.storage(), Some(bias.storage())),
            shape,
        )
    }
}

impl<C: CheckpointStrategy> LinearOp for Autodiff<Flex, C> {
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
                let linear = linear(&weight_shape);
                if let (Some(node), Some(weight)) = (input_node, weight) {
                    let values = linear.input_gradient(weight.storage(), gradient.storage());
                    gradients.register::<Flex>(node.id, tensor(values, input_shape));
                }
                if let (Some(node), Some(input)) = (weight_node, input) {
                    let values = linear.weight_gradient(input.storage(), gradient.storage());
                    gradients.register::<Flex>(node.id, tensor(values, weight_shape));
                }
                if let Some(node) = bias_node {
                    let values = linear.bias_gradient(gradient.storage());
                    gradients.register::<Flex>(node.id, tensor(values, [linear.outputs]));
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
}

pub(super) fn linear(weight: &Shape) -> Linear {
    let [inputs, outputs] = weight.dims();
    Linear { inputs, outputs }
}
