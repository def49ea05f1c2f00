//! Time of one step of the FFC head: both passes, plan, loss, backward to the embeddings, pool edit.
//!
//! Beside it, in the same run, the floor: the two products `[3 B, D] x [D, Q]` and `[3 B, Q] x [Q, D]`
//! that any exact head of this kind makes, alone.
//!
//! `BURN_DEVICE` names the device, `FFC_BENCH_HEADS` the sizes: Q:B, separated by commas.

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Distribution, Tensor};
use criterion::{BatchSize, BenchmarkId, Criterion};
use ffc_benches::head_work::{DIM, HeadWork, Identities, sizes};
use ffc_benches::settings::device;
use ffc_benches::table::{criterion_folder, median_seconds};
use ffc_core::{FfcConfig, Result};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUP: &str = "head";

fn parameter(capacity: usize, batch: usize) -> String {
    format!("Q={capacity},B={batch}")
}

fn floor(criterion: &mut Criterion, capacity: usize, batch: usize) {
    let device = device();
    let random = |rows, columns| {
        Tensor::<2>::random([rows, columns], Distribution::Normal(0.0, 1.0), &device)
    };
    let probe = random(3 * batch, DIM);
    let pool = random(capacity, DIM);
    let weights = random(3 * batch, capacity);
    let id = BenchmarkId::new("floor", parameter(capacity, batch));
    criterion
        .benchmark_group(GROUP)
        .bench_function(id, |bencher| {
            bencher.iter(|| {
                black_box(probe.clone().matmul(pool.clone().transpose()));
                black_box(weights.clone().matmul(pool.clone()));
                device.sync()
            });
        });
}

fn step(
    criterion: &mut Criterion,
    capacity: usize,
    batch: usize,
    identities: Identities,
) -> Result<()> {
    let device = device();
    let mut work = HeadWork::new(capacity, batch, identities, FfcConfig::default(), &device)?;
    let id = BenchmarkId::new(identities.name(), parameter(capacity, batch));
    let mut failed = None;
    criterion
        .benchmark_group(GROUP)
        .bench_function(id, |bencher| {
            let work = std::cell::RefCell::new(&mut work);
            bencher.iter_batched(
                || work.borrow_mut().batch(),
                |batch| {
                    let probe = batch.x.probe.clone();
                    match work.borrow_mut().head.step(batch) {
                        Ok(output) => {
                            black_box(probe.grad(&output.loss.backward()));
                        }
                        Err(error) => failed = Some(error),
                    }
                    device.sync()
                },
                BatchSize::PerIteration,
            );
        });
    failed.map_or(Ok(()), Err)
}

fn print_table(sizes: &[[usize; 2]]) {
    println!("\n| Q | B | floor, ms | step N=Q, ms | ratio | step N=10Q, ms | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for [capacity, batch] in sizes {
        let ms = |function| {
            median_seconds(GROUP, function, &parameter(*capacity, *batch)).map(|s| s * 1e3)
        };
        if let (Some(floor), Some(all), Some(tenth)) = (ms("floor"), ms("N=Q"), ms("N=10Q")) {
            let (a, b) = (all / floor, tenth / floor);
            println!(
                "| {capacity} | {batch} | {floor:.1} | {all:.1} | {a:.2} | {tenth:.1} | {b:.2} |"
            );
        }
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let sizes = sizes()?;
    for [capacity, batch] in sizes.iter().copied() {
        floor(&mut criterion, capacity, batch);
        for identities in Identities::ALL {
            step(&mut criterion, capacity, batch, identities)?;
        }
    }
    criterion.final_summary();
    print_table(&sizes);
    Ok(())
}
