use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};
use ffc_model::layer::{Prelu, PreluConfig};
use proptest::prelude::*;

use crate::layer_oracle::*;

const TOLERANCE: f64 = 1e-5;

fn layer(channels: usize, device: &Device) -> Prelu {
    Prelu {
        alpha: Param::from_tensor(random([channels], 2, device)),
    }
}

fn check<const D: usize>(shape: [usize; D]) {
    let device = device();
    let channels = shape[1];
    let pixels: usize = shape[2..].iter().product();
    let layer = layer(channels, &device);
    let input = random(shape, 1, &device).require_grad();
    let gradient = random(shape, 4, &device);
    let output = layer.forward(input.clone());
    let gradients = (output.clone() * gradient.clone()).sum().backward();
    let alpha = layer.alpha.val();
    let (x, dy, slopes) = (values(&input), values(&gradient), values(&alpha));
    let slope = |i: usize| {
        if x[i] > 0.0 {
            1.0
        } else {
            slopes[i / pixels % channels]
        }
    };
    let expected: Vec<f64> = (0..x.len()).map(|i| slope(i) * x[i]).collect();
    assert_close(&values(&output), &expected, TOLERANCE, "output");
    let expected: Vec<f64> = (0..x.len()).map(|i| slope(i) * dy[i]).collect();
    let got = values(&input.grad(&gradients).unwrap());
    assert_close(&got, &expected, TOLERANCE, "input gradient");
    let expected: Vec<f64> = (0..channels)
        .map(|c| {
            let at = channel(&x, channels, pixels, c);
            at.iter().map(|i| x[*i].min(0.0) * dy[*i]).sum()
        })
        .collect();
    let got = values(&alpha.grad(&gradients).unwrap());
    assert_close(&got, &expected, TOLERANCE, "alpha gradient");
}

#[test]
fn output_and_gradients() {
    check([2, 3, 4, 5]);
    check([1, 130, 7, 7]);
    check([9, 4]);
    check([3, 1, 40]);
}

/// From PyTorch's `PReLU(2)`.
#[test]
fn known_values() {
    let device = device();
    let layer = Prelu {
        alpha: Param::from_tensor(Tensor::from_floats([0.25, -0.5], &device)),
    };
    let numbers =
        |numbers: [f32; 8]| Tensor::<1>::from_floats(numbers, &device).reshape([2, 2, 1, 2]);
    let x = numbers([1.0, 2.0, 4.0, -1.0, 0.0, 5.0, 2.0, 2.5]).require_grad();
    let dy = numbers([1.0, -1.0, 0.5, 2.0, 0.0, 3.0, 1.0, -2.0]);
    let y = layer.forward(x.clone());
    let gradients = (y.clone() * dy).sum().backward();
    assert_eq!(values(&y), [1.0, 2.0, 4.0, 0.5, 0.0, 5.0, 2.0, 2.5]);
    let got = values(&x.grad(&gradients).unwrap());
    assert_eq!(got, [1.0, -1.0, 0.5, -1.0, 0.0, 3.0, 1.0, -2.0]);
    let got = values(&layer.alpha.val().grad(&gradients).unwrap());
    assert_eq!(got, [0.0, -2.0]);
}

#[test]
fn starts_from_a_quarter() {
    let layer = PreluConfig::new(3).init(&device());
    assert_eq!(values(&layer.alpha.val()), [0.25; 3]);
}

#[test]
fn scrambled_input_and_gradient() {
    let device = device();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 5], 1, &device).require_grad();
    let weights = random([2, 3, 4, 5], 2, &device);
    let run = |x_used: Tensor<4>, weights: Tensor<4>| {
        let y = layer.forward(x_used);
        let gradients = (y.clone() * weights).sum().backward();
        [values(&y), values(&x.grad(&gradients).unwrap())]
    };
    let expected = run(x.clone(), weights.clone());
    assert_eq!(run(scrambled(x.clone()), scrambled(weights)), expected);
}

#[test]
fn a_residual_gets_both_gradients() {
    let device = device();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 5], 1, &device).require_grad();
    let alone = layer.forward(x.clone()).sum().backward();
    let both = (layer.forward(x.clone()) + x.clone()).sum().backward();
    let expected: Vec<f64> = values(&x.grad(&alone).unwrap())
        .iter()
        .map(|x| x + 1.0)
        .collect();
    assert_close(
        &values(&x.grad(&both).unwrap()),
        &expected,
        TOLERANCE,
        "residual",
    );
}

#[test]
fn gradient_to_some_parents_only() {
    let device = device();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 5], 1, &device);
    let tracked = x.clone().require_grad();
    let all = layer.forward(tracked.clone()).sum().backward();
    let alpha = |gradients| values(&layer.alpha.val().grad(gradients).unwrap());
    assert_eq!(alpha(&layer.forward(x).sum().backward()), alpha(&all));

    let frozen = layer.clone().no_grad();
    let gradients = frozen.forward(tracked.clone()).sum().backward();
    assert!(frozen.alpha.val().grad(&gradients).is_none());
    let input = |gradients| values(&tracked.grad(gradients).unwrap());
    assert_eq!(input(&gradients), input(&all));
}

#[test]
fn without_autodiff_or_in_double_precision() {
    let device = device();
    let layer = layer(3, &device);
    let x = random([2, 3, 4, 5], 1, &device);
    let expected = values(&layer.forward(x.clone()));
    assert_eq!(values(&layer.valid().forward(x.clone().inner())), expected);
    // Left as it was.
    assert_eq!(values(&x), values(&random([2, 3, 4, 5], 1, &device)));
    let double = Prelu {
        alpha: Param::from_tensor(layer.alpha.val().cast(DType::F64).detach()),
    };
    let got = values(&double.forward(x.cast(DType::F64)));
    assert_close(&got, &expected, TOLERANCE, "f64");
}

#[test]
#[should_panic(expected = "expected [batch, 3, ..]")]
fn other_channels_are_refused() {
    let device = device();
    layer(3, &device).forward(Tensor::<2>::zeros([2, 4], &device));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_shape(shape in [1usize..5, 1usize..20, 1usize..9, 1usize..9]) {
        check(shape);
    }
}
