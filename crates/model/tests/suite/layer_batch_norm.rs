use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};
use ffc_model::NormMode;
use ffc_model::layer::{BatchNorm, BatchNormConfig};
use proptest::prelude::*;

use crate::layer_oracle::*;

const TOLERANCE: f64 = 2e-5;

fn layer(channels: usize, device: &Device) -> BatchNorm {
    let mut layer = BatchNormConfig::new(channels).init(device);
    layer.gamma = Some(Param::from_tensor(random([channels], 2, device)));
    layer.beta = Some(Param::from_tensor(random([channels], 3, device)));
    layer
}

/// Output, the three gradients, mean and unbiased variance, by their definitions.
struct Naive {
    output: Vec<f64>,
    gradients: [Vec<f64>; 3],
    mean: Vec<f64>,
    variance: Vec<f64>,
}

fn naive(x: &[f64], dy: &[f64], gamma: &[f64], beta: &[f64], pixels: usize) -> Naive {
    let channels = gamma.len();
    let mut naive = Naive {
        output: vec![0.0; x.len()],
        gradients: [vec![0.0; x.len()], vec![0.0; channels], vec![0.0; channels]],
        mean: Vec::new(),
        variance: Vec::new(),
    };
    for c in 0..channels {
        let at = channel(x, channels, pixels, c);
        let count = at.len() as f64;
        let mean = at.iter().map(|i| x[*i]).sum::<f64>() / count;
        let variance = at.iter().map(|i| (x[*i] - mean).powi(2)).sum::<f64>() / count;
        let deviation = (variance + 1e-5).sqrt();
        let normal = |i: usize| (x[i] - mean) / deviation;
        let mean_dy = at.iter().map(|i| dy[*i]).sum::<f64>() / count;
        let mean_product = at.iter().map(|i| dy[*i] * normal(*i)).sum::<f64>() / count;
        for i in at {
            naive.output[i] = gamma[c] * normal(i) + beta[c];
            let dx = dy[i] - mean_dy - normal(i) * mean_product;
            naive.gradients[0][i] = gamma[c] / deviation * dx;
        }
        naive.gradients[1][c] = mean_product * count;
        naive.gradients[2][c] = mean_dy * count;
        naive.mean.push(mean);
        naive.variance.push(variance * count / (count - 1.0));
    }
    naive
}

fn check<const D: usize>(shape: [usize; D]) {
    let device = device();
    let channels = shape[1];
    for mode in [NormMode::Train, NormMode::Batch] {
        let layer = layer(channels, &device);
        // Far from zero: sums of squares would lose digits.
        let input = (random(shape, 1, &device) + 10.0).require_grad();
        let output = layer.forward(input.clone(), mode);
        let gradient = random(shape, 4, &device);
        let gradients = (output.clone() * gradient.clone()).sum().backward();
        let (gamma, beta) = (
            layer.gamma.as_ref().unwrap().val(),
            layer.beta.as_ref().unwrap().val(),
        );
        let expected = naive(
            &values(&input),
            &values(&gradient),
            &values(&gamma),
            &values(&beta),
            shape[2..].iter().product(),
        );
        let what = |part: &str| format!("{part} of {shape:?}, {mode:?}");
        let [dx, dgamma, dbeta] = expected.gradients;
        assert_close(
            &values(&output),
            &expected.output,
            TOLERANCE,
            &what("output"),
        );
        let got = values(&input.grad(&gradients).unwrap());
        assert_close(&got, &dx, 1e-4, &what("input gradient"));
        let got = values(&gamma.grad(&gradients).unwrap());
        assert_close(&got, &dgamma, TOLERANCE, &what("gamma gradient"));
        let got = values(&beta.grad(&gradients).unwrap());
        assert_close(&got, &dbeta, TOLERANCE, &what("beta gradient"));

        let (mut mean, mut variance) = (vec![0.0; channels], vec![1.0; channels]);
        if mode == NormMode::Train {
            mean = expected.mean.iter().map(|mean| 0.1 * mean).collect();
            variance = expected
                .variance
                .iter()
                .map(|new| 0.9 + 0.1 * new)
                .collect();
        }
        let got = values(&layer.running_mean.value_sync());
        assert_close(&got, &mean, TOLERANCE, &what("running mean"));
        let got = values(&layer.running_var.value_sync());
        assert_close(&got, &variance, TOLERANCE, &what("running variance"));
    }
}

#[test]
fn statistics_of_the_batch() {
    check([2, 3, 4, 5]);
    check([1, 5, 7, 7]);
    check([7, 130, 3, 1]);
    check([4, 6]);
    check([3, 2, 50]);
}

/// From PyTorch's `BatchNorm2d`: output, statistics and gradients of one step, then evaluation.
#[test]
fn known_values() {
    let device = device();
    let mut layer = BatchNormConfig::new(2).init(&device);
    layer.gamma = Some(Param::from_tensor(Tensor::from_floats([2.0, 0.5], &device)));
    layer.beta = Some(Param::from_tensor(Tensor::from_floats(
        [1.0, -1.0],
        &device,
    )));
    let numbers =
        |numbers: [f32; 8]| Tensor::<1>::from_floats(numbers, &device).reshape([2, 2, 1, 2]);
    let x = numbers([1.0, 2.0, 4.0, -1.0, 0.0, 5.0, 2.0, 2.5]).require_grad();
    let dy = numbers([1.0, -1.0, 0.5, 2.0, 0.0, 3.0, 1.0, -2.0]);
    let y = layer.forward(x.clone(), NormMode::Train);
    let gradients = (y.clone() * dy).sum().backward();
    let close = |got: Vec<f64>, expected: &[f64], what: &str| {
        assert_close(&got, expected, 1e-6, what);
    };
    let expected = [
        -0.0690434, 1.0, -0.4148368, -1.7916914, -1.1380868, 4.2071304, -0.9655786, -0.8278931,
    ];
    close(values(&y), &expected, "output");
    close(
        values(&layer.running_mean.value_sync()),
        &[0.2, 0.1875],
        "mean",
    );
    close(
        values(&layer.running_var.value_sync()),
        &[1.3666667, 1.3395833],
        "variance",
    );
    let expected = [
        0.8781410, -1.8708260, 0.2923361, 0.0985343, 0.4199777, 0.5727073, 0.1872783, -0.5781487,
    ];
    close(
        values(&x.grad(&gradients).unwrap()),
        &expected,
        "input gradient",
    );
    let gamma = layer.gamma.as_ref().unwrap().val();
    close(
        values(&gamma.grad(&gradients).unwrap()),
        &[4.2761736, -3.2011869],
        "gamma gradient",
    );
    let beta = layer.beta.as_ref().unwrap().val().grad(&gradients).unwrap();
    close(values(&beta), &[3.0, 1.5], "beta gradient");
    let expected = [
        2.3686333, 4.0794249, 0.6469991, -1.5129998, 0.6578417, 9.2117996, -0.2170004, -0.0010005,
    ];
    close(
        values(&layer.forward(x.clone(), NormMode::Evaluate)),
        &expected,
        "evaluation",
    );
    close(
        values(&layer.valid().forward(x.inner(), NormMode::Evaluate)),
        &expected,
        "inner",
    );
}

#[test]
fn gradients_of_evaluation() {
    let device = device();
    let layer = layer(3, &device);
    layer.forward(random([4, 3, 5, 5], 8, &device), NormMode::Train);
    let x = random([2, 3, 2, 2], 1, &device).require_grad();
    let gradients = layer
        .forward(x.clone(), NormMode::Evaluate)
        .sum()
        .backward();
    let (mean, variance) = (
        values(&layer.running_mean.value_sync()),
        values(&layer.running_var.value_sync()),
    );
    let gamma = layer.gamma.as_ref().unwrap().val();
    let deviation = |c: usize| (variance[c] + 1e-5).sqrt();
    let g = values(&gamma);
    let expected: Vec<f64> = (0..24)
        .map(|i| g[i / 4 % 3] / deviation(i / 4 % 3))
        .collect();
    assert_close(
        &values(&x.grad(&gradients).unwrap()),
        &expected,
        TOLERANCE,
        "input",
    );
    let numbers = values(&x);
    let expected: Vec<f64> = (0..3)
        .map(|c| {
            let at = channel(&numbers, 3, 4, c);
            at.iter()
                .map(|i| (numbers[*i] - mean[c]) / deviation(c))
                .sum()
        })
        .collect();
    assert_close(
        &values(&gamma.grad(&gradients).unwrap()),
        &expected,
        TOLERANCE,
        "gamma",
    );
}

#[test]
fn without_scale_or_shift() {
    let device = device();
    for (scale, shift) in [(false, true), (true, false), (false, false)] {
        without(scale, shift, &device);
    }
}

fn without(scale: bool, shift: bool, device: &Device) {
    let config = BatchNormConfig {
        scale,
        shift,
        ..BatchNormConfig::new(4)
    };
    let (layer, ones) = (config.init(device), BatchNormConfig::new(4).init(device));
    assert_eq!(
        (layer.gamma.is_some(), layer.beta.is_some()),
        (scale, shift)
    );
    let x = random([3, 4, 2, 2], 1, device).require_grad();
    for mode in [NormMode::Train, NormMode::Batch, NormMode::Evaluate] {
        let (got, expected) = (
            layer.forward(x.clone(), mode),
            ones.forward(x.clone(), mode),
        );
        assert_eq!(values(&got), values(&expected), "{mode:?}");
        let weights = random([3, 4, 2, 2], 2, device);
        let of = |y: Tensor<4>| values(&x.grad(&(y * weights.clone()).sum().backward()).unwrap());
        assert_eq!(of(got), of(expected), "{mode:?}");
    }
}

#[test]
fn an_evaluation_leaves_its_input_alone() {
    let device = Device::flex();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 4], 1, &device);
    let before = values(&x);
    layer.forward(x.clone(), NormMode::Evaluate);
    layer.forward(x.clone(), NormMode::Batch);
    assert_eq!(values(&x), before);
}

#[test]
fn scrambled_input_and_gradient() {
    let device = device();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 5], 1, &device).require_grad();
    let weights = random([2, 3, 4, 5], 2, &device);
    let run = |x_used: Tensor<4>, weights: Tensor<4>| {
        let y = layer.forward(x_used, NormMode::Batch);
        let gradients = (y.clone() * weights).sum().backward();
        [values(&y), values(&x.grad(&gradients).unwrap())]
    };
    let expected = run(x.clone(), weights.clone());
    let got = run(scrambled(x.clone()), scrambled(weights));
    for (got, expected) in got.iter().zip(&expected) {
        assert_close(got, expected, TOLERANCE, "scrambled");
    }
}

#[test]
fn gradient_to_some_parents_only() {
    let device = device();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 5], 1, &device);
    let weights = random([2, 3, 4, 5], 2, &device);
    let backward = |layer: &BatchNorm, x: &Tensor<4>| {
        let y = layer.forward(x.clone(), NormMode::Batch);
        (y * weights.clone()).sum().backward()
    };
    let tracked = x.clone().require_grad();
    let all = backward(&layer, &tracked);
    let without_input = backward(&layer, &x);
    let beta = |gradients| values(&layer.beta.as_ref().unwrap().val().grad(gradients).unwrap());
    assert_eq!(beta(&without_input), beta(&all));
    assert!(x.grad(&without_input).is_none());

    let frozen = layer.clone().no_grad();
    let input_alone = backward(&frozen, &tracked);
    assert!(
        frozen
            .beta
            .as_ref()
            .unwrap()
            .val()
            .grad(&input_alone)
            .is_none()
    );
    let input = |gradients| values(&tracked.grad(gradients).unwrap());
    assert_eq!(input(&input_alone), input(&all));
}

/// Numbers that the kernels do not take go through burn's operations.
#[test]
fn double_precision() {
    let device = device();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 5], 1, &device);
    let double = BatchNorm {
        gamma: layer
            .gamma
            .clone()
            .map(|gamma| Param::from_tensor(gamma.val().cast(DType::F64).detach())),
        beta: (layer.beta.as_ref())
            .map(|beta| Param::from_tensor(beta.val().cast(DType::F64).detach())),
        running_mean: burn::module::RunningState::new(Tensor::zeros([3], (&device, DType::F64))),
        running_var: burn::module::RunningState::new(Tensor::ones([3], (&device, DType::F64))),
        ..layer.clone()
    };
    for mode in [NormMode::Train, NormMode::Evaluate] {
        let expected = values(&layer.forward(x.clone(), mode));
        let got = values(&double.forward(x.clone().cast(DType::F64), mode));
        assert_close(&got, &expected, TOLERANCE, "f64");
    }
}

#[test]
#[should_panic(expected = "more than one value a channel")]
fn a_single_value_has_no_statistics() {
    let device = device();
    layer(3, &device).forward(Tensor::<2>::zeros([1, 3], &device), NormMode::Train);
}

#[test]
#[should_panic(expected = "expected [batch, 3, ..]")]
fn other_channels_are_refused() {
    let device = device();
    layer(3, &device).forward(Tensor::<2>::zeros([2, 4], &device), NormMode::Evaluate);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_shape(shape in [1usize..5, 1usize..20, 1usize..9, 1usize..9]) {
        prop_assume!(shape[0] * shape[2] * shape[3] > 2);
        check(shape);
    }
}
