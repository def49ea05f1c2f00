use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ffc_data::ErrorChain;
use ffc_model::{Backbone, Preprocessing};
use ffc_train::{Checkpoint, Checkpoints, Config};

use crate::arguments::WhichNetwork;
use crate::error::{Error, Result};

/// A network of a training, from the folder of its run or of a checkpoint.
pub struct Trained {
    /// With its weights.
    pub backbone: Backbone,
    /// What is done to its pictures.
    pub preprocessing: Preprocessing,
    /// Which network of which step it is, such as `gallery network, step 1000`; the network alone where the run does not tell the step.
    pub what: String,
    /// Whether its pictures were left as they are stored.
    pub as_stored: bool,
    /// Whether the step is known.
    pub has_step: bool,
    /// Whether it is the run's best.
    pub is_best: bool,
}

/// Which of a training's networks is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// By default the gallery network, where the head needs one.
    pub network: Option<WhichNetwork>,
    /// That of the newest checkpoint even where there is a best one.
    pub last: bool,
    /// The run's configuration, where it does not lie in the run's folder.
    pub config: Option<&'a Path>,
}

impl Trained {
    /// Reads the best network of a run, that of its newest checkpoint where no evaluation has found a best one, or that of a checkpoint.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no such network; where files are damaged.
    pub fn read(folder: &Path, wanted: Wanted<'_>, device: &Device) -> Result<Self> {
        let folder = &folder
            .canonicalize()
            .map_err(Error::io("look at", folder))?;
        let is_run = is_run(folder);
        let config = config(folder, is_run, wanted.config)?;
        let checkpoints = Checkpoints::new(&folder.join("checkpoints"), 1);
        if is_run
            && !wanted.last
            && let Some((which, weights)) = best(folder, wanted.network)
        {
            let mut backbone = config.backbone.init(device)?;
            backbone.read_weights(&weights, Some(&config.preprocessing()))?;
            let best = checkpoints.newest_state()?.and_then(|state| state.best);
            let step =
                (best.as_ref()).map_or(String::new(), |best| format!(", step {}", best.step));
            return Ok(Self {
                backbone,
                preprocessing: config.preprocessing(),
                as_stored: config.data.as_stored,
                what: format!("{which} network{step}"),
                has_step: best.is_some(),
                is_best: true,
            });
        }
        let checkpoint = match is_run {
            true => newest(folder, &checkpoints)?,
            false => Checkpoint::open(folder)?,
        };
        Self::of_checkpoint(&checkpoint, &config, wanted.network, device)
    }

    fn of_checkpoint(
        checkpoint: &Checkpoint,
        config: &Config,
        network: Option<WhichNetwork>,
        device: &Device,
    ) -> Result<Self> {
        let (probe, gallery) = checkpoint.networks(config, device)?;
        let (which, backbone) = match (network, gallery) {
            (Some(WhichNetwork::Gallery), None) => {
                let problem = "the run's head has no gallery network: take --network probe";
                return Err(Error::Usage(problem.into()));
            }
            (Some(WhichNetwork::Probe), _) | (None, None) => ("probe", probe),
            (_, Some(gallery)) => ("gallery", gallery),
        };
        Ok(Self {
            backbone,
            preprocessing: config.preprocessing(),
            as_stored: config.data.as_stored,
            what: format!("{which} network, step {}", checkpoint.state().step),
            has_step: true,
            is_best: false,
        })
    }
}

fn is_run(folder: &Path) -> bool {
    folder.join("config.toml").exists() || folder.join("checkpoints").is_dir()
}

/// The configuration that was named, or that of the run that the folder is or lies in.
fn config(folder: &Path, is_run: bool, named: Option<&Path>) -> Result<Config> {
    let run = match is_run {
        true => Some(folder),
        false => folder.parent().and_then(Path::parent),
    };
    let path = match (named, run) {
        (Some(config), _) => config.to_owned(),
        (None, Some(run)) if run.join("config.toml").exists() => run.join("config.toml"),
        (None, _) => {
            return Err(Error::Usage(format!(
                "{} is neither a run's folder nor a checkpoint's in one; --config names the configuration of a checkpoint elsewhere",
                folder.display()
            )));
        }
    };
    Ok(Config::load(&path, &[])?)
}

/// The run's best network with its weight file, where an evaluation has found one.
fn best(run: &Path, network: Option<WhichNetwork>) -> Option<(&'static str, PathBuf)> {
    let names: &[_] = match network {
        Some(WhichNetwork::Gallery) => &["gallery"],
        Some(WhichNetwork::Probe) => &["probe"],
        None => &["gallery", "probe"],
    };
    let files = names
        .iter()
        .map(|&name| (name, run.join(format!("best-{name}.safetensors"))));
    files.into_iter().find(|(_, weights)| weights.exists())
}

fn newest(run: &Path, checkpoints: &Checkpoints) -> Result<Checkpoint> {
    let (newest, passed_over) = checkpoints
        .newest()?
        .ok_or_else(|| Error::Usage(format!("{} has no checkpoint yet", run.display())))?;
    for passed in passed_over {
        let (path, error) = (passed.path.display(), ErrorChain(&passed.error));
        tracing::warn!("passed over {path}: {error}");
    }
    Ok(newest)
}
