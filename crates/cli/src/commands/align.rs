use std::path::Path;
use std::process::ExitCode;

use ffc_align::{AlignConfig, Faces, Format, Landmarks, Missing, MtcnnConfig};

use crate::aligned_set::{align_with_progress, cores, say_what_became};
use crate::alignment::detector;
use crate::arguments::{Align, FacesArgument, FormatArgument, MissingArgument};
use crate::destination;
use crate::error::{Error, INTERRUPTED, Result};
use crate::interrupt::interrupt;
use crate::output::say;

/// Of JPEG, where none is given.
const QUALITY: u8 = 95;

/// Aligns the faces of a set.
pub fn run(arguments: Align, progress: bool) -> Result<ExitCode> {
    if arguments.quality.is_some() && arguments.format == FormatArgument::Png {
        return Err(Error::Usage(
            "--quality is of JPEG: add --format jpeg".into(),
        ));
    }
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
    let data = std::slice::from_ref(&arguments.data);
    let dataset = (arguments.set).open_any(data, arguments.as_stored, &mut |_| {})?;
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
            FormatArgument::Jpeg => Format::Jpeg(arguments.quality.unwrap_or(QUALITY)),
        },
    };
    let interrupt = interrupt()?;
    let jobs = arguments.jobs.unwrap_or_else(cores);
    let (data, out) = (&dataset, &arguments.out);
    let aligned = align_with_progress(data, &landmarks, out, &config, jobs, &interrupt, progress)?;
    if let Some(table) = &arguments.landmarks {
        let bytes = std::fs::read(&aligned.table).map_err(Error::io("read", &aligned.table))?;
        ffc_files::write(table, bytes).map_err(Error::io("write", table))?;
    }
    say_what_became(&aligned, &arguments.out, config.missing);
    if !aligned.is_whole {
        say!("stopped; the same command goes on");
    }
    if !aligned.is_whole {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    // A wrong set, or a detector or table that cannot be meant.
    if aligned.faces == 0 {
        let data = arguments.data.display();
        return Err(Error::Failed(format!("no face of {data} could be aligned")));
    }
    Ok(ExitCode::SUCCESS)
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
