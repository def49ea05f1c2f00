mod conv2d;
mod conv_chain;
mod linear;

use burn::backend::{Dispatch, DispatchTensorKind};
use burn::tensor::{DType, Tensor};

use self::conv_chain::{EvaluationLayers, LinearParameters, NormParameters};
use self::conv2d::FaceLayers;
use self::linear::TransformerLayers;
use super::kernel::conv_geometry::Window;
use super::kernel::fusion::Surroundings;
use crate::layer::{LayerNorm, Linear};

/// Whether the kernels here take this tensor.
pub(in crate::layer) fn takes<const D: usize>(tensor: &Tensor<D>) -> bool {
    if tensor.dtype() != DType::F32 || tensor.shape().num_elements() == 0 {
        return false;
    }
    let kind = tensor.clone().into_dispatch().kind;
    let kind = match kind {
        DispatchTensorKind::Autodiff(inner) => *inner,
        kind => kind,
    };
    matches!(kind, DispatchTensorKind::Flex(_))
}

/// Whether the linear layer here takes this tensor: it gains by many rows.
pub(in crate::layer) fn takes_rows<const D: usize>(tensor: &Tensor<D>) -> bool {
    const MANY: usize = 256;
    let features = tensor.dims()[D - 1];
    features > 0 && tensor.shape().num_elements() / features >= MANY && takes(tensor)
}

/// Whether a transformer's branch can go in one pass: all without gradients, in single precision, and of these shapes.
pub(in crate::layer) fn takes_residual(
    tokens: &Tensor<3>,
    norm: &LayerNorm,
    layers: [(&Linear, [usize; 2]); 2],
) -> bool {
    let width = tokens.dims()[2];
    let fits = |(linear, [inputs, outputs]): &(&Linear, [usize; 2])| {
        let bias = linear.bias.as_ref();
        is_single_of(&linear.weight.val(), [*inputs, *outputs])
            && bias.is_none_or(|bias| is_single_of(&bias.val(), [*outputs]))
    };
    is_single_of(&norm.gamma.val(), [width])
        && is_single_of(&norm.beta.val(), [width])
        && layers.iter().all(fits)
        && is_single(tokens)
        && takes(tokens)
}

/// Whether a tensor is in single precision and has no gradient.
pub(in crate::layer) fn is_single<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && !tensor.device().is_autodiff()
}

fn is_single_of<const D: usize>(tensor: &Tensor<D>, shape: [usize; D]) -> bool {
    tensor.dims() == shape && is_single(tensor)
}

/// Convolution without bias.
pub(in crate::layer) fn convolution(
    input: Tensor<4>,
    weight: Tensor<4>,
    window: Window,
) -> Tensor<4> {
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::face_convolution(input, weight, window))
}

/// Convolution with what is around it in evaluation, without gradient; added to the shortcut where there is one.
pub(in crate::layer) fn convolution_within(
    input: Tensor<4>,
    weight: Tensor<4>,
    window: Window,
    around: Surroundings,
    shortcut: Option<Tensor<4>>,
) -> Tensor<4> {
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match shortcut {
        Some(shortcut) => {
            let shortcut = shortcut.into_dispatch();
            Dispatch::face_convolution_onto(shortcut, input, weight, window, around)
        }
        None => Dispatch::face_convolution_within(input, weight, window, around),
    })
}

/// Output, mean and biased variance.
pub(in crate::layer) fn batch_norm<const D: usize>(
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

/// PReLU.
pub(in crate::layer) fn prelu<const D: usize>(input: Tensor<D>, alpha: Tensor<1>) -> Tensor<D> {
    let (input, alpha) = (input.into_dispatch(), alpha.into_dispatch());
    Tensor::from_dispatch(Dispatch::face_prelu(input, alpha))
}

/// `scale x + shift` for each channel, without gradient.
pub(in crate::layer) fn scale_and_shift<const D: usize>(
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

/// `x W + b`.
pub(in crate::layer) fn linear<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<2>,
    bias: Tensor<1>,
) -> Tensor<D> {
    let (weight, bias) = (weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::face_linear(input.into_dispatch(), weight, bias))
}

/// Layer normalisation.
pub(in crate::layer) fn layer_norm<const D: usize>(
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

/// Attention over `[batch, tokens, 3 width]`: queries, keys and values side by side.
pub(in crate::layer) fn attention(input: Tensor<3>, heads: usize) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::face_attention(input.into_dispatch(), heads))
}

/// ReLU6.
pub(in crate::layer) fn relu6<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::face_relu6(input.into_dispatch()))
}

/// `tokens` and the attention of what is normalised of them, without gradient.
pub(in crate::layer) fn attention_residual(
    tokens: Tensor<3>,
    norm: &LayerNorm,
    qkv: &Linear,
    proj: &Linear,
    heads: usize,
) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::face_attention_residual(
        tokens.into_dispatch(),
        norm_parameters(norm),
        linear_parameters(qkv),
        linear_parameters(proj),
        heads,
    ))
}

/// `tokens` and two linear layers of what is normalised of them with ReLU6 between, without gradient.
pub(in crate::layer) fn mlp_residual(
    tokens: Tensor<3>,
    norm: &LayerNorm,
    fc1: &Linear,
    fc2: &Linear,
) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::face_mlp_residual(
        tokens.into_dispatch(),
        norm_parameters(norm),
        linear_parameters(fc1),
        linear_parameters(fc2),
    ))
}

fn norm_parameters(norm: &LayerNorm) -> NormParameters<Dispatch> {
    NormParameters {
        gamma: norm.gamma.val().into_dispatch(),
        beta: norm.beta.val().into_dispatch(),
        epsilon: norm.epsilon,
    }
}

fn linear_parameters(linear: &Linear) -> LinearParameters<Dispatch> {
    LinearParameters {
        weight: linear.weight.val().into_dispatch(),
        bias: linear.bias_or_zero().into_dispatch(),
    }
}
