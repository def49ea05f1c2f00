//! The index at scale: images in random order, as a record file that was shuffled has them, of a long tail of
//! identities. Builds the index, opens it, and draws dual batches from it in a process of its own.
//!
//! `cargo bench -p ffc-benches --bench index_scale` takes 10 million identities and 100 million images;
//! `-- --full` ten times as many, and 30 GB of disk in the folder for temporary files (`TMPDIR`).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ffc_benches::memory::{peak_mib, resident_mib};
use ffc_data::{
    BuildConfig, BuildProgress, Content, DualPlan, Fingerprint, IdentityOrder, ImageCounts,
    ImageRef, Index, IndexBuilder, InstanceOrder, InstanceOrderConfig, LoaderConfig, Location,
    Plan, Result, Source,
};

/// Bytes of a record.
const RECORD_BYTES: u64 = 5_000;
/// Positions that are drawn for a rate.
const DRAWS: u64 = 20_000_000;

/// Record files of 2^20 images each whose records are in random order.
#[derive(Debug)]
struct Shuffled {
    identities: u64,
    counts: ImageCounts,
}

impl Shuffled {
    fn new(identities: u64) -> Self {
        // Ten images an identity on average, 5 at least.
        Self {
            identities,
            counts: ImageCounts::Zipf {
                max: (5.3 * (identities as f64).sqrt()) as u64,
                min: 5,
                exponent: 0.5,
            },
        }
    }

    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.identities).map(|identity| self.counts.of(identity))
    }
}

impl Source for Shuffled {
    fn path(&self) -> &Path {
        Path::new("shuffled records")
    }

    fn expects(&self) -> &'static str {
        "images"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        Ok(Fingerprint::default())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        let index = Index::from_counts(self.counts())?;
        let order = InstanceOrder::new(&index, 1, InstanceOrderConfig::default())?;
        for draw in order.draws(0..index.images()) {
            let file = (draw.position >> 20) as usize;
            let offset = (draw.position & 0xf_ffff) * RECORD_BYTES;
            builder.image(draw.identity, Location::new(file, offset, RECORD_BYTES)?)?;
        }
        Ok(())
    }

    fn read(&self, _: &ImageRef<'_>, _: &mut Vec<u8>) -> Result<Content> {
        Ok(Content::Encoded(0..0))
    }
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [draw, path] = &arguments[..]
        && draw == "draw"
    {
        return draw_batches(Path::new(path));
    }
    let identities = if arguments.iter().any(|argument| argument == "--full") {
        100_000_000
    } else {
        10_000_000
    };
    let folder = std::env::temp_dir().join(format!("ffc-index-scale-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = build(identities, &folder.join("index")).and_then(|path| {
        let status = Command::new(std::env::current_exe()?)
            .arg("draw")
            .arg(path)
            .status()?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| "the drawing process failed".into())
    });
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn build(identities: u64, path: &Path) -> std::result::Result<PathBuf, Box<dyn Error>> {
    let source = Shuffled::new(identities);
    let start = Instant::now();
    let mut scanned = None;
    IndexBuilder::build(&source, path, &BuildConfig::default(), &mut |progress| {
        if let BuildProgress::Writing { .. } = progress {
            scanned.get_or_insert_with(|| start.elapsed());
        }
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let index = Index::open(path, &source)?;
    println!(
        "| identities | images | images of one | file | build (of which scan) | peak memory |"
    );
    println!("|---|---|---|---|---|---|");
    println!(
        "| {} | {} | {} to {} | {:.2} GB | {seconds:.0} s ({:.0} s) | {:.0} MiB |",
        index.identities(),
        index.images(),
        index.min_images(),
        index.max_images(),
        std::fs::metadata(path)?.len() as f64 / 1e9,
        scanned.unwrap_or_default().as_secs_f64(),
        peak_mib()?,
    );
    Ok(path.to_owned())
}

/// What a training process does with the index, without the pictures.
fn draw_batches(path: &Path) -> std::result::Result<(), Box<dyn Error>> {
    let before = resident_mib()?;
    let start = Instant::now();
    let index = Index::open_unchecked(path)?;
    let opened_ms = start.elapsed().as_secs_f64() * 1e3;
    let opened = resident_mib()?;

    let config = LoaderConfig {
        batch: 256,
        ..Default::default()
    };
    let (mut rows, mut sum) = (Vec::new(), 0);
    // Twice: the first round brings the boundaries into memory.
    let mut rates = Vec::new();
    for round in 0..2 {
        let start = Instant::now();
        let steps = DRAWS / (2 * config.batch as u64);
        for step in 0..steps {
            rows.clear();
            DualPlan::plan(&index, &config, round * steps + step, &mut rows)?;
            sum += rows.iter().map(|row| row.x.image).sum::<u64>();
        }
        rates.push(DRAWS as f64 / start.elapsed().as_secs_f64() / 1e6);
    }
    let instances = InstanceOrder::new(&index, 0, InstanceOrderConfig::default())?;
    let weighted = InstanceOrder::new(&index, 0, InstanceOrderConfig { power: 0.5 })?;
    let identities = IdentityOrder::new(&index, 0);
    let rate = |draw: &mut dyn FnMut() -> u64| {
        let start = Instant::now();
        let sum = std::hint::black_box(draw());
        (DRAWS as f64 / start.elapsed().as_secs_f64() / 1e6, sum)
    };
    let images = |order: &InstanceOrder<'_>| {
        let draws = order.draws(0..DRAWS);
        draws.map(|draw| draw.image ^ draw.identity).sum()
    };
    let (instance_rate, _) = rate(&mut || images(&instances));
    let (weighted_rate, _) = rate(&mut || images(&weighted));
    let (identity_rate, _) =
        rate(&mut || identities.draws(0..DRAWS).map(|draw| draw.images[1]).sum());
    std::hint::black_box(sum);
    println!();
    println!(
        "| open | memory: start, opened, after | dual batches: first, second round | instance order | by count^0.5 | id order |"
    );
    println!("|---|---|---|---|---|---|");
    println!(
        "| {opened_ms:.2} ms | {before:.0}, {opened:.0}, {:.0} MiB | {:.1}, {:.1} M/s | {instance_rate:.1} M/s | {weighted_rate:.1} M/s | {identity_rate:.1} M/s |",
        resident_mib()?,
        rates[0],
        rates[1],
    );
    Ok(())
}
