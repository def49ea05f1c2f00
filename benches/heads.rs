//! Time of one step of every head over numbers of identities: loss, backward to the embeddings, and what the head itself learns.
//!
//! Beside it, in the same run, the floor of a full layer: its three products with the class weights (logits, gradient of the
//! embeddings, gradient of the weights) and one pass over weights and momenta.
//!
//! `BURN_DEVICE` names the device, `FFC_BENCH_IDENTITIES` the numbers of identities, `FFC_BENCH_BATCH` the loaders' batch,
//! `FFC_BENCH_KINDS` the heads. A head that does not fit the memory is named with the reason.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Distribution, Tensor};
use criterion::{BatchSize, BenchmarkId, Criterion};
use ffc_benches::any_head::{AnyHead, batch, heads, identities};
use ffc_benches::head_work::DIM;
use ffc_benches::settings::device;
use ffc_benches::table::{criterion_folder, median_seconds};
use ffc_train::config::HeadConfig;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUP: &str = "heads";
const FLOOR: &str = "floor";
const PRODUCTS: &str = "its products";
/// The floor is not made for more identities: weights, momenta and a matrix for each row.
const MOST_OF_FLOOR: u64 = 1_000_000;

fn parameter(identities: u64, batch: usize) -> String {
    format!("N={identities},B={batch}")
}

fn floor(criterion: &mut Criterion, identities: u64, batch: usize) {
    let device = device();
    let random = |rows, columns| {
        Tensor::<2>::random([rows, columns], Distribution::Normal(0.0, 1.0), &device)
    };
    let count = identities as usize;
    let embeddings = random(batch, DIM);
    let logits = random(batch, count);
    let mut weights = random(count, DIM);
    let mut momentum = random(count, DIM);
    for name in [PRODUCTS, FLOOR] {
        let id = BenchmarkId::new(name, parameter(identities, batch));
        criterion
            .benchmark_group(GROUP)
            .bench_function(id, |bencher| {
                bencher.iter(|| {
                    black_box(embeddings.clone().matmul(weights.clone().transpose()));
                    black_box(logits.clone().matmul(weights.clone()));
                    black_box(logits.clone().transpose().matmul(embeddings.clone()));
                    if name == FLOOR {
                        momentum.inplace(|momentum| momentum * 0.9);
                        weights.inplace(|weights| weights - momentum.clone());
                    }
                    device.sync()
                });
            });
    }
}

fn step(
    criterion: &mut Criterion,
    (name, config): (&str, &HeadConfig),
    identities: u64,
    batch: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let device = device();
    let mut work = AnyHead::new(config, identities, batch, &device)?;
    let id = BenchmarkId::new(name, parameter(identities, batch));
    let mut failed = None;
    criterion
        .benchmark_group(GROUP)
        .bench_function(id, |bencher| {
            let work = RefCell::new(&mut work);
            bencher.iter_batched(
                || work.borrow_mut().input(),
                |input| {
                    if let Err(error) = work.borrow_mut().step(input) {
                        failed = Some(error);
                    }
                    device.sync()
                },
                BatchSize::PerIteration,
            );
        });
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let (batch, heads, numbers) = (batch()?, heads()?, identities()?);
    let (mut measured, mut left_out) = (HashSet::new(), Vec::new());
    for &identities in &numbers {
        if identities <= MOST_OF_FLOOR {
            floor(&mut criterion, identities, batch);
            measured.extend([(PRODUCTS, identities), (FLOOR, identities)]);
        }
        for (name, config) in &heads {
            match step(&mut criterion, (name, config), identities, batch) {
                Ok(()) => drop(measured.insert((name, identities))),
                Err(error) => left_out.push(format!("{name}, N = {identities}: {error}")),
            }
        }
    }
    criterion.final_summary();

    let columns = numbers
        .iter()
        .map(|identities| format!(" N = {identities} |"));
    println!("\n| step, ms; B = {batch} |{}", columns.collect::<String>());
    println!("|---|{}", "---|".repeat(numbers.len()));
    let names = heads.iter().map(|(name, _)| *name);
    for name in [PRODUCTS, FLOOR].into_iter().chain(names) {
        let cells = numbers.iter().map(|&identities| {
            // Criterion's files of an earlier run are still there.
            let seconds = measured
                .contains(&(name, identities))
                .then(|| median_seconds(GROUP, name, &parameter(identities, batch)))
                .flatten();
            seconds.map_or(" |".into(), |seconds| format!(" {:.2} |", seconds * 1e3))
        });
        println!("| {name} |{}", cells.collect::<String>());
    }
    for problem in left_out {
        println!("left out: {problem}");
    }
    Ok(())
}
