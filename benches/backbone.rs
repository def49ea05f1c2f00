//! Speed of the networks: forward in evaluation, and forward with backward to all gradients in training.
//! `reference/backbones_pytorch.py` does the same work in PyTorch.
//!
//! `BURN_DEVICE` names the device, `FFC_BENCH_BACKBONES` what is measured: network:batch:precision, separated by commas.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{DType, Device, Distribution, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput};
use ffc_benches::settings::{device, list, network, precision};
use ffc_benches::table::{criterion_folder, median_seconds};
use ffc_model::{Backbone, BackboneConfig, NormMode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DEFAULT: &str = "MobileFaceNet:32:f32,IResNet-50:8:f32,ViT-T:32:f32,Compact:128:f32";

struct Case {
    name: String,
    batch: usize,
    config: BackboneConfig,
    precision: DType,
}

impl Case {
    fn new(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut parts = text.split(':');
        let mut part = || {
            parts
                .next()
                .ok_or(format!("{text}: expected network:batch:precision"))
        };
        Ok(Self {
            config: network(part()?)?,
            batch: part()?.parse()?,
            precision: precision(part()?)?.into(),
            name: text.replace(':', ","),
        })
    }

    /// Pictures in the precision that the network shall compute in.
    fn network(&self, device: &Device) -> Result<(Backbone, Tensor<4>), ffc_model::Error> {
        device.seed(1);
        let input = self.config.input();
        let shape = [self.batch, input.channels, input.height_px, input.width_px];
        let images = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), device);
        Ok((self.config.init(device)?, images.cast(self.precision)))
    }

    fn measure(&self, criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
        let mut failed = None;
        let mut group = criterion.benchmark_group("backbone");
        group.throughput(Throughput::Elements(self.batch as u64));
        let plain = device();
        let (network, images) = self.network(&plain)?;
        group.bench_function(BenchmarkId::new(&self.name, "forward"), |bencher| {
            bencher.iter(|| {
                let pass = || -> Result<(), Box<dyn Error>> {
                    black_box(network.forward(images.clone(), NormMode::Evaluate)?);
                    Ok(plain.sync()?)
                };
                failed = failed.take().or(pass().err());
            });
        });
        drop((network, images));
        let device = plain.clone().autodiff();
        let (network, images) = self.network(&device)?;
        // A weighting of the embeddings in place of a loss.
        let shape = [self.batch, self.config.embedding()];
        let weights = Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), &device);
        group.bench_function(BenchmarkId::new(&self.name, "training"), |bencher| {
            bencher.iter(|| {
                let pass = || -> Result<(), Box<dyn Error>> {
                    let embeddings = network.forward(images.clone(), NormMode::Train)?;
                    let loss = (embeddings.cast(DType::F32) * weights.clone()).sum();
                    black_box(loss.backward());
                    Ok(plain.sync()?)
                };
                failed = failed.take().or(pass().err());
            });
        });
        failed.map_or(Ok(()), Err)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let names: Vec<String> = list("FFC_BENCH_BACKBONES", DEFAULT)?;
    let cases = names.iter().map(|name| Case::new(name));
    let cases = cases.collect::<Result<Vec<_>, _>>()?;
    for case in &cases {
        case.measure(&mut criterion)?;
    }
    criterion.final_summary();

    println!("\n| network, batch, precision | forward, ms | images/s | training, ms | images/s |");
    println!("|---|---|---|---|---|");
    for Case { name, batch, .. } in &cases {
        let pass = |pass| median_seconds("backbone", name, pass);
        if let (Some(forward), Some(training)) = (pass("forward"), pass("training")) {
            let rate = |seconds| *batch as f64 / seconds;
            println!(
                "| {name} | {:.1} | {:.0} | {:.1} | {:.0} |",
                forward * 1e3,
                rate(forward),
                training * 1e3,
                rate(training)
            );
        }
    }
    Ok(())
}
