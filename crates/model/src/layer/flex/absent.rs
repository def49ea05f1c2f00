//! In place of the kernels where the crate is compiled without the feature `flex`: they take no tensor.

use burn::tensor::Tensor;
use burn::tensor::ops::ConvOptions;

/// Has no value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kernels {}

impl Kernels {
    pub fn of<const D: usize>(_: &Tensor<D>) -> Option<Self> {
        None
    }

    pub fn of_rows<const D: usize>(_: &Tensor<D>) -> Option<Self> {
        None
    }

    pub fn of_conv2d(_: &Tensor<4>, _: [usize; 4], _: &ConvOptions<2>) -> Option<Self> {
        None
    }

    pub fn conv2d(self, _: Tensor<4>, _: Tensor<4>, _: &ConvOptions<2>) -> Tensor<4> {
        match self {}
    }

    pub fn conv_chain(
        self,
        _: Tensor<4>,
        _: Tensor<4>,
        _: &ConvOptions<2>,
        _: Option<[Vec<f32>; 2]>,
        _: [Vec<f32>; 3],
        _: Option<Tensor<4>>,
    ) -> Tensor<4> {
        match self {}
    }

    pub fn batch_norm<const D: usize>(
        self,
        _: Tensor<D>,
        _: Tensor<1>,
        _: Tensor<1>,
        _: f64,
    ) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
        match self {}
    }

    pub fn scale_and_shift<const D: usize>(
        self,
        _: Tensor<D>,
        _: Tensor<1>,
        _: Tensor<1>,
    ) -> Tensor<D> {
        match self {}
    }

    pub fn prelu<const D: usize>(self, _: Tensor<D>, _: Tensor<1>) -> Tensor<D> {
        match self {}
    }

    pub fn relu6<const D: usize>(self, _: Tensor<D>) -> Tensor<D> {
        match self {}
    }

    pub fn linear<const D: usize>(self, _: Tensor<D>, _: Tensor<2>, _: Tensor<1>) -> Tensor<D> {
        match self {}
    }

    pub fn layer_norm<const D: usize>(
        self,
        _: Tensor<D>,
        _: Tensor<1>,
        _: Tensor<1>,
        _: f64,
    ) -> Tensor<D> {
        match self {}
    }

    pub fn attention(self, _: Tensor<3>, _: usize) -> Tensor<3> {
        match self {}
    }

    pub fn attention_residual(
        self,
        _: Tensor<3>,
        _: ([Tensor<1>; 2], f64),
        _: (Tensor<2>, Tensor<1>),
        _: (Tensor<2>, Tensor<1>),
        _: usize,
    ) -> Tensor<3> {
        match self {}
    }

    pub fn mlp_residual(
        self,
        _: Tensor<3>,
        _: ([Tensor<1>; 2], f64),
        _: (Tensor<2>, Tensor<1>),
        _: (Tensor<2>, Tensor<1>),
    ) -> Tensor<3> {
        match self {}
    }
}
