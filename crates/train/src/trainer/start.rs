use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::Device;
use ffc_model::Backbone;
use ffc_model::weights::TensorInfo;

use crate::config::Config;
use crate::{Error, Result};

/// Reads the weights that a training starts from.
pub(super) fn read_weights(network: &mut Backbone, path: &Path, config: &Config) -> Result<()> {
    let expected = config.preprocessing();
    let told = match config.training.weights_in_part {
        false => network.read_weights(path, Some(&expected))?,
        true => {
            let (told, mismatch) = network.read_weights_in_part(path, Some(&expected))?;
            tracing::info!("{} is taken in part: {mismatch}", path.display());
            told
        }
    };
    if told.is_none() {
        tracing::info!(
            "{} does not tell how its pictures are prepared; as the configuration has it: {expected}",
            path.display()
        );
    }
    Ok(())
}

impl Config {
    /// Checks what needs the network itself: that `training.frozen` names parts of it, and not all.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where it does not.
    pub fn check_network(&self, device: &Device) -> Result<()> {
        if self.training.frozen.is_empty() {
            return Ok(());
        }
        let network = self.backbone.init(device).map_err(Error::in_backbone)?;
        check_frozen(&network, &self.training.frozen)
    }
}

/// Checks that there are such parts of the network, and others.
pub(super) fn check_frozen(network: &Backbone, frozen: &[String]) -> Result<()> {
    let tensors = network.tensors();
    let setting = |value: &str, expected| Error::setting("training.frozen", value, expected);
    for part in frozen {
        if !tensors.iter().any(|tensor| tensor.is_in(part)) {
            let parts: BTreeSet<&str> = (tensors.iter())
                .map(|tensor| tensor.name.split('.').next().unwrap_or_default())
                .collect();
            let parts: Vec<&str> = parts.into_iter().collect();
            let expected = format!(
                "parts of the network, or tensors in them: {}",
                parts.join(", ")
            );
            return Err(setting(part, expected));
        }
    }
    let is_free = |tensor: &TensorInfo| {
        !tensor.is_running_statistic() && !frozen.iter().any(|part| tensor.is_in(part))
    };
    match tensors.iter().any(is_free) {
        true => Ok(()),
        false => Err(setting(
            &frozen.join(", "),
            "some parts: nothing is left to train".into(),
        )),
    }
}
