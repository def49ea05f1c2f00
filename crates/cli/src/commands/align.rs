use std::io::Write;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ffc_align::{
    AlignConfig, AlignProgress, Aligned, Faces, Format, Landmarks, Missing, MtcnnConfig, align_set,
};
use ffc_train::Interrupt;
use ffc_train::format::duration;

use crate::alignment::detector;
use crate::arguments::{Align, FacesArgument, FormatArgument, MissingArgument};
use crate::destination;
use crate::error::{Error, INTERRUPTED, Result};
use crate::output::say;

/// Pictures without a face that are named; the table has all.
const SHOWN: usize = 5;
/// Between two lines of progress.
const PAUSE: Duration = Duration::from_millis(250);

/// Aligns the faces of a set.
pub fn run(arguments: Align, progress: bool) -> Result<ExitCode> {
    check_places(&arguments)?;
    let landmarks = landmarks(&arguments)?;
    if let Some(table) = &arguments.landmarks {
        let inputs = [&arguments.data]
            .into_iter()
            .chain(&arguments.from_landmarks);
        destination::check(table, inputs, |table| {
            table.extension().is_some_and(|ending| ending == "csv")
        })?;
    }
    let dataset = arguments
        .set
        .open_any(std::slice::from_ref(&arguments.data), arguments.as_stored)?;
    let config = AlignConfig {
        size_px: arguments.size,
        faces: match arguments.faces {
            FacesArgument::Largest => Faces::Largest,
            FacesArgument::Centre => Faces::Centre,
            FacesArgument::All => Faces::All,
        },
        missing: match arguments.missing {
            MissingArgument::Skip => Missing::Skip,
            MissingArgument::Fail => Missing::Fail,
            MissingArgument::Crop => Missing::Crop,
        },
        format: match arguments.format {
            FormatArgument::Png => Format::Png,
            FormatArgument::Jpeg => Format::Jpeg(arguments.quality),
        },
    };
    let interrupt = Interrupt::default();
    let asked = interrupt.clone();
    let handler = move || {
        if asked.request() {
            std::process::exit(INTERRUPTED.into());
        }
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Error::Failed(format!("cannot listen for Ctrl-C: {error}")))?;

    let cores = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let told = Told::new(progress);
    let aligned = align_set(
        &dataset,
        &landmarks,
        &arguments.out,
        &config,
        arguments.jobs.unwrap_or(cores),
        &|at| {
            told.tell(at);
            match interrupt.is_requested() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        },
    );
    told.end();
    let aligned = aligned?;
    if let Some(table) = &arguments.landmarks {
        let bytes = std::fs::read(&aligned.table).map_err(Error::io("read", &aligned.table))?;
        ffc_files::write(table, bytes).map_err(Error::io("write", table))?;
    }
    report(&arguments, &aligned);
    Ok(match aligned.is_whole {
        false => ExitCode::from(INTERRUPTED),
        // A wrong set, or a detector that cannot be meant.
        true if aligned.faces == 0 => ExitCode::FAILURE,
        true => ExitCode::SUCCESS,
    })
}

fn report(arguments: &Align, aligned: &Aligned) {
    let Aligned {
        images,
        faces,
        missing,
        unknown,
        is_whole,
        table,
    } = aligned;
    let out = arguments.out.display();
    say!(
        "{out}: {}, {}",
        counted(*images, "picture"),
        counted(*faces, "face")
    );
    if !missing.is_empty() {
        let middles = match arguments.missing {
            MissingArgument::Crop => ", of which the middle was taken where they can be read",
            MissingArgument::Skip | MissingArgument::Fail => "",
        };
        let table = table.display();
        say!(
            "{} without a face{middles}, listed in {table}:",
            counted(missing.len(), "picture")
        );
        for (image, problem) in missing.iter().take(SHOWN) {
            say!("  {image}: {problem}");
        }
        if missing.len() > SHOWN {
            say!("  ...");
        }
    }
    if let Some(first) = unknown.first() {
        let count = counted(unknown.len(), "picture");
        tracing::warn!("{count} of the table are not in the set, first `{first}`");
    }
    if !is_whole {
        say!("stopped; the same command goes on");
    }
}

fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// Refuses a folder that lies in the pictures, which it would become a part of, and a table among the faces.
fn check_places(arguments: &Align) -> Result<()> {
    let Align {
        data,
        out,
        landmarks,
        ..
    } = arguments;
    let lies_in = |path: &Path, folder: &Path| {
        let whole = std::path::absolute(path).ok();
        let existing = whole
            .as_deref()
            .and_then(|path| path.ancestors().find(|path| path.exists()));
        let existing = existing.and_then(|path| path.canonicalize().ok());
        let folder = folder.canonicalize().ok();
        existing
            .zip(folder)
            .is_some_and(|(path, folder)| path.starts_with(folder))
    };
    if data.is_dir() && lies_in(out, data) {
        return Err(Error::Usage(format!(
            "{} lies in {}, whose pictures are aligned: the faces would be pictures of it; take another folder",
            out.display(),
            data.display()
        )));
    }
    let Some(table) = landmarks else {
        return Ok(());
    };
    if lies_in(table, out) || table.parent() == Some(out) {
        return Err(Error::Usage(format!(
            "{} lies among the faces, where landmarks.csv is written in any case; take another place",
            table.display()
        )));
    }
    match table.parent() {
        Some(folder) if folder != Path::new("") && !folder.is_dir() => Err(Error::Usage(format!(
            "{}: there is no folder {}",
            table.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// A detector, or a table in its place.
fn landmarks(arguments: &Align) -> Result<Landmarks> {
    if let Some(table) = &arguments.from_landmarks {
        return Ok(Landmarks::table(table)?);
    }
    let config = MtcnnConfig {
        min_face_px: arguments.min_face,
        ..MtcnnConfig::default()
    };
    let detector = detector(arguments.detector.as_deref(), config, arguments.device)?;
    Ok(Landmarks::Detector(Box::new(detector)))
}

/// A line that tells how far it is.
struct Told {
    shown: bool,
    begin: Instant,
    /// When it was told last, and of how many pictures.
    last: std::sync::Mutex<Option<(Instant, usize)>>,
}

impl Told {
    fn new(shown: bool) -> Self {
        Self {
            shown,
            begin: Instant::now(),
            last: std::sync::Mutex::default(),
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
