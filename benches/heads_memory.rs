//! Memory of every head over numbers of identities: what it holds between two steps, and the peak of a step beyond that and the embeddings.
//!
//! Counted in bytes asked of the host's allocator, so for the CPU alone. `FFC_BENCH_IDENTITIES`, `FFC_BENCH_BATCH` and
//! `FFC_BENCH_KINDS` choose as in the bench `heads`.

use burn::tensor::Device;
use ffc_benches::any_head::{AnyHead, batch, heads, identities};
use ffc_benches::counting::Counting;
use ffc_train::config::HeadConfig;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that the head holds, and the most that a step adds.
fn measure(
    config: &HeadConfig,
    identities: u64,
    batch: usize,
) -> Result<[usize; 2], Box<dyn std::error::Error>> {
    let empty = Counting::now();
    let mut work = AnyHead::new(config, identities, batch, &Device::flex())?;
    let mut most = 0;
    for _ in 0..3 {
        let input = work.input();
        let before = Counting::now();
        Counting::forget_peak();
        work.step(input)?;
        most = most.max(Counting::peak() - before);
    }
    Ok([Counting::now() - empty, most])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    let batch = batch()?;
    println!("| head; B = {batch} | N | held, MiB | more in a step, MiB |");
    println!("|---|---|---|---|");
    for (name, config) in heads()? {
        for identities in identities()? {
            match measure(&config, identities, batch) {
                Ok([held, step]) => {
                    println!(
                        "| {name} | {identities} | {:.1} | {:.1} |",
                        mib(held),
                        mib(step)
                    );
                }
                Err(error) => println!("| {name} | {identities} | {error} | |"),
            }
        }
    }
    Ok(())
}
