//! Speed of the loaders against the JPEG decoder alone, on the same pictures: drawn ones, or those of the folder or
//! archive named by `FFC_BENCH_PICTURES`, which should have 112 x 112 pixels.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput};
use ffc_benches::picture_files::Pictures;
use ffc_benches::table::{criterion_folder, median_seconds};
use ffc_data::{
    AugmentConfig, Dataset, ImageCounts, InstanceBatch, InstanceLoader, LoaderConfig,
    Normalisation, SyntheticConfig,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// Every allocation of the decoder is a batch's worth of noise otherwise.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 256;
const PICTURE_BYTES: usize = 112 * 112 * 3;

fn main() -> Result<(), Box<dyn Error>> {
    let pictures = Pictures::from_environment()?;
    let mut encoded: Vec<Vec<u8>> = pictures.encoded().map(<[u8]>::to_vec).collect();
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    let folder = tempfile::tempdir()?;
    let formats = pictures.write(folder.path())?;
    drop(pictures);
    // As the loader takes them.
    encoded.shuffle(&mut StdRng::seed_from_u64(0));

    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .configure_from_args();
    let mut group = criterion.benchmark_group("loader");
    group
        .throughput(Throughput::Elements(BATCH as u64))
        .sample_size(30)
        .measurement_time(Duration::from_secs(8));
    group.bench_function(BenchmarkId::new("decoder", 1), |bencher| {
        // Each picture into its place in the batch, and as many batches in turn as a loader has.
        let mut batches = vec![vec![0; BATCH * PICTURE_BYTES]; LoaderConfig::default().queue + 2];
        let (mut next, mut batch) = (encoded.iter().cycle(), 0);
        bencher.iter(|| {
            batch = (batch + 1) % batches.len();
            for (jpeg, target) in next.by_ref().zip(batches[batch].chunks_mut(PICTURE_BYTES)) {
                let decoded = JpegDecoder::new(ZCursor::new(jpeg)).decode_into(target);
                assert!(decoded.is_ok());
            }
        });
    });
    for (format, path) in &formats {
        let dataset = Arc::new(Dataset::from_path(path)?);
        for workers in [1, 2] {
            // The decoder's work and no other.
            let config = config(workers, false);
            bench(&mut group, format, dataset.clone(), config, &drop)?;
        }
        let name = format!("{format}, flipped");
        bench(&mut group, &name, dataset, config(1, true), &drop)?;
    }
    // Flipped and normalised too, on the CPU as the device, which shares the cores with the workers.
    let dataset = Arc::new(Dataset::from_path(&formats[0].1)?);
    bench(
        &mut group,
        "folder, normalised",
        dataset,
        config(2, true),
        &|batch| {
            batch.images.to_device(&Device::flex(), &Normalisation::FFC);
        },
    )?;
    let synthetic = SyntheticConfig {
        identities: 400,
        images: ImageCounts::Equal { images: 10 },
        ..Default::default()
    };
    let synthetic = Arc::new(Dataset::synthetic(synthetic)?);
    for workers in [1, 2] {
        let config = config(workers, false);
        bench(&mut group, "synthetic", synthetic.clone(), config, &drop)?;
    }
    group.finish();

    println!(
        "{} pictures, {:.1} kB on average",
        encoded.len(),
        bytes as f64 / encoded.len() as f64 / 1e3
    );
    println!(
        "| | images/s, 1 worker | of the decoder | images/s, 2 workers | 2 over 1 | flipped, 1 worker |"
    );
    println!("|---|---|---|---|---|---|");
    let rate = |name: &str, workers: &str| {
        median_seconds("loader", name, workers).map(|s| BATCH as f64 / s)
    };
    let Some(decoder) = rate("decoder", "1") else {
        return Ok(());
    };
    println!("| decoder alone | {decoder:.0} | 100 % | | | |");
    for name in ["folder", "zip", "record_io", "lmdb", "synthetic"] {
        let (Some(one), Some(two)) = (rate(name, "1"), rate(name, "2")) else {
            continue;
        };
        println!(
            "| {name} | {one:.0} | {:.0} % | {two:.0} | {:.2} | {} |",
            100.0 * one / decoder,
            two / one,
            rate(&format!("{name}, flipped"), "1")
                .map_or(String::new(), |rate| format!("{rate:.0}"))
        );
    }
    if let Some(normalised) = rate("folder, normalised", "2") {
        println!("| folder, flipped and normalised | | | {normalised:.0} | | |");
    }
    Ok(())
}

fn config(workers: usize, flip: bool) -> LoaderConfig {
    LoaderConfig {
        batch: BATCH,
        workers,
        augment: AugmentConfig {
            flip,
            ..Default::default()
        },
        ..Default::default()
    }
}

/// Time of a batch with the queue full at the start.
fn bench(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    dataset: Arc<Dataset>,
    config: LoaderConfig,
    take: &dyn Fn(InstanceBatch),
) -> Result<(), Box<dyn Error>> {
    let mut failed = None;
    group.bench_function(BenchmarkId::new(name, config.workers), |bencher| {
        bencher.iter_custom(
            |batches| match time(dataset.clone(), config.clone(), batches, take) {
                Ok(time) => time,
                Err(error) => {
                    failed = Some(error);
                    Duration::from_nanos(1)
                }
            },
        );
    });
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Time from one batch to the one `batches` later.
fn time(
    dataset: Arc<Dataset>,
    config: LoaderConfig,
    batches: u64,
    take: &dyn Fn(InstanceBatch),
) -> ffc_data::Result<Duration> {
    let queue = config.queue as u64;
    let mut loader = InstanceLoader::new(dataset, config, 0)?;
    // What the queue held at the start was made before: taken first, so that each batch counted is made meanwhile.
    for batch in loader.by_ref().take(queue as usize + 1) {
        batch?;
    }
    let start = Instant::now();
    for batch in loader.take(batches as usize) {
        take(batch?);
    }
    Ok(start.elapsed())
}
