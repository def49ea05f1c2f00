//! A whole training step against its parts: both networks forward and the probe network backward, and the head. What is left
//! over is the trainer's own: upload, moving average, gradient norm, optimizer. Taken from runs of their own, parts differ by the
//! noise of the machine and by what is in its caches; so on the CPU, where nothing runs in the background, the trainer's own
//! time is also told by the spans within the step. Beside it steps that are handed over in a queue before the device is waited
//! for, and how long the handing over took: less where the device works in the background and nothing in a step waits for it.
//!
//! `BURN_DEVICE` names the device, `FFC_BENCH_STEPS` what is measured: `synthetic`, the built-in job, or
//! network:batch:precision:pool, separated by commas.

use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::{DType, Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput};
use ffc_benches::job::{self, Job};
use ffc_benches::settings::{device, list};
use ffc_benches::spans;
use ffc_benches::table::criterion_folder;
use ffc_core::{DualEmbeddings, EmbeddingBatch};
use ffc_data::{DualBatch, ImageBatch};
use ffc_model::{Backbone, NormMode};
use ffc_train::Trainer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Batches that the steps go through in turn.
const BATCHES: usize = 4;
/// How often the table's parts are timed in turn: a slow minute of the machine then slows all of them, and what is left over
/// is taken within a round.
const ROUNDS: usize = 40;
/// No round but the first begins after this time.
const ROUNDS_TIME: Duration = Duration::from_secs(120);

type Part = (&'static str, fn(&mut Work) -> Result<()>);

/// Milliseconds a step.
struct Round {
    whole: f64,
    /// Of the whole step, what is neither in the networks nor in the head nor in the backward pass.
    own: f64,
    queued: f64,
    /// Of a step in the queue, until the device has been told of it.
    handed_over: f64,
    networks: f64,
    head: f64,
}

/// What criterion measures; the queue's time is in the table alone.
const PARTS: [Part; 3] = [
    ("whole", Work::whole),
    ("networks", Work::networks),
    ("head", Work::head),
];

/// A training under way, and its data.
struct Work {
    plain: Device,
    trainer: Trainer,
    probe: Backbone,
    gallery: Backbone,
    batches: Vec<DualBatch>,
    /// Of each batch, on the device.
    pictures: Vec<[Tensor<4>; 2]>,
    embeddings: Vec<DualEmbeddings>,
    next: usize,
}

impl Work {
    fn new(job: &Job, plain: Device) -> Result<Self> {
        let batches = job.batches(BATCHES)?;
        let trainer = job.trainer(&plain)?;
        let device = plain.clone().autodiff();
        let upload = |images: &ImageBatch| job.upload(images, &device);
        let pictures = batches
            .iter()
            .map(|batch| [upload(&batch.x), upload(&batch.y)])
            .collect();
        let mut work = Self {
            plain,
            probe: trainer.probe().clone(),
            gallery: job::gallery(&trainer)?.clone(),
            trainer,
            batches,
            pictures,
            embeddings: Vec::new(),
            next: 0,
        };
        for (batch, [x, y]) in work.batches.iter().zip(&work.pictures) {
            let side = |images: &ImageBatch, pictures: &Tensor<4>| {
                let probe = work.probe.forward(pictures.clone(), NormMode::Train)?;
                let pictures = pictures.clone().inner();
                let gallery = work.gallery.forward(pictures, NormMode::Batch)?;
                Ok::<_, ffc_model::Error>(EmbeddingBatch {
                    // A leaf: the networks' backward pass is not the head's.
                    probe: Tensor::from_inner(probe.inner().cast(DType::F32)).require_grad(),
                    gallery: Some(gallery.cast(DType::F32)),
                    identities: images.identities().to_vec(),
                })
            };
            let (x, y) = (side(&batch.x, x)?, side(&batch.y, y)?);
            work.embeddings.push(DualEmbeddings { x, y });
        }
        Ok(work)
    }

    fn turn(&mut self) -> usize {
        self.next = (self.next + 1) % BATCHES;
        self.next
    }

    fn whole(&mut self) -> Result<()> {
        let turn = self.turn();
        self.trainer.step(&self.batches[turn])?;
        Ok(self.plain.sync()?)
    }

    /// As many steps as there are batches. Gives the time until all were handed over.
    fn queued(&mut self) -> Result<Duration> {
        let start = Instant::now();
        for batch in &self.batches {
            self.trainer.step(batch)?;
        }
        let handed_over = start.elapsed();
        self.plain.sync()?;
        Ok(handed_over)
    }

    fn networks(&mut self) -> Result<()> {
        let turn = self.turn();
        let mut sums = Vec::new();
        for side in &self.pictures[turn] {
            let _ = self
                .gallery
                .forward(side.clone().inner(), NormMode::Batch)?;
            let embeddings = self.probe.forward(side.clone(), NormMode::Train)?;
            // A weighting in place of a loss; a plain sum has no gradient behind the last norm.
            let weights = self.embeddings[turn].x.probe.clone().inner();
            sums.push((embeddings.cast(DType::F32) * Tensor::from_inner(weights)).sum());
        }
        Tensor::cat(sums, 0).sum().backward();
        Ok(self.plain.sync()?)
    }

    fn head(&mut self) -> Result<()> {
        let turn = self.turn();
        let output = job::ffc_head(&mut self.trainer)?.step(self.embeddings[turn].clone())?;
        output.loss.backward();
        Ok(self.plain.sync()?)
    }
}

fn main() -> Result<()> {
    spans::watch()?;
    let names: Vec<String> = list("FFC_BENCH_STEPS", "synthetic")?;
    let jobs = names.iter().map(|name| Job::new(name));
    let jobs = jobs.collect::<Result<Vec<_>>>()?;
    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .sample_size(10)
        .warm_up_time(Duration::from_secs(2))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let mut rows = Vec::new();
    for job in &jobs {
        rows.push(measure(&mut criterion, job)?);
    }
    println!(
        "| network, batch B, precision, pool | step, ms | images/s | queued, ms (handed over) | networks | head | left over | by spans | step over networks | reserved, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        println!("{row}");
    }
    Ok(())
}

/// Measures the step and its parts. Gives the table's row.
fn measure(criterion: &mut Criterion, job: &Job) -> Result<String> {
    let mut work = Work::new(job, device())?;
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(job.pictures() as u64));
    let mut failed = None;
    for (part, run) in PARTS {
        group.bench_function(BenchmarkId::new(&job.name, part), |bencher| {
            bencher.iter(|| failed = failed.take().or(run(&mut work).err()));
        });
    }
    group.finish();
    if let Some(error) = failed {
        return Err(error);
    }
    let reserved = device().memory_pool_usage();
    let reserved = reserved.map_or("-".into(), |usage| (usage.bytes_reserved >> 20).to_string());

    let start = Instant::now();
    let mut rounds = Vec::new();
    while rounds.is_empty() || (rounds.len() < ROUNDS && start.elapsed() < ROUNDS_TIME) {
        rounds.push(round(&mut work)?);
    }
    let middle = |part: fn(&Round) -> f64| median(rounds.iter().map(part).collect());
    let whole = middle(|round| round.whole).1;
    let networks = middle(|round| round.networks).1;
    let share = |part: f64| format!("{part:.1} ({:.1} %)", 100.0 * part / whole);
    let between = |(low, part, high): (f64, f64, f64)| {
        let [low, middle, high] = [low, part, high].map(|part| 100.0 * part / whole);
        format!("{part:.1} ({middle:.1} %, {low:.1} to {high:.1})")
    };
    let own = match device() == Device::flex() {
        true => between(middle(|round| round.own)),
        false => "-".into(),
    };
    Ok(format!(
        "| {} | {whole:.1} | {:.0} | {:.1} ({:.1}) | {} | {} | {} | {own} | {:.2} | {reserved} |",
        job.name,
        1e3 * job.pictures() as f64 / whole,
        middle(|round| round.queued).1,
        middle(|round| round.handed_over).1,
        share(networks),
        share(middle(|round| round.head).1),
        between(middle(|round| round.whole - round.networks - round.head)),
        whole / networks,
    ))
}

/// Every part over all batches, one part after the other.
fn round(work: &mut Work) -> Result<Round> {
    let mut time = |run: fn(&mut Work) -> Result<()>, runs: usize| {
        let start = Instant::now();
        for _ in 0..runs {
            run(work)?;
        }
        Ok::<_, Box<dyn Error>>(per_step(start.elapsed()))
    };
    spans::take();
    let whole = time(Work::whole, BATCHES)?;
    let spans = spans::take();
    let mut elsewhere = Duration::ZERO;
    for name in ["networks", "head", "backward"] {
        elsewhere += *spans.get(name).ok_or("a step without its spans")?;
    }
    let networks = time(Work::networks, BATCHES)?;
    let head = time(Work::head, BATCHES)?;
    let start = Instant::now();
    let handed_over = work.queued()?;
    Ok(Round {
        whole,
        own: whole - per_step(elsewhere),
        queued: per_step(start.elapsed()),
        handed_over: per_step(handed_over),
        networks,
        head,
    })
}

/// Milliseconds a step, where every batch made one.
fn per_step(time: Duration) -> f64 {
    1e3 * time.as_secs_f64() / BATCHES as f64
}

/// The median between the ends of its 95 % interval, by the ranks of the sorted values; of fewer than six, between the extremes.
fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let middle = (values.len() - 1) as f64 / 2.0;
    let reach = 0.98 * (values.len() as f64).sqrt();
    let low = (middle - reach).floor().max(0.0) as usize;
    let high = ((middle + reach).ceil() as usize).min(values.len() - 1);
    (values[low], values[values.len() / 2], values[high])
}
