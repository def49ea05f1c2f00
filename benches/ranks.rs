//! Steps of the built-in job by 1, 2 and 4 processes that `mpirun` starts on this machine: the same batch for all (strong scaling), and a batch
//! that grows with them (weak scaling), with the time of the first rank by spans. A process computes on one thread.
//!
//! `FFC_BENCH_RANKS` names other numbers of processes. Built without the feature `mpi` it measures nothing and says so.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[cfg(not(feature = "mpi"))]
fn main() -> Result<()> {
    println!(
        "built without the feature mpi: cargo bench -p ffc-benches --features mpi --bench ranks"
    );
    Ok(())
}

#[cfg(feature = "mpi")]
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments
        .iter()
        .position(|argument| argument == "--as-rank")
    {
        Some(at) => rank::run(arguments[at + 1].parse()?),
        None => launcher::run(),
    }
}

/// What starts the processes.
#[cfg(feature = "mpi")]
mod launcher {
    use std::process::Command;

    use ffc_benches::settings::list;

    use super::Result;

    /// Batch of all processes in strong, of each in weak scaling.
    const BATCH: usize = 64;

    pub fn run() -> Result<()> {
        let ranks: Vec<usize> = list("FFC_BENCH_RANKS", "1,2,4")?;
        println!(
            "| processes | batch B | step, ms | images/s | networks | head | backward | gather | reduce | optimizer |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        for batch_of_one in [false, true] {
            for &ranks in &ranks {
                let batch = match batch_of_one {
                    true => BATCH * ranks,
                    false => BATCH,
                };
                let status = Command::new("mpirun")
                    .args([
                        "--oversubscribe",
                        "--bind-to",
                        "none",
                        "-n",
                        &ranks.to_string(),
                    ])
                    .arg(std::env::current_exe()?)
                    .args(["--as-rank", &batch.to_string()])
                    .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
                    .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
                    .env("OMPI_MCA_mpi_yield_when_idle", "1")
                    .env("RAYON_NUM_THREADS", "1")
                    .status()?;
                if !status.success() {
                    return Err(format!("{ranks} processes ended with {status}").into());
                }
            }
        }
        Ok(())
    }
}

/// One of the processes.
#[cfg(feature = "mpi")]
mod rank {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use burn::tensor::Device;
    use ffc_benches::spans;
    use ffc_core::collective::Collective;
    use ffc_data::DualLoader;
    use ffc_mpi::Mpi;
    use ffc_train::config::Schedule;
    use ffc_train::{Config, Trainer};

    use super::Result;

    const STEPS: usize = 40;
    const WARM_UP: usize = 5;
    const IDENTITIES: u64 = 10_000;

    pub fn run(batch: usize) -> Result<()> {
        spans::watch()?;
        let mpi = Arc::new(Mpi::join(Duration::from_secs(60))?);
        let ranks: Arc<dyn Collective> = mpi.clone();
        let settings = [
            format!("loader.batch={batch}"),
            "loader.workers=1".to_owned(),
            format!("data.source.identities={IDENTITIES}"),
        ];
        let mut config = Config::named("synthetic", &settings)?;
        config.for_ranks(ranks.ranks())?;
        let device = Device::flex();
        let dataset = config.data.open(&mut |_| {})?;
        let share = config.loader_of_rank(ranks.rank(), ranks.ranks())?;
        let mut loader = DualLoader::new(dataset, share, 0)?;
        let mut trainer = Trainer::from_config_on_ranks(
            &config,
            IDENTITIES,
            Schedule::constant(),
            &device,
            ranks.clone(),
        )?;
        let mut step = || -> Result<usize> {
            let batch = loader.next().ok_or("the loader ended")??;
            let output = trainer.step(&batch)?;
            output.read()?;
            Ok(output.images)
        };
        for _ in 0..WARM_UP {
            step()?;
        }
        ranks.barrier()?;
        spans::take();
        let (begin, mut images) = (Instant::now(), 0);
        for _ in 0..STEPS {
            images += step()?;
        }
        let took = begin.elapsed();
        let spans = spans::take();
        if ranks.rank() == 0 {
            let per_step = |time: Duration| 1e3 * time.as_secs_f64() / STEPS as f64;
            let names = [
                "networks",
                "head",
                "backward",
                "gather",
                "reduce",
                "optimizer",
            ];
            let parts = names.map(|name| {
                let time = spans.get(name).copied().unwrap_or_default();
                format!("{:.1}", per_step(time))
            });
            println!(
                "| {} | {batch} | {:.1} | {:.0} | {} |",
                ranks.ranks(),
                per_step(took),
                images as f64 / took.as_secs_f64(),
                parts.join(" | ")
            );
        }
        mpi.finish();
        Ok(())
    }
}
