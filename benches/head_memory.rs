//! Peak memory of one step of the FFC head beyond what was there before it: the pool and the step's
//! embeddings. Counted in bytes asked of the allocator, so the figures are the same on every machine
//! but for what each worker thread needs.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ffc_benches::head_work::{BATCHES, CAPACITIES, DIM, HeadWork, Identities, device};
use ffc_core::{FfcConfig, Head, Result};

/// Counts the bytes that are allocated.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The old block lives until the new one is filled.
        grow(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most of a few steps, backward pass included.
fn peak_bytes(capacity: usize, batch: usize, chunk: usize) -> Result<usize> {
    let config = FfcConfig {
        chunk,
        ..Default::default()
    };
    let mut work = HeadWork::new(capacity, batch, Identities::AsSlots, config, &device())?;
    let mut most = 0;
    for _ in 0..3 {
        let batch = work.batch();
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let output = work.head.step(batch)?;
        drop(output.loss.backward());
        most = most.max(PEAK.load(Relaxed) - before);
    }
    Ok(most)
}

fn main() -> Result<()> {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!("Peak of one step beyond pool and embeddings, MiB; D = {DIM}, N = Q");
    println!("| Q | pool | B | chunk 1024 | chunk 4096 | [3 B, Q] matrix, for comparison |");
    println!("|---|---|---|---|---|---|");
    for capacity in CAPACITIES {
        for batch in BATCHES {
            let small = mib(peak_bytes(capacity, batch, 1024)?);
            let large = mib(peak_bytes(capacity, batch, 4096)?);
            let pool = mib(2 * capacity * DIM * size_of::<f32>());
            let matrix = mib(3 * batch * capacity * size_of::<f32>());
            println!(
                "| {capacity} | {pool:.1} | {batch} | {small:.1} | {large:.1} | {matrix:.1} |"
            );
        }
    }
    Ok(())
}
