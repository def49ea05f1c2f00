use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};
use ffc_model::layer::{Conv2d, Conv2dConfig};
use proptest::prelude::*;

use crate::layer_oracle::*;

const TOLERANCE: f64 = 1e-5;

fn layer(case: NaiveConvolution, device: &Device) -> Conv2d {
    let config = Conv2dConfig {
        channels: case.channels,
        kernel: case.kernel,
        stride: case.stride,
        padding: case.padding,
        groups: case.groups,
        bias: true,
    };
    let mut layer = config.init(device);
    layer.weight = Param::from_tensor(random(layer.weight.dims(), 2, device));
    layer.bias = Some(Param::from_tensor(random([case.channels[1]], 3, device)));
    layer
}

fn input(case: NaiveConvolution, device: &Device) -> Tensor<4> {
    let [height, width] = case.size;
    random([case.batch, case.channels[0], height, width], 1, device)
}

/// A sum of products of numbers within -1 and 1 can come out near 0; its rounding is that of its terms.
fn tolerance(terms: usize, expected: &[f64]) -> f64 {
    let greatest = expected.iter().fold(1e-3, |max: f64, x| max.max(x.abs()));
    TOLERANCE * ((terms as f64).sqrt() / 3.0 / greatest).max(1.0)
}

fn check(case: NaiveConvolution) {
    let device = device();
    let layer = layer(case, &device);
    let input = input(case, &device).require_grad();
    let output = layer.forward(input.clone());
    let [height, width] = case.out_size();
    assert_eq!(output.dims(), [case.batch, case.channels[1], height, width]);

    let gradient = random(output.dims(), 4, &device);
    let gradients = (output.clone() * gradient.clone()).sum().backward();
    let (x, w, dy) = (
        values(&input),
        values(&layer.weight.val()),
        values(&gradient),
    );
    let bias = layer.bias.as_ref().unwrap().val();
    let shift = values(&bias);

    let pixels = height * width;
    let mut expected = case.output(&x, &w);
    for (i, y) in expected.iter_mut().enumerate() {
        *y += shift[i / pixels % case.channels[1]];
    }
    assert_close(
        &values(&output),
        &expected,
        tolerance(
            case.channels[0] / case.groups * case.kernel.pow(2),
            &expected,
        ),
        &format!("output of {case:?}"),
    );
    let got = values(&input.grad(&gradients).unwrap());
    let expected = case.input_gradient(&x, &w, &dy);
    assert_close(
        &got,
        &expected,
        tolerance(
            case.channels[1] / case.groups * case.kernel.pow(2),
            &expected,
        ),
        &format!("input gradient of {case:?}"),
    );
    let got = values(&layer.weight.val().grad(&gradients).unwrap());
    let expected = case.weight_gradient(&x, &w, &dy);
    assert_close(
        &got,
        &expected,
        tolerance(case.batch * pixels, &expected),
        &format!("weight gradient of {case:?}"),
    );
    let got = values(&bias.grad(&gradients).unwrap());
    let expected: Vec<f64> = (0..case.channels[1])
        .map(|c| {
            channel(&dy, case.channels[1], pixels, c)
                .iter()
                .map(|i| dy[*i])
                .sum()
        })
        .collect();
    assert_close(
        &got,
        &expected,
        tolerance(case.batch * pixels, &expected),
        &format!("bias gradient of {case:?}"),
    );
}

fn full(channels: [usize; 2], [kernel, stride, padding]: [usize; 3]) -> NaiveConvolution {
    NaiveConvolution {
        batch: 2,
        channels,
        size: [9, 7],
        kernel,
        stride,
        padding,
        groups: 1,
    }
}

fn depthwise(channels: usize, window: [usize; 3]) -> NaiveConvolution {
    NaiveConvolution {
        groups: channels,
        ..full([channels; 2], window)
    }
}

#[test]
fn convolutions_of_face_networks() {
    for window in [[3, 1, 1], [3, 2, 1], [1, 1, 0], [1, 2, 0]] {
        for channels in [[3, 8], [8, 3], [16, 40], [1, 1]] {
            for size in [[9, 7], [8, 8], [14, 14], [5, 28]] {
                check(NaiveConvolution {
                    size,
                    ..full(channels, window)
                });
            }
        }
    }
}

#[test]
fn depthwise_convolutions_of_face_networks() {
    for window in [[3, 1, 1], [3, 2, 1]] {
        for size in [[9, 7], [8, 8], [14, 15]] {
            check(NaiveConvolution {
                size,
                ..depthwise(5, window)
            });
        }
    }
    check(NaiveConvolution {
        size: [7, 7],
        ..depthwise(6, [7, 1, 0])
    });
    check(NaiveConvolution {
        size: [11, 8],
        ..depthwise(6, [7, 1, 0])
    });
}

#[test]
fn batches_of_one_and_many() {
    for batch in [1, 3, 9, 40] {
        check(NaiveConvolution {
            batch,
            ..full([7, 26], [3, 1, 1])
        });
        check(NaiveConvolution {
            batch,
            ..full([26, 13], [3, 2, 1])
        });
        check(NaiveConvolution {
            batch,
            ..full([20, 33], [1, 1, 0])
        });
        check(NaiveConvolution {
            batch,
            ..depthwise(4, [3, 1, 1])
        });
    }
}

/// Longer than the blocks of the product: depth above 256, columns above 256.
#[test]
fn products_of_several_blocks() {
    check(NaiveConvolution {
        batch: 1,
        size: [20, 21],
        ..full([40, 7], [3, 1, 1])
    });
    check(NaiveConvolution {
        batch: 1,
        size: [4, 5],
        ..full([4, 300], [3, 1, 1])
    });
}

/// Kernels of 3 and stride 1 with many channels and pixels, whose even outputs are made tile by tile.
#[test]
fn tiles_of_four_pixels() {
    // Several images together; one image in blocks of rows; channels split among threads; other paddings; narrow rows.
    for (batch, channels, size, padding) in [
        (9, [64, 70], [8, 8], 1),
        (3, [67, 64], [14, 14], 1),
        (1, [64, 90], [32, 28], 1),
        (2, [64, 64], [64, 48], 1),
        (4, [64, 64], [18, 14], 0),
        (4, [64, 64], [14, 10], 2),
        (33, [64, 64], [4, 4], 1),
        (70, [64, 64], [2, 4], 1),
        // The weight's gradient too: rows of several images, rows of one, few channels beside the last panel.
        (5, [128, 130], [14, 12], 1),
        (2, [130, 128], [28, 18], 1),
        (33, [128, 128], [4, 4], 1),
    ] {
        check(NaiveConvolution {
            batch,
            size,
            ..full(channels, [3, 1, padding])
        });
    }
}

/// Threads keep buffers; what a larger layer left in them does not come up in the next.
#[test]
fn nothing_is_left_of_the_layer_before() {
    // Tiles; several pictures in one product; the gradient of a stride.
    for case in [
        NaiveConvolution {
            batch: 9,
            size: [8, 8],
            ..full([64, 70], [3, 1, 1])
        },
        NaiveConvolution {
            batch: 12,
            size: [4, 4],
            ..full([7, 26], [3, 1, 1])
        },
        NaiveConvolution {
            batch: 3,
            ..full([26, 13], [3, 2, 1])
        },
    ] {
        let device = device();
        let larger = NaiveConvolution {
            batch: 40,
            size: [18, 18],
            ..case
        };
        let spoiled = (input(larger, &device) * f32::NAN).require_grad();
        layer(larger, &device).forward(spoiled).sum().backward();
        check(case);
    }
}

/// Through burn's own operation.
#[test]
fn groups_of_several_channels() {
    check(NaiveConvolution {
        groups: 2,
        ..full([4, 6], [3, 1, 1])
    });
    check(NaiveConvolution {
        groups: 3,
        ..full([3, 6], [3, 2, 1])
    });
}

/// From PyTorch's `conv2d`: the picture 0..9 of 3 x 3, the kernel 0..9, padding 1.
#[test]
fn known_values() {
    let device = device();
    let numbers = || {
        let line = Tensor::<1, burn::tensor::Int>::arange(0..9, &device).float();
        line.reshape([1, 1, 3, 3])
    };
    let mut layer = Conv2dConfig {
        padding: 1,
        ..Conv2dConfig::new([1, 1], 3)
    }
    .init(&device);
    layer.weight = Param::from_tensor(numbers());
    let output = values(&layer.forward(numbers()));
    assert_eq!(
        output,
        [58.0, 100.0, 70.0, 132.0, 204.0, 132.0, 70.0, 100.0, 58.0]
    );
}

#[test]
fn scrambled_input_and_gradient() {
    let device = device();
    for case in [
        full([5, 6], [3, 1, 1]),
        full([5, 6], [1, 1, 0]),
        full([5, 6], [3, 2, 1]),
        depthwise(5, [3, 1, 1]),
    ] {
        let layer = layer(case, &device);
        let plain = input(case, &device).require_grad();
        let gradient = random(layer.forward(plain.clone()).dims(), 4, &device);
        let run = |x: Tensor<4>, dy: Tensor<4>| {
            let gradients = (layer.forward(x) * dy).sum().backward();
            let weight = layer.weight.val().grad(&gradients).unwrap();
            [values(&plain.grad(&gradients).unwrap()), values(&weight)]
        };
        let expected = run(plain.clone(), gradient.clone());
        let got = run(scrambled(plain.clone()), scrambled(gradient));
        for (got, expected) in got.iter().zip(&expected) {
            assert_close(got, expected, TOLERANCE, &format!("{case:?}"));
        }
    }
}

#[test]
fn an_input_used_twice_gets_both_gradients() {
    let device = device();
    let case = full([3, 3], [3, 1, 1]);
    let layer = layer(case, &device);
    let x = input(case, &device).require_grad();
    let once = layer.forward(x.clone()).sum().backward();
    let twice = (layer.forward(x.clone()) + layer.forward(x.clone()))
        .sum()
        .backward();
    let double: Vec<f64> = values(&x.grad(&once).unwrap())
        .iter()
        .map(|x| 2.0 * x)
        .collect();
    assert_close(
        &values(&x.grad(&twice).unwrap()),
        &double,
        TOLERANCE,
        "twice",
    );
}

#[test]
fn gradient_to_some_parents_only() {
    let device = device();
    for case in [full([3, 4], [3, 1, 1]), depthwise(3, [3, 2, 1])] {
        let layer = layer(case, &device);
        let (x, w) = (input(case, &device), values(&layer.weight.val()));
        let ones = vec![1.0; layer.forward(x.clone()).shape().num_elements()];

        let gradients = layer.forward(x.clone()).sum().backward();
        assert!(x.grad(&gradients).is_none());
        let got = values(&layer.weight.val().grad(&gradients).unwrap());
        let expected = case.weight_gradient(&values(&x), &w, &ones);
        assert_close(&got, &expected, TOLERANCE, "weight alone");

        let frozen = layer.clone().no_grad();
        let tracked = x.clone().require_grad();
        let gradients = frozen.forward(tracked.clone()).sum().backward();
        assert!(frozen.weight.val().grad(&gradients).is_none());
        let got = values(&tracked.grad(&gradients).unwrap());
        let expected = case.input_gradient(&values(&x), &w, &ones);
        assert_close(&got, &expected, TOLERANCE, "input alone");
    }
}

#[test]
fn without_autodiff() {
    let device = device();
    let case = full([3, 4], [3, 1, 1]);
    let layer = layer(case, &device);
    let x = input(case, &device);
    let expected = values(&layer.forward(x.clone()));
    let output = layer.valid().forward(x.inner());
    assert!(!output.device().is_autodiff());
    assert_eq!(values(&output), expected);
}

/// Numbers that the kernels do not take go through burn's operations.
#[test]
fn double_precision() {
    let device = device();
    let case = full([3, 4], [3, 1, 1]);
    let layer = layer(case, &device);
    let x = input(case, &device);
    let expected = values(&layer.forward(x.clone()));
    let mut double = layer.clone();
    double.weight = Param::from_tensor(layer.weight.val().cast(DType::F64).detach());
    double.bias = layer
        .bias
        .map(|bias| Param::from_tensor(bias.val().cast(DType::F64).detach()));
    let output = double.forward(x.cast(DType::F64));
    assert_eq!(output.dtype(), DType::F64);
    assert_close(&values(&output), &expected, TOLERANCE, "f64");
}

#[test]
#[should_panic(expected = "hannels")]
fn other_channels_are_refused() {
    let device = device();
    let layer = Conv2dConfig::new([3, 4], 1).init(&device);
    layer.forward(Tensor::zeros([1, 5, 4, 4], &device));
}

#[test]
#[should_panic(expected = "groups must divide")]
fn groups_with_a_remainder_are_refused() {
    let config = Conv2dConfig {
        groups: 2,
        ..Conv2dConfig::new([3, 4], 1)
    };
    config.init(&device());
}

#[test]
fn initial_weights_are_those_of_pytorch() {
    let device = device();
    device.seed(5);
    let layer = Conv2dConfig {
        bias: true,
        ..Conv2dConfig::new([16, 64], 3)
    }
    .init(&device);
    let bound = 1.0 / f64::from(16 * 9).sqrt();
    for values in [
        values(&layer.weight.val()),
        values(&layer.bias.unwrap().val()),
    ] {
        let greatest = values.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
        assert!(
            greatest <= bound && greatest > 0.9 * bound,
            "{greatest} {bound}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_shape(
        batch in 1usize..4,
        channels in [1usize..9, 1usize..9],
        size in [1usize..12, 1usize..12],
        kernel in 1usize..5,
        stride in 1usize..4,
        padding in 0usize..3,
        by_channel: bool,
    ) {
        prop_assume!(size.iter().all(|size| size + 2 * padding >= kernel));
        let (channels, groups) = if by_channel { ([channels[0]; 2], channels[0]) } else { (channels, 1) };
        check(NaiveConvolution { batch, channels, size, kernel, stride, padding, groups });
    }
}
