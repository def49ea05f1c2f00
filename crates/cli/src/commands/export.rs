use std::path::PathBuf;
use std::process::ExitCode;

use burn::tensor::Device;
use ffc_data::ErrorChain;
use ffc_train::{Checkpoint, Checkpoints};

use crate::arguments::{Export, WhichNetwork};
use crate::error::{Error, Result};
use crate::output::say;

/// Writes a checkpoint's network as a SafeTensors file.
pub fn run(arguments: Export) -> Result<ExitCode> {
    let folder = &arguments.checkpoint;
    let (checkpoint, run) = if folder.join("checkpoints").is_dir() {
        let checkpoints = Checkpoints::new(&folder.join("checkpoints"), 1);
        let newest = checkpoints
            .newest()?
            .ok_or_else(|| Error::Usage(format!("{} has no checkpoint yet", folder.display())))?;
        for passed in newest.1 {
            let (path, error) = (passed.path.display(), ErrorChain(&passed.error));
            tracing::warn!("passed over {path}: {error}");
        }
        (newest.0, Some(folder.clone()))
    } else {
        let run = folder.parent().and_then(|checkpoints| checkpoints.parent());
        (Checkpoint::open(folder)?, run.map(PathBuf::from))
    };
    let config = match (&arguments.config, run) {
        (Some(config), _) => config.clone(),
        (None, Some(run)) => run.join("config.toml"),
        (None, None) => return Err(Error::Usage("give the run's --config".into())),
    };
    let config = ffc_train::Config::load(&config, &[])?;
    let (probe, gallery) = checkpoint.networks(&config, &Device::flex())?;
    let network = match arguments.network {
        Some(WhichNetwork::Gallery) => gallery.ok_or_else(|| {
            Error::Usage("the run's head has no gallery network: take --network probe".into())
        })?,
        Some(WhichNetwork::Probe) => probe,
        None => gallery.unwrap_or(probe),
    };
    network.write_weights(&arguments.out, &config.preprocessing())?;
    say!("{}", arguments.out.display());
    Ok(ExitCode::SUCCESS)
}
