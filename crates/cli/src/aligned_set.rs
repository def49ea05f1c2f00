//! Sets of pictures aligned into a folder, by `ffc align` and before a training.

use std::io::Write;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ffc_align::{AlignConfig, AlignProgress, Aligned, Landmarks, Missing, MtcnnConfig, align_set};
use ffc_data::Dataset;
use ffc_train::Interrupt;
use ffc_train::format::duration;

use crate::alignment::{AlignmentArguments, detector};
use crate::device::DeviceName;
use crate::error::{Error, Result};
use crate::output::say;
use crate::pictures::SetArguments;

/// Pictures that are named; the table has all.
const SHOWN: usize = 5;
/// Between two lines of progress.
const PAUSE: Duration = Duration::from_millis(250);

/// As many as the processor has.
pub fn cores() -> NonZero<usize> {
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// [`align_set`] with a line that tells how far it is, until it is done or interrupted.
///
/// # Errors
/// As [`align_set`].
pub fn align_with_progress(
    dataset: &Dataset,
    landmarks: &Landmarks,
    out: &Path,
    config: &AlignConfig,
    jobs: NonZero<usize>,
    interrupt: &Interrupt,
    progress: bool,
) -> Result<Aligned> {
    let told = Told::new(progress);
    let aligned = align_set(dataset, landmarks, out, config, jobs, &|at| {
        told.tell(at);
        match interrupt.is_requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    told.end();
    Ok(aligned?)
}

/// How many faces there are, and which pictures have none.
pub fn say_what_became(aligned: &Aligned, out: &Path, missing: Missing) {
    let Aligned {
        images,
        faces,
        without_face,
        unusable,
        unknown,
        table,
        ..
    } = aligned;
    say!(
        "{}: {}, {}",
        out.display(),
        counted(*images, "picture"),
        counted(*faces, "face")
    );
    let middles = match missing {
        Missing::Crop => ", of which the middle was taken",
        Missing::Skip | Missing::Fail => "",
    };
    let kinds = [
        (without_face, format!("without a face{middles}")),
        (unusable, "that cannot be used".to_owned()),
    ];
    for (pictures, what) in kinds {
        if pictures.is_empty() {
            continue;
        }
        let count = counted(pictures.len(), "picture");
        say!("{count} {what}, listed in {}:", table.display());
        for (image, problem) in pictures.iter().take(SHOWN) {
            say!("  {image}: {problem}");
        }
        if pictures.len() > SHOWN {
            say!("  ...");
        }
    }
    if let Some(first) = unknown.first() {
        let count = counted(unknown.len(), "picture");
        tracing::warn!("{count} of the table are not in the set, first `{first}`");
    }
}

fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// The pictures at a path aligned into a folder beside them, `<name>.aligned-<size>`, once: what is there already stays. None where it was
/// interrupted.
///
/// # Errors
/// As [`align_set`]; [`Error::Failed`] where no face is found.
pub fn aligned_beside(
    path: &Path,
    size_px: usize,
    as_stored: bool,
    alignment: &AlignmentArguments,
    interrupt: &Interrupt,
    progress: bool,
) -> Result<Option<PathBuf>> {
    let name = path.file_name().ok_or_else(|| {
        Error::Usage(format!(
            "{} has no name to put aligned faces beside: align them with `ffc align`",
            path.display()
        ))
    })?;
    let out = path.with_file_name(format!("{}.aligned-{size_px}", name.to_string_lossy()));
    let detector = detector(
        alignment.detector.as_deref(),
        MtcnnConfig::default(),
        DeviceName::Cpu,
    )?;
    let dataset = SetArguments::default().open(path, as_stored, &mut |_| {})?;
    let config = AlignConfig {
        size_px,
        ..AlignConfig::default()
    };
    let landmarks = Landmarks::Detector(Box::new(detector));
    let jobs = cores();
    let aligned = align_with_progress(
        &dataset, &landmarks, &out, &config, jobs, interrupt, progress,
    )?;
    say_what_became(&aligned, &out, config.missing);
    if !aligned.is_whole {
        return Ok(None);
    }
    if aligned.faces == 0 {
        return Err(Error::Failed(format!(
            "there is no face in any of {}'s pictures",
            path.display()
        )));
    }
    Ok(Some(out))
}

/// A line that tells how far it is.
struct Told {
    shown: bool,
    begin: Instant,
    /// When it was told last, and of how many pictures.
    last: Mutex<Option<(Instant, usize)>>,
}

impl Told {
    fn new(shown: bool) -> Self {
        Self {
            shown,
            begin: Instant::now(),
            last: Mutex::default(),
        }
    }

    fn tell(&self, at: AlignProgress) {
        let AlignProgress { done, before, all } = at;
        let Ok(mut last) = self.last.lock() else {
            return;
        };
        // Threads may come one behind the other.
        let is_later = last.is_none_or(|(_, told)| told < done);
        let is_due = last.is_none_or(|(told_at, _)| told_at.elapsed() > PAUSE) && is_later;
        if !self.shown || !(is_due || done == all) {
            return;
        }
        *last = Some((Instant::now(), done));
        let per_s = (done - before) as f64 / self.begin.elapsed().as_secs_f64().max(1e-3);
        let left = duration((all - done) as f64 / per_s);
        eprint!("\r{done} of {all} pictures, {per_s:.0} a second, {left} left   ");
        let _ = std::io::stderr().flush();
    }

    fn end(&self) {
        let was_told = self.last.lock().is_ok_and(|last| last.is_some());
        if was_told {
            eprintln!();
        }
    }
}
