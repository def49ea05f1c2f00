use burn::tensor::Tensor;

/// log(1 + exp(x)) without overflow.
pub(crate) fn softplus(x: Tensor<2>) -> Tensor<2> {
    let tail = x.clone().abs().neg().exp().log1p();
    x.clamp_min(0.0) + tail
}
