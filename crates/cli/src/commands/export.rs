use std::path::Path;
use std::process::ExitCode;

use burn::tensor::Device;
use ffc_model::{Backbone, Preprocessing};

use crate::arguments::Export;
use crate::destination;
use crate::error::{Error, Result};
use crate::network::OfFile;
use crate::output::say;
use crate::trained::{Trained, Wanted};

/// Writes a file of one format.
type Write = fn(&Backbone, &Path, &Preprocessing) -> ffc_model::Result<()>;

/// Writes a run's network as a SafeTensors or ONNX file.
pub fn run(arguments: Export) -> Result<ExitCode> {
    let write = format_of(&arguments.out)?;
    let run = arguments.checkpoint.canonicalize().ok();
    let out = arguments.out.canonicalize().ok();
    let is_of_run = run.zip(out).is_some_and(|(run, out)| out.starts_with(run));
    let inputs = is_of_run.then_some(&arguments.out);
    destination::check(&arguments.out, inputs, |_| true)?;
    if arguments.checkpoint.is_file() {
        return of_file(&arguments, write);
    }
    arguments
        .description
        .refuse_published(&arguments.checkpoint)?;
    let wanted = Wanted {
        network: arguments.network,
        last: arguments.last,
        config: arguments.description.config.as_deref(),
    };
    let trained = Trained::read(&arguments.checkpoint, wanted, &Device::flex())?;
    write(&trained.backbone, &arguments.out, &trained.preprocessing)?;
    let best = match trained.is_best {
        true => ", the run's best",
        false => "",
    };
    say!("{}: {}{best}", arguments.out.display(), trained.what);
    Ok(ExitCode::SUCCESS)
}

/// Writes the network of a weight file.
fn of_file(arguments: &Export, write: Write) -> Result<ExitCode> {
    let weights = &arguments.checkpoint;
    if arguments.network.is_some() || arguments.last {
        return Err(Error::Usage(format!(
            "--network and --last choose among a run's networks; {} is one",
            weights.display()
        )));
    }
    let network = OfFile::read(weights, &arguments.description, &Device::flex())?;
    write(&network.backbone, &arguments.out, &network.preprocessing)?;
    say!(
        "{}: {}, pictures {}",
        arguments.out.display(),
        network.backbone.summary(),
        network.preprocessing
    );
    Ok(ExitCode::SUCCESS)
}

fn format_of(out: &Path) -> Result<Write> {
    match out.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => Ok(|network, path, pictures| network.write_weights(path, pictures)),
        Some("onnx") => Ok(|network, path, pictures| network.write_onnx(path, pictures)),
        _ => Err(Error::Usage(format!(
            "{} has an unknown ending; expected .onnx or .safetensors",
            out.display()
        ))),
    }
}
