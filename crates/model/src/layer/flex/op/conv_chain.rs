//! Several layers in one pass, as operations of the backend. They have no gradient, so autodiff does not know them.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, Flex, TensorMetadata, backend_extension};

use super::conv2d::{Kind, contiguous, tensor};
use super::linear::dense;
use crate::layer::flex::kernel::attention::Attention;
use crate::layer::flex::kernel::conv_geometry::Window;
use crate::layer::flex::kernel::fusion::Surroundings;
use crate::layer::flex::kernel::residual::{self, Linear, Norm};

/// Parameters of a layer normalisation.
#[derive(ExtensionType)]
pub(super) struct NormParameters<B: Backend> {
    pub gamma: FloatTensor<B>,
    pub beta: FloatTensor<B>,
    pub epsilon: f64,
}

/// Parameters of a linear layer.
#[derive(ExtensionType)]
pub(super) struct LinearParameters<B: Backend> {
    pub weight: FloatTensor<B>,
    pub bias: FloatTensor<B>,
}

#[backend_extension(Flex)]
pub(super) trait EvaluationLayers: Backend {
    /// A convolution with what is around it.
    fn face_convolution_within(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
        around: Surroundings,
    ) -> FloatTensor<Self>;

    /// The same, added to a shortcut of the output's shape before the slope.
    fn face_convolution_onto(
        shortcut: FloatTensor<Self>,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        window: Window,
        around: Surroundings,
    ) -> FloatTensor<Self>;

    /// `[batch, tokens, width]` and the attention of what is normalised of it.
    fn face_attention_residual(
        tokens: FloatTensor<Self>,
        #[extension_type] norm: NormParameters<Self>,
        #[extension_type] qkv: LinearParameters<Self>,
        #[extension_type] proj: LinearParameters<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// `[.., width]` and two linear layers of what is normalised of it, with ReLU6 between.
    fn face_mlp_residual(
        tokens: FloatTensor<Self>,
        #[extension_type] norm: NormParameters<Self>,
        #[extension_type] fc1: LinearParameters<Self>,
        #[extension_type] fc2: LinearParameters<Self>,
    ) -> FloatTensor<Self>;
}

impl EvaluationLayers for Flex {
    fn face_convolution_within(
        input: FlexTensor,
        weight: FlexTensor,
        window: Window,
        around: Surroundings,
    ) -> FlexTensor {
        let kind = Kind::new(&input.shape(), &weight.shape(), window);
        let shape = kind.out(&input.shape(), &weight.shape());
        let (input, weight) = (contiguous(input), contiguous(weight));
        let (input, weight) = (input.storage(), weight.storage());
        let output = match kind {
            Kind::Full(full) => {
                let mut output = vec![0.0; shape.iter().product()];
                full.write(input, weight, Some(&around), &mut output, false);
                output
            }
            Kind::Depthwise(depthwise) => depthwise.output(input, weight, Some(&around)),
        };
        tensor(output, shape)
    }

    fn face_convolution_onto(
        shortcut: FlexTensor,
        input: FlexTensor,
        weight: FlexTensor,
        window: Window,
        around: Surroundings,
    ) -> FlexTensor {
        let kind = Kind::new(&input.shape(), &weight.shape(), window);
        let shape = kind.out(&input.shape(), &weight.shape());
        assert_eq!(shortcut.shape().dims(), shape, "shape of the shortcut");
        let Kind::Full(full) = kind else {
            unreachable!("depthwise convolutions take no shortcut along");
        };
        let mut output = contiguous(shortcut);
        let (input, weight) = (contiguous(input), contiguous(weight));
        let (input, weight) = (input.storage(), weight.storage());
        full.write(input, weight, Some(&around), output.storage_mut(), true);
        output
    }

    fn face_attention_residual(
        tokens: FlexTensor,
        norm: NormParameters<Self>,
        qkv: LinearParameters<Self>,
        proj: LinearParameters<Self>,
        heads: usize,
    ) -> FlexTensor {
        let [_, count, width] = tokens.shape().dims();
        let attention = Attention {
            tokens: count,
            width,
            heads,
        };
        let mut tokens = contiguous(tokens);
        let (norm, qkv, proj) = (norm.contiguous(), qkv.contiguous(), proj.contiguous());
        let values = tokens.storage_mut();
        residual::attention(values, norm.get(), attention, qkv.get(), proj.get());
        tokens
    }

    fn face_mlp_residual(
        tokens: FlexTensor,
        norm: NormParameters<Self>,
        fc1: LinearParameters<Self>,
        fc2: LinearParameters<Self>,
    ) -> FlexTensor {
        let mut tokens = contiguous(tokens);
        let (norm, fc1, fc2) = (norm.contiguous(), fc1.contiguous(), fc2.contiguous());
        residual::mlp(tokens.storage_mut(), norm.get(), fc1.get(), fc2.get());
        tokens
    }
}

impl NormParameters<Flex> {
    fn contiguous(self) -> Self {
        Self {
            gamma: contiguous(self.gamma),
            beta: contiguous(self.beta),
            ..self
        }
    }

    fn get(&self) -> Norm<'_> {
        Norm {
            gamma: self.gamma.storage(),
            beta: self.beta.storage(),
            epsilon: self.epsilon,
        }
    }
}

impl LinearParameters<Flex> {
    fn contiguous(self) -> Self {
        Self {
            weight: contiguous(self.weight),
            bias: contiguous(self.bias),
        }
    }

    fn get(&self) -> Linear<'_> {
        Linear {
            dense: dense(&self.weight.shape()),
            weight: self.weight.storage(),
            bias: self.bias.storage(),
        }
    }
}
