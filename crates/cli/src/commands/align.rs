use std::io::Write;
use std::num::NonZero;
use std::ops::ControlFlow;
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
    match aligned.is_whole {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::from(INTERRUPTED)),
    }
}

fn report(arguments: &Align, aligned: &Aligned) {
    let Aligned {
        images,
        faces,
        missing,
        is_whole,
        table,
    } = aligned;
    say!(
        "{}: {faces} faces of {images} pictures",
        arguments.out.display()
    );
    if !missing.is_empty() {
        say!(
            "{} pictures without a face, listed in {}:",
            missing.len(),
            table.display()
        );
        for (image, problem) in missing.iter().take(SHOWN) {
            say!("  {image}: {problem}");
        }
        if missing.len() > SHOWN {
            say!("  ...");
        }
    }
    if !is_whole {
        say!("stopped; the same command goes on");
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
    last: std::sync::Mutex<Option<Instant>>,
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
        let is_due = last.is_none_or(|last| last.elapsed() > PAUSE);
        if !self.shown || !(is_due || done == all) {
            return;
        }
        *last = Some(Instant::now());
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
