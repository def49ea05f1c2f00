//! Dual batches over a folder of pictures, `root/<identity>/<image>`, or any other format that is known by its name.
//!
//! `cargo run --release --example dual_batches -- path/to/folder`
//!
//! Without a path, synthetic identities take the folder's place.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use ffc_data::{
    BuildConfig, BuildProgress, Damaged, Dataset, DualLoader, ErrorChain, LoaderConfig,
    Normalisation, SourceConfig, SyntheticConfig,
};

const STEPS: usize = 50;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", ErrorChain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let dataset = match std::env::args().nth(1) {
        // The index is built beside the folder the first time.
        Some(path) => {
            let source = SourceConfig::detect(Path::new(&path))?;
            Dataset::open_or_build(&source, &BuildConfig::default(), &mut show)?
        }
        None => Dataset::synthetic(SyntheticConfig::default())?,
    };
    let index = dataset.index();
    println!(
        "{} images of {} identities",
        index.images(),
        index.identities()
    );

    let config = LoaderConfig {
        batch: 64,
        workers: 2,
        damaged: Damaged::Skip { limit: 100 },
        ..Default::default()
    };
    // Starts at step 0; a resumed training starts where it stopped.
    let mut loader = DualLoader::new(Arc::new(dataset), config, 0)?;
    println!("{} steps an epoch", loader.steps_per_epoch());

    let device = Device::flex();
    let start = Instant::now();
    for batch in loader.by_ref().take(STEPS) {
        let batch = batch?;
        // x = [a; i1] and y = [b; i2]: the first 64 rows of both show the same identities.
        let x = batch.x.to_device(&device, &Normalisation::FFC);
        let y = batch.y.to_device(&device, &Normalisation::FFC);
        if batch.step % 10 == 0 {
            let identities = &batch.x.identities()[..4];
            println!(
                "step {:2}: x {:?}, y {:?}, identities {identities:?} ...",
                batch.step,
                x.dims(),
                y.dims()
            );
        }
    }
    let pictures = STEPS * 3 * 64;
    println!(
        "{:.0} pictures/s, {} skipped",
        pictures as f64 / start.elapsed().as_secs_f64(),
        loader.skipped()
    );
    Ok(())
}

/// One line that tells how far the building of the index is.
fn show(progress: BuildProgress) {
    match progress {
        BuildProgress::Scanning { images } => eprint!("\r{images} images found"),
        BuildProgress::Writing { images, total } => {
            eprint!("\r{images} of {total} images written");
            if images == total {
                eprintln!();
            }
        }
    }
}
