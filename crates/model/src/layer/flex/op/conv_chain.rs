use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;

use super::conv2d::{Kind, geometry};
use super::{contiguous, tensor};
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::conv_geometry::ConvGeometry;
use crate::layer::flex::kernel::fusion::{Affine, Fusion};

impl Kernels {
    /// A convolution and what is fused with it in evaluation, without gradient. A depthwise one has neither `before` nor a shortcut.
    ///
    /// `before` is scale and shift of each channel of the input, `after` scale, shift and slope of each channel of the output. The shortcut is
    /// added before the slope, by which numbers are multiplied where they are not positive.
    pub fn conv_chain(
        self,
        input: Tensor<4>,
        weight: Tensor<4>,
        options: &ConvOptions<2>,
        before: Option<[Vec<f32>; 2]>,
        [scale, shift, slope]: [Vec<f32>; 3],
        shortcut: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let geometry = geometry(weight.dims(), options);
        let fusion = Fusion {
            before: before.map(|[scale, shift]| Affine { scale, shift }),
            after: Affine { scale, shift },
            slope,
        };
        let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
        Tensor::from_dispatch(match shortcut {
            Some(shortcut) => {
                let shortcut = shortcut.into_dispatch();
                Dispatch::face_conv_chain_onto(shortcut, input, weight, geometry, fusion)
            }
            None => Dispatch::face_conv_chain(input, weight, geometry, fusion),
        })
    }
}

#[backend_extension(Flex)]
trait ConvChainOp: Backend {
    /// A convolution with what is fused with it.
    fn face_conv_chain(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: ConvGeometry,
        fusion: Fusion,
    ) -> FloatTensor<Self>;

    /// The same, added to a shortcut of the output's shape before the slope.
    fn face_conv_chain_onto(
        shortcut: FloatTensor<Self>,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: ConvGeometry,
        fusion: Fusion,
    ) -> FloatTensor<Self>;
}

impl ConvChainOp for Flex {
    fn face_conv_chain(
        input: FlexTensor,
        weight: FlexTensor,
        geometry: ConvGeometry,
        fusion: Fusion,
    ) -> FlexTensor {
        let kind = Kind::new(&input.shape(), &weight.shape(), geometry);
        let shape = kind.out(&input.shape(), &weight.shape());
        let (input, weight) = (contiguous(input), contiguous(weight));
        let (input, weight) = (input.storage(), weight.storage());
        let output = match kind {
            Kind::Full(full) => {
                let mut output = vec![0.0; shape.iter().product()];
                full.write(input, weight, Some(&fusion), &mut output, false);
                output
            }
            Kind::Depthwise(depthwise) => depthwise.output(input, weight, Some(&fusion)),
        };
        tensor(output, shape)
    }

    fn face_conv_chain_onto(
        shortcut: FlexTensor,
        input: FlexTensor,
        weight: FlexTensor,
        geometry: ConvGeometry,
        fusion: Fusion,
    ) -> FlexTensor {
        let kind = Kind::new(&input.shape(), &weight.shape(), geometry);
        let shape = kind.out(&input.shape(), &weight.shape());
        assert_eq!(shortcut.shape().dims(), shape, "shape of the shortcut");
        let Kind::Full(full) = kind else {
            unreachable!("depthwise convolutions take no shortcut along");
        };
        let mut output = contiguous(shortcut);
        let (input, weight) = (contiguous(input), contiguous(weight));
        let (input, weight) = (input.storage(), weight.storage());
        full.write(input, weight, Some(&fusion), output.storage_mut(), true);
        output
    }
}
