//! Memory of a training by its parts: parameters of both networks, pool, activations, loss, optimizer.
//!
//! Networks, optimizer and pool are what lasts, activations what both sides' passes forward leave for the pass backward, loss the
//! most of a head's step. On the CPU these are bytes asked of the allocator; on a GPU bytes in use, and for the whole what the device
//! reserved. `BURN_DEVICE` names the device, `FFC_BENCH_MEMORY` what is measured: network:batch:precision:pool, separated by commas.

use std::error::Error;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use ffc_benches::counting::Counting;
use ffc_benches::job::{self, Job};
use ffc_benches::settings::{device, list};
use ffc_core::{DualEmbeddings, EmbeddingBatch};
use ffc_data::{DualBatch, ImageBatch};
use ffc_model::NormMode;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const DEFAULT: &str = "Compact:32:f32:1000,Compact:64:f32:30000,MobileFaceNet:16:f32:30000";

/// Bytes of each part.
struct Parts {
    networks: u64,
    pool: u64,
    activations: u64,
    loss: u64,
    optimizer: u64,
    step: u64,
}

/// Bytes that are in use now.
fn now(device: &Device) -> Result<u64, Box<dyn Error>> {
    device.sync()?;
    let usage = device.memory_pool_usage();
    Ok(usage.map_or(Counting::now() as u64, |usage| usage.bytes_in_use))
}

/// The most since `Counting::forget_peak`; on GPUs what they reserve, which does not shrink by itself.
fn peak(device: &Device) -> Result<u64, Box<dyn Error>> {
    device.sync()?;
    let usage = device.memory_pool_usage();
    Ok(usage.map_or(Counting::peak() as u64, |usage| usage.bytes_reserved))
}

fn measure(job: &Job, plain: &Device) -> Result<Parts, Box<dyn Error>> {
    let batches: [DualBatch; 2] = (job.batches(2)?.try_into()).map_err(|_| "two batches")?;
    plain.memory_cleanup();
    let start = now(plain)?;
    let mut trainer = job.trainer(plain)?;
    let networks = 2 * (trainer.probe().num_params() * size_of::<f32>()) as u64;
    let pool = job.pool_bytes();

    let (probe, gallery) = (trainer.probe().clone(), job::gallery(&trainer)?.clone());
    let device = plain.clone().autodiff();
    let side = |images: &ImageBatch| {
        let pictures = job.upload(images, &device);
        let gallery = gallery.forward(pictures.clone().inner(), NormMode::Batch)?;
        Ok::<_, ffc_model::Error>(EmbeddingBatch {
            probe: probe.forward(pictures, NormMode::Train)?.cast(DType::F32),
            gallery: Some(gallery.cast(DType::F32)),
            identities: images.identities().to_vec(),
        })
    };
    let before = now(plain)?;
    let embeddings = DualEmbeddings {
        x: side(&batches[0].x)?,
        y: side(&batches[0].y)?,
    };
    let activations = now(plain)? - before;
    let leaves = |side: &EmbeddingBatch| EmbeddingBatch {
        probe: Tensor::from_inner(side.probe.clone().inner()).require_grad(),
        ..side.clone()
    };
    let leaves = DualEmbeddings {
        x: leaves(&embeddings.x),
        y: leaves(&embeddings.y),
    };
    drop((embeddings, probe, gallery));
    Counting::forget_peak();
    let before = now(plain)?;
    let output = job::ffc_head(&mut trainer)?.step(leaves)?;
    drop(output.loss.clone().backward());
    // A GPU tells what it reserves, not the peak within a step.
    let loss = match plain.memory_pool_usage() {
        Some(_) => 0,
        None => peak(plain)? - before,
    };
    drop(output);

    // After a first step the networks no longer share what was equal, and the optimizer has its moments.
    trainer.step(&batches[0])?.read()?;
    let optimizer = now(plain)?.saturating_sub(start + networks + pool);
    Counting::forget_peak();
    trainer.step(&batches[1])?.read()?;
    let step = peak(plain)?.saturating_sub(start);
    Ok(Parts {
        networks,
        pool,
        activations,
        loss,
        optimizer,
        step,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let names: Vec<String> = list("FFC_BENCH_MEMORY", DEFAULT)?;
    println!("Peak of a step and its parts, MiB");
    println!(
        "| network, batch B, precision, pool | both networks | pool | activations | loss | optimizer | peak of a step |"
    );
    println!("|---|---|---|---|---|---|---|");
    for name in names {
        let job = Job::new(&name)?;
        let parts = measure(&job, &device())?;
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        let loss = match parts.loss {
            0 => "-".into(),
            bytes => mib(bytes),
        };
        println!(
            "| {} | {} | {} | {} | {loss} | {} | {} |",
            job.name,
            mib(parts.networks),
            mib(parts.pool),
            mib(parts.activations),
            mib(parts.optimizer),
            mib(parts.step)
        );
    }
    Ok(())
}
