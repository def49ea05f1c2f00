use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::{contiguous, tensor};
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::layer_norm;

impl Kernels {
    /// Layer normalisation.
    pub fn layer_norm<const D: usize>(
        self,
        input: Tensor<D>,
        gamma: Tensor<1>,
        beta: Tensor<1>,
        epsilon: f64,
    ) -> Tensor<D> {
        let (gamma, beta) = (gamma.into_dispatch(), beta.into_dispatch());
        Tensor::from_dispatch(Dispatch::face_layer_norm(
            input.into_dispatch(),
            gamma,
            beta,
            epsilon,
        ))
    }
}

#[backend_extension(Flex, Autodiff)]
trait LayerNormOp: Backend {
    fn face_layer_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;
}

impl LayerNormOp for Flex {
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
}

impl<C: CheckpointStrategy> LayerNormOp for Autodiff<Flex, C> {
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
}
