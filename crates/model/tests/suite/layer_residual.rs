//! A transformer's branches in one pass, without gradients, against one layer after the other in f64.

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor};
use ffc_model::layer::{AttentionConfig, LayerNormConfig, LinearConfig, Mlp};

use crate::layer_oracle::{assert_close, random, values};

/// Batch and tokens: one token, fewer than a tile has rows, and more than a thread takes at a time.
const SHAPES: [[usize; 2]; 4] = [[1, 1], [2, 5], [3, 50], [1, 147]];

#[test]
fn attention() {
    let device = Device::flex();
    for [batch, tokens] in SHAPES {
        for bias in [false, true] {
            let width = 3 * 7;
            let mut norm = LayerNormConfig::new(width).init(&device);
            norm.gamma = Param::from_tensor(random([width], 2, &device));
            norm.beta = Param::from_tensor(random([width], 3, &device));
            let mut layer = AttentionConfig { width, heads: 3 }.init(&device);
            layer.qkv.bias = bias.then(|| Param::from_tensor(random([3 * width], 4, &device)));
            let tokens: Tensor<3> = random([batch, tokens, width], 1, &device);
            let got = layer.residual(&norm, tokens.clone());
            let normed = norm.forward(tokens.clone()).cast(DType::F64);
            let expected = tokens.cast(DType::F64) + layer.forward(normed);
            assert_close(&values(&got), &values(&expected), 1e-5, "attention");
        }
    }
}

#[test]
fn mlp() {
    let device = Device::flex();
    for [batch, tokens] in SHAPES {
        for bias in [false, true] {
            let (width, inner) = (21, 53);
            let mut norm = LayerNormConfig::new(width).init(&device);
            norm.gamma = Param::from_tensor(random([width], 2, &device) * 4.0);
            norm.beta = Param::from_tensor(random([width], 3, &device));
            // Weights of a seed: the device's own draws are shared with other tests.
            let linear = |features, seed| {
                let config = LinearConfig::new(features);
                let mut linear = LinearConfig { bias, ..config }.init(&device);
                linear.weight = Param::from_tensor(random(features, seed, &device) * 0.3);
                linear
            };
            let layer = Mlp {
                fc1: linear([width, inner], 4),
                fc2: linear([inner, width], 5),
            };
            let tokens: Tensor<3> = random([batch, tokens, width], 1, &device);
            let got = layer.residual(&norm, tokens.clone());
            let normed = norm.forward(tokens.clone()).cast(DType::F64);
            let hidden = values(&layer.fc1.forward(normed.clone()));
            assert!(
                batch < 3 || hidden.iter().any(|x| *x > 6.0),
                "nothing is clamped"
            );
            let expected = tokens.cast(DType::F64) + layer.forward(normed);
            assert_close(&values(&got), &values(&expected), 1e-5, "mlp");
        }
    }
}

/// Layers that do not fit go one by one, whose checks speak up.
#[test]
#[should_panic = "expected [.., 4], got [1, 3, 6]"]
fn other_features_are_refused() {
    let device = Device::flex();
    let norm = LayerNormConfig::new(4).init(&device);
    let layer = AttentionConfig { width: 6, heads: 2 }.init(&device);
    layer.residual(&norm, random([1, 3, 6], 1, &device));
}

/// Parameters with gradients, or in another precision, go one by one too.
#[test]
fn other_parameters() {
    let plain = Device::flex();
    let config = AttentionConfig { width: 6, heads: 2 };
    let tokens: Tensor<3> = random([2, 3, 6], 1, &plain);

    let device = Device::flex().autodiff();
    let (norm, layer) = (LayerNormConfig::new(6).init(&device), config.init(&device));
    let output = layer.residual(&norm, tokens.clone());
    let gradients = output.sum().backward();
    assert!(layer.proj.weight.val().grad(&gradients).is_some());

    let norm = LayerNormConfig::new(6).init(&plain);
    let mut layer = config.init(&plain);
    let expected = values(&layer.residual(&norm, tokens.clone()));
    let double =
        |parameter: &Param<Tensor<1>>| Param::from_tensor(parameter.val().cast(DType::F64));
    layer.proj.bias = layer.proj.bias.as_ref().map(double);
    let got = values(&layer.residual(&norm, tokens));
    assert_close(&got, &expected, 1e-5, "a bias in double precision");
}
