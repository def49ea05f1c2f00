use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, ExtensionType, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;

use super::contiguous;
use super::linear::linear;
use crate::layer::flex::Kernels;
use crate::layer::flex::kernel::attention::Attention;
use crate::layer::flex::kernel::residual::{self, LayerNormParameters, LinearParameters};

impl Kernels {
    /// `tokens` and the attention of what is normalised of them, without gradient. The norm is gamma, beta and epsilon; a linear layer is
    /// weight and bias.
    pub fn attention_residual(
        self,
        tokens: Tensor<3>,
        norm: ([Tensor<1>; 2], f64),
        qkv: (Tensor<2>, Tensor<1>),
        proj: (Tensor<2>, Tensor<1>),
        heads: usize,
    ) -> Tensor<3> {
        Tensor::from_dispatch(Dispatch::face_attention_residual(
            tokens.into_dispatch(),
            NormTensors::of(norm),
            LinearTensors::of(qkv),
            LinearTensors::of(proj),
            heads,
        ))
    }

    /// `tokens` and two linear layers of what is normalised of them with ReLU6 between, without gradient. The arguments are those of
    /// [`attention_residual`](Self::attention_residual).
    pub fn mlp_residual(
        self,
        tokens: Tensor<3>,
        norm: ([Tensor<1>; 2], f64),
        fc1: (Tensor<2>, Tensor<1>),
        fc2: (Tensor<2>, Tensor<1>),
    ) -> Tensor<3> {
        Tensor::from_dispatch(Dispatch::face_mlp_residual(
            tokens.into_dispatch(),
            NormTensors::of(norm),
            LinearTensors::of(fc1),
            LinearTensors::of(fc2),
        ))
    }
}

/// Parameters of a layer normalisation.
#[derive(ExtensionType)]
struct NormTensors<B: Backend> {
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    epsilon: f64,
}

/// Parameters of a linear layer.
#[derive(ExtensionType)]
struct LinearTensors<B: Backend> {
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
}

#[backend_extension(Flex)]
trait ResidualOp: Backend {
    /// `[batch, tokens, width]` and the attention of what is normalised of it.
    fn face_attention_residual(
        tokens: FloatTensor<Self>,
        #[extension_type] norm: NormTensors<Self>,
        #[extension_type] qkv: LinearTensors<Self>,
        #[extension_type] proj: LinearTensors<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// `[.., width]` and two linear layers of what is normalised of it, with ReLU6 between.
    fn face_mlp_residual(
        tokens: FloatTensor<Self>,
        #[extension_type] norm: NormTensors<Self>,
        #[extension_type] fc1: LinearTensors<Self>,
        #[extension_type] fc2: LinearTensors<Self>,
    ) -> FloatTensor<Self>;
}

impl ResidualOp for Flex {
    fn face_attention_residual(
        tokens: FlexTensor,
        norm: NormTensors<Self>,
        qkv: LinearTensors<Self>,
        proj: LinearTensors<Self>,
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
        norm: NormTensors<Self>,
        fc1: LinearTensors<Self>,
        fc2: LinearTensors<Self>,
    ) -> FlexTensor {
        let mut tokens = contiguous(tokens);
        let (norm, fc1, fc2) = (norm.contiguous(), fc1.contiguous(), fc2.contiguous());
        residual::mlp(tokens.storage_mut(), norm.get(), fc1.get(), fc2.get());
        tokens
    }
}

impl NormTensors<Dispatch> {
    fn of(([gamma, beta], epsilon): ([Tensor<1>; 2], f64)) -> Self {
        Self {
            gamma: gamma.into_dispatch(),
            beta: beta.into_dispatch(),
            epsilon,
        }
    }
}

impl LinearTensors<Dispatch> {
    fn of((weight, bias): (Tensor<2>, Tensor<1>)) -> Self {
        Self {
            weight: weight.into_dispatch(),
            bias: bias.into_dispatch(),
        }
    }
}

impl NormTensors<Flex> {
    fn contiguous(self) -> Self {
        Self {
            gamma: contiguous(self.gamma),
            beta: contiguous(self.beta),
            ..self
        }
    }

    fn get(&self) -> LayerNormParameters<'_> {
        LayerNormParameters {
            gamma: self.gamma.storage(),
            beta: self.beta.storage(),
            epsilon: self.epsilon,
        }
    }
}

impl LinearTensors<Flex> {
    fn contiguous(self) -> Self {
        Self {
            weight: contiguous(self.weight),
            bias: contiguous(self.bias),
        }
    }

    fn get(&self) -> LinearParameters<'_> {
        LinearParameters {
            linear: linear(&self.weight.shape()),
            weight: self.weight.storage(),
            bias: self.bias.storage(),
        }
    }
}
