use std::fmt;

use ffc_train::StepPictures;
use ffc_train::format::{count, significant};
use serde::Deserialize;

/// How long every cell trains: what the columns have in common.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Pictures through the trained network.
    Images(u64),
    /// Pictures through the trained network and the gallery network.
    Embedded(u64),
    /// Pictures of the instance loader, which make epochs.
    Instances(u64),
    /// Steps.
    Steps(u64),
    /// Seconds of training, evaluations left out. Steps are timed once for each column, so that all its seeds make as many.
    Seconds(f64),
}

impl Budget {
    /// Steps that it is enough for, 1 at least. `step_s` is what a step takes, where time counts.
    ///
    /// # Errors
    ///
    /// What is wrong, where pictures shall be counted that the steps do not have, or time that is not known.
    pub(crate) fn steps(self, pictures: StepPictures, step_s: Option<f64>) -> Result<u64, String> {
        let of = |images: u64, of_step: usize, what: &str| match of_step {
            0 => Err(format!("its steps have no {what} to be counted")),
            of_step => Ok(images.div_ceil(of_step as u64)),
        };
        let steps = match self {
            Self::Images(images) => of(images, pictures.trained, "images")?,
            Self::Embedded(images) => of(images, pictures.embedded, "images")?,
            Self::Instances(images) => of(images, pictures.instances, "instances")?,
            Self::Steps(steps) => steps,
            Self::Seconds(seconds) => {
                let step_s = step_s.ok_or("how long a step takes is not known yet")?;
                (seconds / step_s) as u64
            }
        };
        Ok(steps.max(1))
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(self) -> Option<String> {
        let wrong = match self {
            Self::Images(number)
            | Self::Embedded(number)
            | Self::Instances(number)
            | Self::Steps(number) => number == 0,
            Self::Seconds(seconds) => !(seconds.is_finite() && seconds > 0.0),
        };
        wrong.then(|| format!("length is {self}, but must be above 0"))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Images(images) => write!(f, "{} trained images", count(images)),
            Self::Embedded(images) => write!(f, "{} embedded images", count(images)),
            Self::Instances(images) => write!(f, "{} instances", count(images)),
            Self::Steps(steps) => write!(f, "{} steps", count(steps)),
            Self::Seconds(seconds) => write!(f, "{} seconds", significant(seconds, 4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_each_counting() {
        let pictures = StepPictures {
            trained: 96,
            embedded: 192,
            instances: 32,
        };
        let steps = |budget: Budget| budget.steps(pictures, Some(0.5)).unwrap();
        assert_eq!(steps(Budget::Images(961)), 11);
        assert_eq!(steps(Budget::Embedded(960)), 5);
        assert_eq!(steps(Budget::Instances(960)), 30);
        assert_eq!(steps(Budget::Steps(7)), 7);
        assert_eq!(steps(Budget::Seconds(10.0)), 20);
        assert_eq!(steps(Budget::Seconds(0.1)), 1);

        let by_identity = StepPictures {
            instances: 0,
            ..pictures
        };
        assert!(Budget::Instances(960).steps(by_identity, None).is_err());
        assert!(Budget::Seconds(1.0).steps(pictures, None).is_err());
        assert!(Budget::Images(0).problem().is_some());
        assert!(Budget::Seconds(f64::NAN).problem().is_some());
        assert!(Budget::Seconds(1.0).problem().is_none());
    }
}
