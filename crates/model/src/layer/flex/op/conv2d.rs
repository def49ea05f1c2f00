use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Shape, Tensor};

use super::{contiguous, tensor};
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::conv_geometry::ConvGeometry;
use crate::layer::flex::kernel::conv2d::Conv2d;
use crate::layer::flex::kernel::depthwise::Depthwise;
use crate::layer::flex::kernel::im2col::Im2col;

impl Kernels {
    /// [`of`](Self::of) a convolution's input. None also where the kernels do not fit: oblong kernels, strides or paddings, dilation, groups
    /// of several channels, more padding than kernel, shapes that burn will refuse.
    pub fn of_conv2d(
        input: &Tensor<4>,
        weight: [usize; 4],
        options: &ConvOptions<2>,
    ) -> Option<Self> {
        let [outputs, group, kernel, kernel_width] = weight;
        let [_, inputs, height, width] = input.dims();
        let &ConvOptions {
            stride,
            padding: [(padding, _), _],
            dilation,
            groups,
        } = options;
        let depthwise = groups > 1;
        let fits = kernel == kernel_width
            && stride[0] == stride[1]
            && options.padding == [(padding, padding); 2]
            && dilation == [1, 1]
            && padding < kernel
            && inputs == group * groups
            && (!depthwise || (group == 1 && outputs == inputs))
            && height.min(width) + 2 * padding >= kernel;
        if fits { Self::of(input) } else { None }
    }

    /// Convolution without bias.
    pub fn conv2d(
        self,
        input: Tensor<4>,
        weight: Tensor<4>,
        options: &ConvOptions<2>,
    ) -> Tensor<4> {
        let geometry = geometry(weight.dims(), options);
        let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
        Tensor::from_dispatch(Dispatch::face_conv2d(input, weight, geometry))
    }
}

#[backend_extension(Flex, Autodiff)]
trait Conv2dOp: Backend {
    fn face_conv2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: ConvGeometry,
    ) -> FloatTensor<Self>;
}

impl Conv2dOp for Flex {
    fn face_conv2d(input: FlexTensor, weight: FlexTensor, geometry: ConvGeometry) -> FlexTensor {
        let kind = Kind::new(&input.shape(), &weight.shape(), geometry);
        let (input, weight) = (contiguous(input), contiguous(weight));
        let output = match &kind {
            Kind::Full(full) => full.output(input.storage(), weight.storage()),
            Kind::Depthwise(depthwise) => depthwise.output(input.storage(), weight.storage(), None),
        };
        tensor(output, kind.out(&input.shape(), &weight.shape()))
    }
}

impl<C: CheckpointStrategy> Conv2dOp for Autodiff<Flex, C> {
    fn face_conv2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: ConvGeometry,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Conv2dBackward;

        impl Backward<Flex, 2> for Conv2dBackward {
            /// Nodes of the input and the weight, each where the other's gradient needs it.
            type State = (Option<NodeId>, Option<NodeId>, [Shape; 2], ConvGeometry);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                gradients: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let [input_node, weight_node] = ops.parents;
                let (input, weight, [input_shape, weight_shape], geometry) = ops.state;
                let mut retrieve = |node| -> FlexTensor {
                    contiguous(checkpointer.retrieve_node_output::<FlexTensor>(node))
                };
                let (input, weight) = (input.map(&mut retrieve), weight.map(&mut retrieve));
                let gradient = contiguous(gradients.consume::<Flex>(&ops.node));
                let kind = Kind::new(&input_shape, &weight_shape, geometry);
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
        match Conv2dBackward
            .prepare::<C>([input.node(), weight.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let input_node = weight_tracked.then(|| prep.checkpoint(&input));
                let weight_node = input_tracked.then(|| prep.checkpoint(&weight));
                let (input, weight) = (input.into_primitive(), weight.into_primitive());
                let output = Flex::face_conv2d(input, weight, geometry);
                prep.finish((input_node, weight_node, shapes, geometry), output)
            }
            OpsKind::UnTracked(prep) => {
                let (input, weight) = (input.into_primitive(), weight.into_primitive());
                prep.finish(Flex::face_conv2d(input, weight, geometry))
            }
        }
    }
}

/// Of what [`Kernels::of_conv2d`] lets through.
pub(super) fn geometry(weight: [usize; 4], options: &ConvOptions<2>) -> ConvGeometry {
    ConvGeometry {
        kernel: weight[2],
        stride: options.stride[0],
        padding: options.padding[0].0,
        depthwise: options.groups > 1,
    }
}

pub(super) enum Kind {
    Full(Conv2d),
    Depthwise(Depthwise),
}

impl Kind {
    pub fn new(input: &Shape, weight: &Shape, geometry: ConvGeometry) -> Self {
        let [batch, inputs, height, width] = input.dims();
        let im2col = Im2col::new(geometry, height, width);
        if geometry.depthwise {
            Self::Depthwise(Depthwise {
                channels: inputs,
                im2col,
            })
        } else {
            Self::Full(Conv2d {
                batch,
                inputs,
                outputs: weight[0],
                im2col,
            })
        }
    }

    /// Shape of the output.
    pub fn out(&self, input: &Shape, weight: &Shape) -> [usize; 4] {
        let [height, width] = match self {
            Self::Full(full) => full.im2col.out(),
            Self::Depthwise(depthwise) => depthwise.im2col.out(),
        };
        [input[0], weight[0], height, width]
    }
}
