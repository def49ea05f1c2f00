//! Exact search for one query and for 64 among a million embeddings of 512 numbers, beside one pass over their memory and the product of
//! both matrices without the choice of the nearest.
//!
//! `FFC_BENCH_GALLERY` is another number of embeddings.

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion};
use ffc_benches::table::{criterion_folder, median_seconds};
use ffc_search::Gallery;
use ffc_simd::{multiversion, sum_of};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUP: &str = "search";
const DIM: usize = 512;
const TOP: usize = 10;
const QUERIES: [usize; 2] = [1, 64];
const PASS: &str = "one pass over the memory";
const PRODUCT: &str = "product alone";
const SEARCH: &str = "search";

fn random(rows: usize, seed: u64) -> Vec<f32> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..rows * DIM)
        .map(|_| random.random_range(-1.0..1.0))
        .collect()
}

fn pass(values: &[f32]) -> f32 {
    let sum = |values: &[f32]| {
        multiversion(
            #[inline(always)]
            || sum_of(values, |x| x),
        )
    };
    values.par_chunks(1 << 20).map(sum).sum()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows = match std::env::var("FFC_BENCH_GALLERY") {
        Ok(rows) => rows.parse()?,
        Err(_) => 1_000_000,
    };
    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let values = random(rows, 0);
    let gallery = Gallery::new(DIM, &values)?;
    let device = Device::flex();
    let matrix = Tensor::<2>::from_data(TensorData::new(values.clone(), [rows, DIM]), &device);
    let parameter = |queries: usize| format!("N={rows},queries={queries}");

    let mut group = criterion.benchmark_group(GROUP);
    for queries in QUERIES {
        let asked = random(queries, 1);
        let data = TensorData::new(asked.clone(), [queries, DIM]);
        let right = Tensor::<2>::from_data(data, &device).transpose();
        let id = |name: &str| BenchmarkId::new(name, parameter(queries));
        group.bench_function(id(PASS), |bencher| {
            bencher.iter(|| black_box(pass(&values)));
        });
        group.bench_function(id(PRODUCT), |bencher| {
            bencher.iter(|| {
                black_box(matrix.clone().matmul(right.clone()));
                device.sync()
            });
        });
        group.bench_function(id(SEARCH), |bencher| {
            bencher.iter(|| black_box(gallery.nearest(&asked, TOP)));
        });
    }
    group.finish();
    criterion.final_summary();

    println!("\n| ms; {rows} embeddings of {DIM} | 1 query | 64 queries |\n|---|---|---|");
    for name in [PASS, PRODUCT, SEARCH] {
        let cells = QUERIES.map(|queries| {
            let seconds = median_seconds(GROUP, name, &parameter(queries));
            seconds.map_or(" |".into(), |seconds| format!(" {:.0} |", seconds * 1e3))
        });
        println!("| {name} |{}", cells.concat());
    }
    Ok(())
}
