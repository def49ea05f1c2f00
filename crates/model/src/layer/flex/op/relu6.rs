use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

use super::contiguous;
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::relu6;

impl Kernels {
    /// ReLU6.
    pub fn relu6<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        Tensor::from_dispatch(Dispatch::face_relu6(input.into_dispatch()))
    }
}

#[backend_extension(Flex, Autodiff)]
trait Relu6Op: Backend {
    fn face_relu6(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Relu6Op for Flex {
    fn face_relu6(input: FlexTensor) -> FlexTensor {
        let mut values = contiguous(input);
        relu6::forward(values.storage_mut());
        values
    }
}

impl<C: CheckpointStrategy> Relu6Op for Autodiff<Flex, C> {
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
                relu6::backward(ops.state.storage(), gradient.storage_mut());
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
