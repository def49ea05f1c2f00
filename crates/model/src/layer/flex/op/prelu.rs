use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::{contiguous, pixels, tensor};
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::prelu;

impl Kernels {
    /// PReLU of `[batch, channels, ..]`.
    pub fn prelu<const D: usize>(self, input: Tensor<D>, alpha: Tensor<1>) -> Tensor<D> {
        let (input, alpha) = (input.into_dispatch(), alpha.into_dispatch());
        Tensor::from_dispatch(Dispatch::face_prelu(input, alpha))
    }
}

#[backend_extension(Flex, Autodiff)]
trait PreluOp: Backend {
    fn face_prelu(input: FloatTensor<Self>, alpha: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl PreluOp for Flex {
    fn face_prelu(input: FlexTensor, alpha: FlexTensor) -> FlexTensor {
        let (mut values, alpha) = (contiguous(input), contiguous(alpha));
        let pixels = pixels(&values.shape());
        prelu::forward(values.storage_mut(), pixels, alpha.storage());
        values
    }
}

impl<C: CheckpointStrategy> PreluOp for Autodiff<Flex, C> {
    fn face_prelu(input: FloatTensor<Self>, alpha: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct PreluBackward;

        impl Backward<Flex, 2> for PreluBackward {
            /// Nodes of the input and alpha.
            type State = (NodeId, NodeId);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [input_node, alpha_node] = ops.parents;
                let (input, alpha) = ops.state;
                let mut retrieve = |node| -> FlexTensor {
                    contiguous(checkpointer.retrieve_node_output::<FlexTensor>(node))
                };
                let (input, alpha) = (retrieve(input), retrieve(alpha));
                let mut gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                let alpha_gradient = prelu::backward(
                    input.storage(),
                    gradient.storage_mut(),
                    pixels(&input.shape()),
                    alpha.storage(),
                );
                if let Some(node) = input_node {
                    gradients.register::<Flex>(node.id, gradient);
                }
                if let Some(node) = alpha_node {
                    gradients.register::<Flex>(node.id, tensor(alpha_gradient, alpha.shape()));
                }
            }
        }

        match PreluBackward
            .prepare::<C>([input.node(), alpha.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&input), prep.checkpoint(&alpha));
                let (input, alpha) = (input.into_primitive(), alpha.into_primitive());
                prep.finish(state, Flex::face_prelu(input, alpha))
            }
            OpsKind::UnTracked(prep) => {
                let (input, alpha) = (input.into_primitive(), alpha.into_primitive());
                prep.finish(Flex::face_prelu(input, alpha))
            }
        }
    }
}
