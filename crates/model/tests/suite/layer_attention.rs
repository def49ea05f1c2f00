//! On Flex the layers of transformers have kernels of their own for f32; in f64 they are burn's operations, the oracle here.

use burn::tensor::{DType, Tensor};
use ffc_model::layer::{
    Attention, AttentionConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig,
};
use proptest::prelude::*;

use crate::layer_oracle::*;

/// Output, then gradients of the input and the parameters.
fn of_attention(layer: &Attention, tokens: &Tensor<3>, dtype: DType) -> Vec<Vec<f64>> {
    let tokens = tokens.clone().detach().require_grad();
    let output = layer.forward(tokens.clone().cast(dtype));
    let gradient = random(output.dims(), 9, &device()).cast(dtype);
    let gradients = (output.clone() * gradient).sum().backward();
    let (qkv, proj) = (layer.qkv.weight.val(), layer.proj.weight.val());
    vec![
        values(&output),
        values(&tokens.grad(&gradients).unwrap()),
        values(&qkv.grad(&gradients).unwrap()),
        values(&proj.grad(&gradients).unwrap()),
        values(
            &layer
                .proj
                .bias
                .as_ref()
                .unwrap()
                .val()
                .grad(&gradients)
                .unwrap(),
        ),
    ]
}

fn check_attention([batch, tokens_per_picture, heads, size]: [usize; 4]) {
    let device = device();
    let width = heads * size;
    let layer = AttentionConfig { width, heads }.init(&device);
    // Scores of several units, so that shares differ.
    let tokens = random([batch, tokens_per_picture, width], 1, &device) * 3.0;
    let got = of_attention(&layer, &tokens, DType::F32);
    let expected = of_attention(&layer, &tokens, DType::F64);
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_close(
            got,
            expected,
            2e-5,
            &format!("{i} of {batch}, {tokens_per_picture}, {heads}, {size}"),
        );
    }
}

/// Output, then gradients of the input, gamma and beta.
fn of_norm(layer: &LayerNorm, input: &Tensor<3>, dtype: DType) -> Vec<Vec<f64>> {
    let input = input.clone().detach().require_grad();
    let mut layer = layer.clone();
    let leaf = |parameter: Tensor<1>| parameter.detach().cast(dtype).detach().require_grad();
    layer.gamma = burn::module::Param::from_tensor(leaf(layer.gamma.val()));
    layer.beta = burn::module::Param::from_tensor(leaf(layer.beta.val()));
    let output = layer.forward(input.clone().cast(dtype));
    let gradient = random(output.dims(), 9, &device()).cast(dtype);
    let gradients = (output.clone() * gradient).sum().backward();
    vec![
        values(&output),
        values(&input.grad(&gradients).unwrap()),
        values(&layer.gamma.val().grad(&gradients).unwrap()),
        values(&layer.beta.val().grad(&gradients).unwrap()),
    ]
}

fn check_norm(shape: [usize; 3]) {
    let device = device();
    let mut layer = LayerNormConfig::new(shape[2]).init(&device);
    layer.gamma = burn::module::Param::from_tensor(random([shape[2]], 2, &device));
    layer.beta = burn::module::Param::from_tensor(random([shape[2]], 3, &device));
    let input = random(shape, 1, &device) + 2.0;
    let got = of_norm(&layer, &input, DType::F32);
    let expected = of_norm(&layer, &input, DType::F64);
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert_close(got, expected, 2e-5, &format!("{i} of {shape:?}"));
    }
}

/// Output, then gradients of the input and the parameters.
fn of_linear(layer: &Linear, input: &Tensor<3>, dtype: DType) -> Vec<Vec<f64>> {
    let input = input.clone().detach().require_grad();
    let output = layer.forward(input.clone().cast(dtype));
    let gradient = random(output.dims(), 9, &device()).cast(dtype);
    let gradients = (output.clone() * gradient).sum().backward();
    let mut got = vec![
        values(&output),
        values(&input.grad(&gradients).unwrap()),
        values(&layer.weight.val().grad(&gradients).unwrap()),
    ];
    got.extend(
        layer
            .bias
            .as_ref()
            .map(|bias| values(&bias.val().grad(&gradients).unwrap())),
    );
    got
}

fn check_linear([batch, rows, inputs, outputs]: [usize; 4], bias: bool) {
    let device = device();
    let config = LinearConfig {
        features: [inputs, outputs],
        bias,
    };
    let layer = config.init(&device);
    let input = random([batch, rows, inputs], 1, &device);
    let got = of_linear(&layer, &input, DType::F32);
    let expected = of_linear(&layer, &input, DType::F64);
    assert_eq!(got.len(), 3 + usize::from(bias));
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let what = format!("{i} of {batch}, {rows}, {inputs}, {outputs}");
        assert_close(got, expected, 2e-5, &what);
    }
}

#[test]
fn attention() {
    // ViT-T's; a token alone; odd sizes; heads wider than a panel; more tokens than the product's blocks.
    for shape in [
        [2, 144, 8, 32],
        [3, 1, 2, 4],
        [1, 7, 3, 5],
        [2, 33, 1, 70],
        [1, 300, 1, 8],
    ] {
        check_attention(shape);
    }
}

#[test]
fn layer_norm() {
    for shape in [[2, 144, 256], [1, 1, 3], [5, 67, 37]] {
        check_norm(shape);
    }
}

/// Few rows go through burn's product, many through the kernel.
#[test]
fn linear_of_few_and_many_rows() {
    for bias in [false, true] {
        check_linear([2, 144, 256, 96], bias);
        check_linear([3, 100, 5, 3], bias);
        check_linear([1, 255, 7, 40], bias);
        check_linear([1, 256, 7, 40], bias);
        check_linear([2, 150, 300, 270], bias);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_attention(batch in 1usize..4, tokens in 1usize..40, heads in 1usize..5, size in 1usize..40) {
        check_attention([batch, tokens, heads, size]);
    }

    // Features nearly alike, as few of them often are, have gradients that single precision cannot tell.
    #[test]
    fn any_layer_norm(batch in 1usize..4, rows in 1usize..80, width in 8usize..70) {
        check_norm([batch, rows, width]);
    }

    #[test]
    fn any_linear(rows in 256usize..400, inputs in 1usize..70, outputs in 1usize..70, bias: bool) {
        check_linear([1, rows, inputs, outputs], bias);
    }
}

#[test]
#[should_panic(expected = "expected [.., 4]")]
fn another_width_is_refused() {
    let device = device();
    LayerNormConfig::new(4)
        .init(&device)
        .forward(random([2, 5], 1, &device));
}
