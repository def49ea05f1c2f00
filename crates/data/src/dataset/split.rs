use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::permutation::Permutation;
use crate::purpose::Purpose;
use crate::{Error, Result};

/// A draw of identities: those to train on, and those that are held out to measure on.
///
/// The same settings give the same draw for the same number of identities, whatever else is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Share of the identities that are held out, above 0 and below 1; in whole identities, and one at least on each side.
    pub held_out: f64,
    /// Which side is taken.
    pub take: SplitSide,
    /// Another seed, another draw. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

/// A side of a [`Split`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitSide {
    /// The identities to train on.
    Train,
    /// Those that are held out.
    HeldOut,
}

impl Split {
    /// # Errors
    /// [`Error::Setting`] if the share is outside its range.
    pub fn check(&self) -> Result<()> {
        if self.held_out > 0.0 && self.held_out < 1.0 {
            return Ok(());
        }
        Err(Error::Setting {
            setting: "held_out",
            value: self.held_out.to_string(),
            expected: "above 0 and below 1",
        })
    }

    /// The identities of its side, in ascending order.
    ///
    /// # Errors
    /// [`Error::Setting`] if the share is outside its range, or there is one identity alone.
    pub fn identities(&self, index: &Index) -> Result<Vec<u64>> {
        self.check()?;
        let count = index.identities();
        if count < 2 {
            return Err(Error::Setting {
                setting: "identities to split",
                value: count.to_string(),
                expected: "at least 2, one to train on and one to hold out",
            });
        }
        let held_out = ((count as f64 * self.held_out).round() as u64).clamp(1, count - 1);
        let ranks = Permutation::new(count, self.seed, Purpose::HeldOut, 0);
        let is_held_out = |identity| ranks.at(identity) < held_out;
        let wanted = self.take == SplitSide::HeldOut;
        Ok((0..count)
            .filter(|&identity| is_held_out(identity) == wanted)
            .collect())
    }
}
