//! Speed of the networks: forward in evaluation, and forward with backward to all gradients in training.
//! `reference/backbones_pytorch.py` does the same work in PyTorch.

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput};
use ffc_benches::table::median_seconds;
use ffc_model::network::{CompactConfig, IResNetConfig, MobileFaceNetConfig, VitConfig};
use ffc_model::{Backbone, BackboneConfig, NormMode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Case {
    name: &'static str,
    batch: usize,
    config: BackboneConfig,
}

impl Case {
    fn all() -> [Self; 4] {
        let case = |name, batch, config| Self {
            name,
            batch,
            config,
        };
        [
            case(
                "MobileFaceNet",
                32,
                BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default()),
            ),
            case(
                "IResNet-50",
                8,
                BackboneConfig::Iresnet(IResNetConfig::default()),
            ),
            case("ViT-T", 32, BackboneConfig::Vit(VitConfig::tiny())),
            case(
                "Compact",
                128,
                BackboneConfig::Compact(CompactConfig::default()),
            ),
        ]
    }

    fn network(&self, device: &Device) -> (Backbone, Tensor<4>) {
        device.seed(1);
        let input = self.config.input();
        let shape = [self.batch, input.channels, input.height_px, input.width_px];
        let images = Tensor::random(shape, Distribution::Normal(0.0, 1.0), device);
        match self.config.init(device) {
            Ok(network) => (network, images),
            Err(error) => unreachable!("default settings: {error}"),
        }
    }

    fn measure(&self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("backbone");
        group.throughput(Throughput::Elements(self.batch as u64));
        // Networks are made inside, so that cases that are not asked for cost nothing.
        group.bench_function(BenchmarkId::new(self.name, "forward"), |bencher| {
            let (network, images) = self.network(&Device::flex());
            bencher.iter(|| black_box(network.forward(images.clone(), NormMode::Evaluate)));
        });
        group.bench_function(BenchmarkId::new(self.name, "training"), |bencher| {
            let device = Device::flex().autodiff();
            let (network, images) = self.network(&device);
            // A weighting of the embeddings in place of a loss.
            let shape = [self.batch, self.config.embedding()];
            let weights = Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), &device);
            bencher.iter(|| {
                let embeddings = network.forward(images.clone(), NormMode::Train);
                let loss = embeddings.map(|embeddings| (embeddings * weights.clone()).sum());
                black_box(loss.map(|loss| loss.backward()))
            });
        });
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let cases = Case::all();
    for case in &cases {
        case.measure(&mut criterion);
    }
    criterion.final_summary();

    println!("\n| network | batch | forward, ms | images/s | training, ms | images/s |");
    println!("|---|---|---|---|---|---|");
    for Case { name, batch, .. } in &cases {
        let pass = |pass| median_seconds("backbone", name, pass);
        if let (Some(forward), Some(training)) = (pass("forward"), pass("training")) {
            let rate = |seconds| *batch as f64 / seconds;
            println!(
                "| {name} | {batch} | {:.1} | {:.0} | {:.1} | {:.0} |",
                forward * 1e3,
                rate(forward),
                training * 1e3,
                rate(training)
            );
        }
    }
}
