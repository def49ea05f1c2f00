//! How burn calls the kernels: an operation of the Flex backend, and one of autodiff over it with its own backward.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, TensorData};

use crate::layer::flex::kernel::batch_norm::{self, Norm, Statistics};
use crate::layer::flex::kernel::conv_geometry::Window;
use crate::layer::flex::kernel::conv2d::Convolution;
use crate::layer::flex::kernel::depthwise::Depthwise;
use crate::layer::flex::kernel::im2col::Grid;
use crate::layer::flex::kernel::prelu as rectifier;

/// The layers as operations of a backend.
#[backend_extension(Flex, Autodiff)]
pub(super) trait FaceLayers: Backend {
    fn face_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self>;

    /// Output, mean and biased variance.
    fn face_batch_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn face_prelu(input: FloatTensor<Self>, alpha: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Without a gradient on autodiff backends.
    fn face_scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl FaceLayers for Flex {
    fn face_convolution(input: FlexTensor, weight: FlexTensor, window: Window) -> FlexTensor {
        let kind = Kind::new(&input.shape(), &weight.shape(), window);
        let (input, weight) = (contiguous(input), contiguous(weight));
        let output = match &kind {
            Kind::Full(full) => full.output(input.storage(), weight.storage()),
            Kind::Depthwise(depthwise) => depthwise.output(input.storage(), weight.storage(), None),
        };
        tensor(output, kind.out(&input.shape(), &weight.shape()))
    }

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

    fn face_prelu(input: FlexTensor, alpha: FlexTensor) -> FlexTensor {
        let (mut values, alpha) = (contiguous(input), contiguous(alpha));
        let pixels = pixels(&values.shape());
        rectifier::rectify(values.storage_mut(), pixels, alpha.storage());
        values
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

impl<C: CheckpointStrategy> FaceLayers for Autodiff<Flex, C> {
    fn face_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct ConvolutionBackward;

        impl Backward<Flex, 2> for ConvolutionBackward {
            /// Nodes of the input and the weight, each where the other's gradient needs it.
            type State = (Option<NodeId>, Option<NodeId>, [Shape; 2], Window);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [input_node, weight_node] = ops.parents;
                let (input, weight, [input_shape, weight_shape], window) = ops.state;
                let mut retrieve = |node| -> FlexTensor {
                    contiguous(checkpointer.retrieve_node_output::<FlexTensor>(node))
                };
                let (input, weight) = (input.map(&mut retrieve), weight.map(&mut retrieve));
                let gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                let kind = Kind::new(&input_shape, &weight_shape, window);
                if let (Some(node), Some(weight)) = (input_node, weight) {
                    let (weight, gradient) = (weight.storage(), gradient.storage());
                    let values = match kind {
                        Kind::Full(full) => full.input_gradient(weight, gradient),
                        Kind::Depthwise(depthwise) => depthwise.input_gradient(weight, gradient),
                    };
                    gradients.register::<Flex>(node.id, tensor(values, input_shape));
                }
                if let (Some(node), Some(input)) = (weight_node, input) {
                    let (input, gradient) = (input.storage(), gradient.storage());
                    let values = match kind {
                        Kind::Full(full) => full.weight_gradient(input, gradient),
                        Kind::Depthwise(depthwise) => depthwise.weight_gradient(input, gradient),
                    };
                    gradients.register::<Flex>(node.id, tensor(values, weight_shape));
                }
            }
        }

        let shapes = [input.shape(), weight.shape()];
        let (input_tracked, weight_tracked) = (input.is_tracked(), weight.is_tracked());
        match ConvolutionBackward
            .prepare::<C>([input.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let input_node = weight_tracked.then(|| prep.checkpoint(&input));
                let weight_node = input_tracked.then(|| prep.checkpoint(&weight));
                let (input, weight) = (input.into_primitive(), weight.into_primitive());
                let output = Flex::face_convolution(input, weight, window);
                prep.finish((input_node, weight_node, shapes, window), output)
            }
            OpsKind::UnTracked(prep) => {
                let (input, weight) = (input.into_primitive(), weight.into_primitive());
                prep.finish(Flex::face_convolution(input, weight, window))
            }
        }
    }

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
                let alpha_gradient = rectifier::backward(
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

    fn face_scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [input, scale, shift] = [input, scale, shift].map(|x| x.into_primitive());
        FloatTensor::<Self>::new(Flex::face_scale_and_shift(input, scale, shift))
    }
}

pub(super) enum Kind {
    Full(Convolution),
    Depthwise(Depthwise),
}

impl Kind {
    pub fn new(input: &Shape, weight: &Shape, window: Window) -> Self {
        let [batch, inputs, height, width] = input.dims();
        let grid = Grid::new(window, height, width);
        if window.depthwise {
            Self::Depthwise(Depthwise {
                channels: inputs,
                grid,
            })
        } else {
            Self::Full(Convolution {
                batch,
                inputs,
                outputs: weight[0],
                grid,
            })
        }
    }

    /// Shape of the output.
    pub fn out(&self, input: &Shape, weight: &Shape) -> [usize; 4] {
        let [height, width] = match self {
            Self::Full(full) => full.grid.out(),
            Self::Depthwise(depthwise) => depthwise.grid.out(),
        };
        [input[0], weight[0], height, width]
    }
}

fn norm(shape: &Shape, epsilon: f64) -> Norm {
    Norm {
        channels: shape[1],
        pixels: pixels(shape),
        epsilon,
    }
}

/// Numbers of one channel of one picture.
fn pixels(shape: &Shape) -> usize {
    shape.iter().skip(2).product()
}

/// The same values, alone in their buffer and in order.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

pub(super) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
