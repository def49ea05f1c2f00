use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::{contiguous, pixels, tensor};
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::batch_norm::{self, BatchNorm, Statistics};

impl Kernels {
    /// Output, mean and biased variance.
    pub fn batch_norm<const D: usize>(
        self,
        input: Tensor<D>,
        gamma: Tensor<1>,
        beta: Tensor<1>,
        epsilon: f64,
    ) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
        let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
        let (output, mean, variance) =
            Dispatch::face_batch_norm(input.into_dispatch(), gamma, beta, epsilon);
        (
            Tensor::from_dispatch(output),
            Tensor::from_dispatch(mean),
            Tensor::from_dispatch(variance),
        )
    }

    /// `scale x + shift` for each channel, without gradient.
    pub fn scale_and_shift<const D: usize>(
        self,
        input: Tensor<D>,
        scale: Tensor<1>,
        shift: Tensor<1>,
    ) -> Tensor<D> {
        let (scale, shift) = (scale.into_dispatch(), shift.into_dispatch());
        Tensor::from_dispatch(Dispatch::face_scale_and_shift(
            input.into_dispatch(),
            scale,
            shift,
        ))
    }
}

#[backend_extension(Flex, Autodiff)]
trait BatchNormOp: Backend {
    /// Output, mean and biased variance.
    fn face_batch_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Without a gradient on autodiff backends.
    fn face_scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl BatchNormOp for Flex {
    fn face_batch_norm(
        input: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let norm = norm(&input.shape(), epsilon);
        let (mut values, gamma, beta) = (contiguous(input), contiguous(gamma), contiguous(beta));
        let statistics = norm.forward(values.storage_mut(), gamma.storage(), beta.storage());
        let mean = tensor(statistics.mean, [norm.channels]);
        (values, mean, tensor(statistics.variance, [norm.channels]))
    }

    fn face_scale_and_shift(input: FlexTensor, scale: FlexTensor, shift: FlexTensor) -> FlexTensor {
        let (mut values, scale, shift) = (contiguous(input), contiguous(scale), contiguous(shift));
        let pixels = pixels(&values.shape());
        batch_norm::scale_and_shift(
            values.storage_mut(),
            pixels,
            scale.storage(),
            shift.storage(),
        );
        values
    }
}

impl<C: CheckpointStrategy> BatchNormOp for Autodiff<Flex, C> {
    fn face_batch_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        #[derive(Debug)]
        struct NormBackward;

        impl Backward<Flex, 3> for NormBackward {
            /// Nodes of the input and gamma, mean and variance, epsilon.
            type State = (NodeId, NodeId, [FlexTensor; 2], f64);

            fn backward(
                self,
                ops: Ops<Self::State, 3>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [input_node, gamma_node, beta_node] = ops.parents;
                let (input, gamma, [mean, variance], epsilon) = ops.state;
                let mut retrieve = |node| -> FlexTensor {
                    contiguous(checkpointer.retrieve_node_output::<FlexTensor>(node))
                };
                let (input, gamma) = (retrieve(input), retrieve(gamma));
                let mut gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                let norm = norm(&input.shape(), epsilon);
                let statistics = Statistics {
                    mean: mean.storage().to_vec(),
                    variance: variance.storage().to_vec(),
                };
                let parameters = norm.backward(
                    input.storage(),
                    gradient.storage_mut(),
                    gamma.storage(),
                    &statistics,
                );
                if let Some(node) = input_node {
                    gradients.register::<Flex>(node.id, gradient);
                }
                if let Some(node) = gamma_node {
                    let gradient = tensor(parameters.gamma, [norm.channels]);
                    gradients.register::<Flex>(node.id, gradient);
                }
                if let Some(node) = beta_node {
                    let gradient = tensor(parameters.beta, [norm.channels]);
                    gradients.register::<Flex>(node.id, gradient);
                }
            }
        }

        let prep = NormBackward.prepare::<C>([input.node(), gamma.node(), beta.node()]);
        let (output, mean, variance) = match prep.compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let (input_node, gamma_node) = (prep.checkpoint(&input), prep.checkpoint(&gamma));
                let [input, gamma, beta] = [input, gamma, beta].map(|x| x.into_primitive());
                let (output, mean, variance) = Flex::face_batch_norm(input, gamma, beta, epsilon);
                let statistics = [mean.clone(), variance.clone()];
                let state = (input_node, gamma_node, statistics, epsilon);
                (prep.finish(state, output), mean, variance)
            }
            OpsKind::UnTracked(prep) => {
                let [input, gamma, beta] = [input, gamma, beta].map(|x| x.into_primitive());
                let (output, mean, variance) = Flex::face_batch_norm(input, gamma, beta, epsilon);
                (prep.finish(output), mean, variance)
            }
        };
        let constant = FloatTensor::<Self>::new;
        (output, constant(mean), constant(variance))
    }

    fn face_scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [input, scale, shift] = [input, scale, shift].map(|x| x.into_primitive());
        FloatTensor::<Self>::new(Flex::face_scale_and_shift(input, scale, shift))
    }
}

fn norm(shape: &Shape, epsilon: f64) -> BatchNorm {
    BatchNorm {
        channels: shape[1],
        pixels: pixels(shape),
        epsilon,
    }
}
