use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use ffc_eval::ThresholdsFile;

use super::Training;
use super::evaluations::THRESHOLDS;
use crate::checkpoint::Best;
use crate::{Error, Result};

impl Training<'_> {
    /// Writes the thresholds of the best network; where it has none, those of another do not stay.
    pub(super) fn keep_thresholds(&self, thresholds: Option<ThresholdsFile>) -> Result<()> {
        let path = self.folder.path().join(THRESHOLDS);
        let Some(thresholds) = thresholds else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(Error::io("remove", &path)(error))
                }
                _ => Ok(()),
            };
        };
        thresholds.write(&path).map_err(|source| Error::Evaluation {
            name: thresholds.measured_on.pairs.clone(),
            source,
        })
    }

    /// Whether it is better than the best so far. The best of another evaluation makes room.
    pub(super) fn is_best(&mut self, found: &Best) -> Result<bool> {
        let Some(best) = &self.state.best else {
            return Ok(true);
        };
        if best.evaluation == found.evaluation {
            return Ok(found.value > best.value);
        }
        let aside = format!("best-of-step-{}", best.step);
        for name in ["gallery", "probe"] {
            let [from, to] = ["best", &aside].map(|prefix| self.weights(prefix, name));
            if from.exists() {
                fs::rename(&from, &to).map_err(Error::io("rename", &from))?;
            }
        }
        let [from, to] = [THRESHOLDS.to_owned(), format!("{aside}-{THRESHOLDS}")]
            .map(|name| self.folder.path().join(name));
        if from.exists() {
            fs::rename(&from, &to).map_err(Error::io("rename", &from))?;
        }
        self.records.log(&format!(
            "another evaluation decides which network is best; the weights of the best so far are kept as {aside}-*"
        ))?;
        Ok(true)
    }

    /// Writes the networks' weights as `<prefix>-gallery.safetensors`, where there is one, and `<prefix>-probe.safetensors`.
    pub(super) fn export(&self, prefix: &str) -> Result<()> {
        let preprocessing = self.config.preprocessing();
        for (name, network) in [
            ("gallery", self.trainer.gallery()),
            ("probe", Some(self.trainer.probe())),
        ] {
            if let Some(network) = network {
                network.write_weights(self.weights(prefix, name), &preprocessing)?;
            }
        }
        Ok(())
    }

    fn weights(&self, prefix: &str, network: &str) -> PathBuf {
        self.folder
            .path()
            .join(format!("{prefix}-{network}.safetensors"))
    }
}
