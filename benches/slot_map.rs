//! Speed of the slot map at Q = 30,000: look-ups, and planning and applying a batch.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ffc_benches::table::criterion_folder;
use ffc_core::{Result, SlotMap};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CAPACITY: usize = 30_000;
const LOOK_UPS: usize = 100_000;
const ROWS: usize = 384;

fn main() -> Result<()> {
    let mut rng = StdRng::seed_from_u64(0);
    // Spread over the whole range, as hashes of names are.
    let known: Vec<u64> = (0..CAPACITY)
        .map(|_| rng.random_range(0..1 << 63))
        .collect();
    let mut slots = SlotMap::new(CAPACITY)?;
    let plan = slots.plan(&known);
    slots.apply(&plan)?;

    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .configure_from_args();
    let mut group = criterion.benchmark_group("slot_map");
    for (name, hits) in [("get/hit", true), ("get/miss", false)] {
        let queries: Vec<u64> = (0..LOOK_UPS)
            .map(|_| match hits {
                true => known[rng.random_range(0..CAPACITY)],
                false => rng.random_range(0..1 << 63),
            })
            .collect();
        group.throughput(Throughput::Elements(LOOK_UPS as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                queries
                    .iter()
                    .filter(|&&identity| black_box(slots.get(identity)).is_some())
                    .count()
            });
        });
    }
    let batches: Vec<Vec<u64>> = (0..1000)
        .map(|_| {
            (0..ROWS)
                .map(|_| rng.random_range(0..10 * CAPACITY as u64))
                .collect()
        })
        .collect();
    group.throughput(Throughput::Elements(ROWS as u64));
    let mut turn = batches.iter().cycle();
    let mut stale = 0;
    group.bench_function("plan_and_apply", |bencher| {
        bencher.iter(|| {
            if let Some(batch) = turn.next() {
                let plan = slots.plan(batch);
                stale += u32::from(slots.apply(&plan).is_err());
            }
        });
    });
    assert_eq!(stale, 0);
    group.finish();
    criterion.final_summary();
    Ok(())
}
