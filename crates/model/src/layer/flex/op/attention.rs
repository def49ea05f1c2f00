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
use crate::layer::flex::kernel::attention::Attention;

impl Kernels {
    /// Attention over `[batch, tokens, 3 width]`: queries, keys and values side by side.
    pub fn attention(self, input: Tensor<3>, heads: usize) -> Tensor<3> {
        Tensor::from_dispatch(Dispatch::face_attention(input.into_dispatch(), heads))
    }
}

#[backend_extension(Flex, Autodiff)]
trait AttentionOp: Backend {
    /// `[batch, tokens, 3 width]` to `[batch, tokens, width]`.
    fn face_attention(input: FloatTensor<Self>, heads: usize) -> FloatTensor<Self>;
}

impl AttentionOp for Flex {
    fn face_attention(input: FlexTensor, heads: usize) -> FlexTensor {
        let attention = attention(&input.shape(), heads);
        let shape = [input.shape()[0], attention.tokens, attention.width];
        tensor(attention.output(contiguous(input).storage()), shape)
    }
}

impl<C: CheckpointStrategy> AttentionOp for Autodiff<Flex, C> {
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
