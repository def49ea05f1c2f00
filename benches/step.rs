//! A whole training step of the built-in job against its parts: both networks forward and the probe network backward, and the
//! head. What is left over is the trainer's own: upload, moving average, gradient norm, optimizer.

use std::error::Error;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use criterion::{BenchmarkId, Criterion};
use ffc_benches::table::median_seconds;
use ffc_core::margin::CosFace;
use ffc_core::{ClassPool, ClassPoolConfig, DualEmbeddings, FfcConfig, FfcHead, Half, Head};
use ffc_data::{DualBatch, DualLoader, ImageBatch};
use ffc_model::NormMode;
use ffc_train::{Config, Trainer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches that the steps go through in turn, so that the pool is in use as in training.
const BATCHES: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::parse(include_str!("../configs/synthetic.toml"), "synthetic", &[])?;
    let dataset = config.data.open(&mut |_| {})?;
    let loader = DualLoader::new(dataset, config.loader(), 0)?;
    let batches = loader
        .take(BATCHES)
        .collect::<Result<Vec<DualBatch>, _>>()?;

    let plain = Device::flex();
    let device = Device::flex().autodiff();
    let schedule = config.schedule.init(BATCHES as u64, BATCHES as u64)?;
    let mut trainer = Trainer::new(&config, schedule, &plain)?;
    for batch in &batches {
        trainer.step(batch)?.read()?;
    }

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("step");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(15));
    let rows = 3 * config.loader.batch;
    let mut failed = None;

    let mut next = batches.iter().cycle();
    group.bench_function(BenchmarkId::new("whole", rows), |bencher| {
        bencher.iter(|| {
            let step = next.next().map(|batch| trainer.step(batch)?.read());
            failed = failed.take().or(step.and_then(Result::err));
        });
    });

    // Pictures on the device already.
    let normalisation = config.normalisation();
    let on_device = |images: &ImageBatch| images.to_device(&device, &normalisation);
    let pictures: Vec<_> = batches
        .iter()
        .map(|batch| [on_device(&batch.x), on_device(&batch.y)])
        .collect();
    let (probe, gallery) = (trainer.probe().clone(), trainer.gallery().clone());
    let mut next = pictures.iter().cycle();
    group.bench_function(BenchmarkId::new("networks", rows), |bencher| {
        bencher.iter(|| {
            let [x, y] = next.next()?;
            let mut loss: Option<Tensor<1>> = None;
            for side in [x, y] {
                let _ = gallery.forward(side.clone().inner(), NormMode::Batch);
                let sum = probe.forward(side.clone(), NormMode::Train).ok()?.sum();
                loss = Some(loss.map_or(sum.clone(), |loss| loss + sum));
            }
            loss.map(|loss| loss.backward())
        });
    });

    let mut halves = Vec::new();
    for (batch, [x, y]) in batches.iter().zip(&pictures) {
        let half = |images: &ImageBatch, pictures: &Tensor<4>| {
            let probe = probe.forward(pictures.clone(), NormMode::Train)?;
            Ok::<_, ffc_model::Error>(Half {
                // A leaf: the networks' backward pass is not the head's.
                probe: Tensor::from_inner(probe.inner()).require_grad(),
                gallery: gallery.forward(pictures.clone().inner(), NormMode::Batch)?,
                identities: images.identities().to_vec(),
            })
        };
        halves.push(DualEmbeddings {
            x: half(&batch.x, x)?,
            y: half(&batch.y, y)?,
        });
    }
    let pool = ClassPoolConfig {
        capacity: config.head.pool,
        dim: config.backbone.embedding(),
        ..Default::default()
    };
    let settings = FfcConfig {
        check_embeddings: false,
        ..Default::default()
    };
    let mut head = FfcHead::new(ClassPool::new(pool, &device)?, CosFace::new(0.2)?, settings)?;
    for half in &halves {
        head.step(half.clone())?;
    }
    let mut next = halves.iter().cycle();
    group.bench_function(BenchmarkId::new("head", rows), |bencher| {
        bencher.iter(|| {
            let output = next.next().map(|half| head.step(half.clone()));
            output
                .and_then(Result::ok)
                .map(|output| output.loss.backward())
        });
    });
    group.finish();
    if let Some(error) = failed {
        return Err(error.into());
    }

    let milliseconds =
        |name: &str| median_seconds("step", name, &rows.to_string()).map(|seconds| 1e3 * seconds);
    let parts = ["whole", "networks", "head"].map(milliseconds);
    if let [Some(whole), Some(networks), Some(head)] = parts {
        println!("| step, ms | networks | head | left over | share |");
        println!("|---|---|---|---|---|");
        let rest = whole - networks - head;
        println!(
            "| {whole:.1} | {networks:.1} | {head:.1} | {rest:.1} | {:.1} % |",
            100.0 * rest / whole
        );
    }
    Ok(())
}
