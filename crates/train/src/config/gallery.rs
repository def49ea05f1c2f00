use ffc_core::{BatchForm, MovingAverage, RunningStatistics};
use serde::{Deserialize, Serialize};

use super::Precision;
use crate::{Error, Result};

/// How the gallery network follows the probe network, and how it embeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GalleryConfig {
    /// m of G <- m G + (1 - m) P. Default: 0.99, as published.
    pub momentum: f64,
    /// Whether running statistics of norms are averaged too; the published code leaves them at their start. Default: true.
    pub average_statistics: bool,
    /// The share of the highest learning rate up to which the network hardly moves: where the rate is no higher, the probe network's
    /// embeddings are reused as those of the gallery network, a forward pass less. The gallery network follows all the same. Default: 0, as
    /// published; with 1 it never embeds in a step.
    pub reuse_up_to: f64,
    /// What the gallery network computes in. Default: `training.precision`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
}

impl Default for GalleryConfig {
    fn default() -> Self {
        Self {
            momentum: 0.99,
            average_statistics: true,
            reuse_up_to: 0.0,
            precision: None,
        }
    }
}

impl GalleryConfig {
    /// Checks the ranges, for a head that takes batches of this form.
    pub(super) fn check(&self, form: BatchForm) -> Result<()> {
        if self.momentum == 1.0 {
            let expected = "below 1: the gallery network would stay as it was drawn";
            return Err(Error::setting("gallery.momentum", 1, expected));
        }
        self.average()?;
        let setting = "gallery.reuse_up_to";
        if !(0.0..=1.0).contains(&self.reuse_up_to) {
            return Err(Error::setting(setting, self.reuse_up_to, "between 0 and 1"));
        }
        if form == BatchForm::Pairs && self.reuse_up_to > 0.0 {
            let expected = "0: this head shows the gallery network pictures of its own";
            return Err(Error::setting(setting, self.reuse_up_to, expected));
        }
        Ok(())
    }

    /// How it follows.
    pub(super) fn average(&self) -> Result<MovingAverage> {
        let statistics = match self.average_statistics {
            true => RunningStatistics::Average,
            false => RunningStatistics::Keep,
        };
        MovingAverage::new(self.momentum, statistics)
            .map_err(|error| Error::in_table("gallery", error))
    }
}
