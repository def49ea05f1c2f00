//! Time of the layers of face networks beside burn's own in the same run: forward in evaluation, and forward with
//! backward in training. `reference/layers_pytorch.py` does the same work in PyTorch.

use std::hint::black_box;
use std::time::Duration;

use burn::nn::conv::Conv2dConfig;
use burn::nn::{BatchNormConfig, PReluConfig, PaddingConfig2d};
use burn::tensor::{Device, Distribution, Tensor};
use criterion::{BenchmarkId, Criterion};
use ffc_benches::table::{criterion_folder, median_seconds};
use ffc_model::layer::{self, NormMode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 32;
const CHANNELS: usize = 128;

/// A layer with its parameters.
type Layer = Box<dyn Fn(Tensor<4>) -> Tensor<4>>;

/// Whose layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layers {
    /// burn-nn's.
    Burn,
    /// ffc-model's.
    Ffc,
}

impl Layers {
    /// Name in a table.
    fn name(self) -> &'static str {
        match self {
            Self::Burn => "burn",
            Self::Ffc => "ffc",
        }
    }

    /// A convolution without bias that keeps the size at stride 1.
    fn conv2d(
        self,
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        groups: usize,
        device: &Device,
    ) -> Layer {
        let padding = kernel / 2;
        match self {
            Self::Burn => {
                let layer = Conv2dConfig::new(channels, [kernel; 2])
                    .with_stride([stride; 2])
                    .with_padding(PaddingConfig2d::Explicit(
                        padding, padding, padding, padding,
                    ))
                    .with_groups(groups)
                    .with_bias(false)
                    .init(device);
                Box::new(move |input| layer.forward(input))
            }
            Self::Ffc => {
                let layer = layer::Conv2dConfig {
                    stride,
                    padding,
                    groups,
                    ..layer::Conv2dConfig::new(channels, kernel)
                }
                .init(device);
                Box::new(move |input| layer.forward(input))
            }
        }
    }

    /// Batch normalisation: in training on an autodiff device, in evaluation on any other.
    fn batch_norm(self, channels: usize, device: &Device) -> Layer {
        match self {
            Self::Burn => {
                let layer = BatchNormConfig::new(channels).init(device);
                Box::new(move |input| layer.forward(input))
            }
            Self::Ffc => {
                let layer = layer::BatchNormConfig::new(channels).init(device);
                let training = device.is_autodiff();
                let mode = if training {
                    NormMode::Train
                } else {
                    NormMode::Evaluate
                };
                Box::new(move |input| layer.forward(input, mode))
            }
        }
    }

    /// PReLU with a slope for each channel.
    fn prelu(self, channels: usize, device: &Device) -> Layer {
        match self {
            Self::Burn => {
                let layer = PReluConfig::new()
                    .with_num_parameters(channels)
                    .init(device);
                Box::new(move |input| layer.forward(input))
            }
            Self::Ffc => {
                let layer = layer::PreluConfig::new(channels).init(device);
                Box::new(move |input| layer.forward(input))
            }
        }
    }
}

/// Name, shape of the input, layer.
type Case = (String, [usize; 4], fn(Layers, &Device) -> Layer);

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for side in [28, 56] {
        let shape = [BATCH, CHANNELS, side, side];
        let mut add = |name: &str, layer| cases.push((format!("{name},{side}"), shape, layer));
        add("depthwise 3x3", |layers, device| {
            layers.conv2d([CHANNELS; 2], 3, 1, CHANNELS, device)
        });
        add("pointwise", |layers, device| {
            layers.conv2d([CHANNELS; 2], 1, 1, 1, device)
        });
        add("conv 3x3", |layers, device| {
            layers.conv2d([CHANNELS; 2], 3, 1, 1, device)
        });
        add("conv 3x3 stride 2", |layers, device| {
            layers.conv2d([CHANNELS; 2], 3, 2, 1, device)
        });
        add("batch norm", |layers, device| {
            layers.batch_norm(CHANNELS, device)
        });
        add("PReLU", |layers, device| layers.prelu(CHANNELS, device));
    }
    cases
}

fn measure(criterion: &mut Criterion, (name, shape, layer): &Case, layers: Layers) {
    let mut group = criterion.benchmark_group("layers");
    let id = |pass| BenchmarkId::new(format!("{name},{pass}"), layers.name());
    let random = |shape, device: &Device| {
        device.seed(1);
        Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), device)
    };

    // Data are made inside, so that cases that are not asked for cost nothing.
    group.bench_function(id("forward"), |bencher| {
        let device = Device::flex();
        let evaluated = layer(layers, &device);
        let input = random(*shape, &device);
        bencher.iter(|| black_box(evaluated(input.clone())));
    });
    group.bench_function(id("both"), |bencher| {
        let device = Device::flex().autodiff();
        let trained = layer(layers, &device);
        let input = random(*shape, &device).require_grad();
        // A weighting of the output in place of a loss.
        let weights = random(trained(input.clone()).dims(), &device);
        bencher.iter(|| {
            let output = trained(input.clone());
            black_box((output * weights.clone()).sum().backward())
        });
    });
}

fn print_table(cases: &[Case]) {
    println!("\n| layer | burn, ms: forward; both | ffc, ms: forward; both |");
    println!("|---|---|---|");
    for (name, ..) in cases {
        let ms = |pass: &str, layers: Layers| {
            let group = format!("{name},{pass}").replace('/', "_");
            median_seconds("layers", &group, layers.name()).map(|seconds| seconds * 1e3)
        };
        let of = |layers| Some((ms("forward", layers)?, ms("both", layers)?));
        if let (Some(burn), Some(ffc)) = (of(Layers::Burn), of(Layers::Ffc)) {
            let (a, b, c, d) = (burn.0, burn.1, ffc.0, ffc.1);
            println!("| {name} | {a:.1}; {b:.1} | {c:.1}; {d:.1} |");
        }
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let cases = cases();
    for case in &cases {
        for layers in [Layers::Burn, Layers::Ffc] {
            measure(&mut criterion, case, layers);
        }
    }
    criterion.final_summary();
    print_table(&cases);
}
