//! Peak memory of one step of the FFC head beyond what was there before it: the pool and the step's
//! embeddings. Counted in bytes asked of the host's allocator, so for the CPU alone; the figures are the same on every machine
//! but for what each worker thread needs. `memory_parts` measures GPUs.

use burn::tensor::Device;
use ffc_benches::counting::Counting;
use ffc_benches::head_work::{DIM, HeadWork, Identities, sizes};
use ffc_core::{FfcConfig, Result};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most of a few steps, backward pass included.
fn peak_bytes(capacity: usize, batch: usize, chunk: usize) -> Result<usize> {
    let config = FfcConfig {
        chunk,
        ..Default::default()
    };
    let mut work = HeadWork::new(
        capacity,
        batch,
        Identities::AsSlots,
        config,
        &Device::flex(),
    )?;
    let mut most = 0;
    for _ in 0..3 {
        let batch = work.batch();
        let before = Counting::now();
        Counting::forget_peak();
        let output = work.head.step(batch)?;
        drop(output.loss.backward());
        most = most.max(Counting::peak() - before);
    }
    Ok(most)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!("Peak of one step beyond pool and embeddings, MiB; D = {DIM}, N = Q");
    println!("| Q | pool | B | chunk 1024 | chunk 4096 | [3 B, Q] matrix, for comparison |");
    println!("|---|---|---|---|---|---|");
    for [capacity, batch] in sizes()? {
        let small = mib(peak_bytes(capacity, batch, 1024)?);
        let large = mib(peak_bytes(capacity, batch, 4096)?);
        let pool = mib(2 * capacity * DIM * size_of::<f32>());
        let matrix = mib(3 * batch * capacity * size_of::<f32>());
        println!("| {capacity} | {pool:.1} | {batch} | {small:.1} | {large:.1} | {matrix:.1} |");
    }
    Ok(())
}
