use serde::{Deserialize, Serialize};

use super::Length;
use crate::{Error, Result};

/// How the learning rate changes. Its factor on the optimizer's `learning_rate` follows from the number of the step alone,
/// so a resumed run needs no state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The rate rises in a line from near 0 over this length. Default: `"0 steps"`.
    pub warm_up: Length,
    /// What follows. Default: multi-step as published, x 0.1 at epochs 8, 14 and 17.
    pub decay: Decay,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            warm_up: Length::Steps(0),
            decay: Decay::MultiStep {
                milestones: [8.0, 14.0, 17.0].map(Length::Epochs).to_vec(),
                factor: 0.1,
            },
        }
    }
}

/// How the learning rate falls after the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum Decay {
    /// It does not.
    Constant,
    /// Times `factor` at each milestone, counted from the start of training.
    MultiStep {
        /// When.
        milestones: Vec<Length>,
        /// By how much.
        factor: f64,
    },
    /// Times (1 - t)^power, t from 0 after the warm-up to 1 at the end.
    Polynomial {
        /// 1 is a line.
        power: f64,
    },
    /// Half a cosine from 1 after the warm-up to `floor` at the end (arXiv:1608.03983, without restarts).
    Cosine {
        /// The factor at the end.
        floor: f64,
    },
}

/// A [`ScheduleConfig`] for a training of known length.
#[derive(Debug, Clone)]
pub struct Schedule {
    warm_up: u64,
    steps: u64,
    decay: Decay,
    milestones: Vec<u64>,
}

impl ScheduleConfig {
    /// Checks what needs no data, for a training of some length.
    pub(crate) fn check(&self, training: Length) -> Result<()> {
        match &self.decay {
            Decay::MultiStep { milestones, factor } => {
                in_unit("schedule.decay.factor", *factor)?;
                // Of different units they can be compared when the epoch's length is known; their order does not matter to the schedule.
                if let Some(pair) = milestones
                    .windows(2)
                    .find(|pair| is_later(pair[0], pair[1]))
                {
                    let value = format!("{}, then {}", pair[0], pair[1]);
                    let expected = "in ascending order";
                    return Err(Error::setting("schedule.decay.milestones", value, expected));
                }
            }
            Decay::Polynomial { power } if !(power.is_finite() && *power >= 0.0) => {
                return Err(Error::setting(
                    "schedule.decay.power",
                    power,
                    "a finite number that is not negative",
                ));
            }
            Decay::Cosine { floor } => in_unit("schedule.decay.floor", *floor)?,
            Decay::Constant | Decay::Polynomial { .. } => {}
        }
        // Lengths of different units can be compared when the epoch's length is known.
        match is_later(self.warm_up, training) {
            true => Err(self.warm_up_too_long()),
            false => Ok(()),
        }
    }

    /// For a training of `steps` steps.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range.
    pub fn init(&self, steps: u64, steps_per_epoch: u64) -> Result<Schedule> {
        self.check(Length::Steps(steps))?;
        let warm_up = self.warm_up.steps(steps_per_epoch);
        if warm_up > steps {
            return Err(self.warm_up_too_long());
        }
        let milestones = match &self.decay {
            Decay::MultiStep { milestones, .. } => {
                let steps = milestones.iter().map(|at| at.steps(steps_per_epoch));
                steps.collect()
            }
            _ => Vec::new(),
        };
        Ok(Schedule {
            warm_up,
            steps,
            decay: self.decay.clone(),
            milestones,
        })
    }

    fn warm_up_too_long(&self) -> Error {
        let expected = "no longer than the training";
        Error::setting("schedule.warm_up", self.warm_up, expected)
    }
}

/// Whether the first is surely later than the second: they have the same unit.
fn is_later(first: Length, second: Length) -> bool {
    match (first, second) {
        (Length::Steps(first), Length::Steps(second)) => first > second,
        (Length::Epochs(first), Length::Epochs(second)) => first > second,
        _ => false,
    }
}

fn in_unit(setting: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::setting(setting, value, "between 0 and 1"))
}

impl Schedule {
    /// The learning rate stays as it is.
    pub fn constant() -> Self {
        Self {
            warm_up: 0,
            steps: 0,
            decay: Decay::Constant,
            milestones: Vec::new(),
        }
    }

    /// The factor on the learning rate at a step, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        let decay = match self.decay {
            Decay::Constant => 1.0,
            Decay::MultiStep { factor, .. } => {
                let passed = self.milestones.iter().filter(|&&at| step >= at).count();
                factor.powi(passed as i32)
            }
            Decay::Polynomial { power } => (1.0 - self.progress(step)).powf(power),
            Decay::Cosine { floor } => {
                let cosine = (std::f64::consts::PI * self.progress(step)).cos();
                floor + (1.0 - floor) * (1.0 + cosine) / 2.0
            }
        };
        let warm_up = if step < self.warm_up {
            (step + 1) as f64 / self.warm_up as f64
        } else {
            1.0
        };
        warm_up * decay
    }

    /// From 0 after the warm-up to 1 after the last step.
    fn progress(&self, step: u64) -> f64 {
        let length = (self.steps - self.warm_up).max(1);
        (step.saturating_sub(self.warm_up) as f64 / length as f64).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(warm_up: u64, decay: Decay, steps: u64) -> Vec<f64> {
        let config = ScheduleConfig {
            warm_up: Length::Steps(warm_up),
            decay,
        };
        let schedule = config.init(steps, 10).unwrap();
        (0..steps).map(|step| schedule.factor(step)).collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn warm_up_then_constant() {
        assert_close(&factors(2, Decay::Constant, 4), &[0.5, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn multi_step_in_steps_and_epochs() {
        let decay = Decay::MultiStep {
            milestones: vec![Length::Steps(1), Length::Epochs(0.3)],
            factor: 0.1,
        };
        assert_close(&factors(0, decay, 5), &[1.0, 0.1, 0.1, 0.01, 0.01]);
    }

    #[test]
    fn polynomial_reaches_zero_after_the_last_step() {
        let decay = Decay::Polynomial { power: 2.0 };
        assert_close(&factors(1, decay, 5), &[1.0, 1.0, 0.5625, 0.25, 0.0625]);
    }

    #[test]
    fn cosine_falls_to_its_floor() {
        let decay = Decay::Cosine { floor: 0.2 };
        let half = 0.5f64.sqrt();
        assert_close(
            &factors(0, decay, 4),
            &[1.0, 0.2 + 0.4 * (1.0 + half), 0.6, 0.2 + 0.4 * (1.0 - half)],
        );
    }

    #[test]
    fn settings_outside_their_range() {
        let bad = [
            (9, Decay::Constant),
            (0, Decay::Cosine { floor: 2.0 }),
            (0, Decay::Polynomial { power: f64::NAN }),
            (
                0,
                Decay::MultiStep {
                    milestones: vec![],
                    factor: -1.0,
                },
            ),
        ];
        for (warm_up, decay) in bad {
            let config = ScheduleConfig {
                warm_up: Length::Steps(warm_up),
                decay,
            };
            assert!(config.init(8, 10).is_err(), "{config:?}");
        }
    }
}
