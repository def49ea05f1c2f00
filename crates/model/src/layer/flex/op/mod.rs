//! The kernels as operations: of the Flex backend, of autodiff over it with backward passes of their own, and of tensors.
//!
//! A file an operation. Its trait has it on the backends, a method of [`Kernels`](super::Kernels) on tensors. What is fused for evaluation
//! (`conv_chain`, `residual`) has no gradient, so autodiff does not know it.

mod attention;
mod batch_norm;
mod conv2d;
mod conv_chain;
mod layer_norm;
mod linear;
mod prelu;
mod relu6;
mod residual;

use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};

/// The same values, alone in their buffer and in order.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Numbers of one channel of one picture.
fn pixels(shape: &Shape) -> usize {
    shape.iter().skip(2).product()
}
