use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// A stretch of training, in a configuration such as `"500 steps"` or `"1.5 epochs"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(into = "String")]
pub enum Length {
    /// Optimizer steps.
    Steps(u64),
    /// Epochs of the instance loader.
    Epochs(f64),
}

impl Length {
    /// In steps, rounded.
    pub fn steps(self, steps_per_epoch: u64) -> u64 {
        match self {
            Self::Steps(steps) => steps,
            Self::Epochs(epochs) => (epochs * steps_per_epoch as f64).round() as u64,
        }
    }

    /// Whether it is no step for any training.
    pub(crate) fn is_zero(self) -> bool {
        matches!(self, Self::Steps(0)) || self == Self::Epochs(0.0)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(1) => write!(formatter, "1 step"),
            Self::Steps(steps) => write!(formatter, "{steps} steps"),
            Self::Epochs(epochs) if *epochs == 1.0 => write!(formatter, "1 epoch"),
            Self::Epochs(epochs) => write!(formatter, "{epochs} epochs"),
        }
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (number, unit) = text.trim().split_once(char::is_whitespace)?;
            match unit.trim() {
                "step" | "steps" => Some(Self::Steps(number.parse().ok()?)),
                "epoch" | "epochs" => {
                    let epochs: f64 = number.parse().ok()?;
                    (0.0..=1e9)
                        .contains(&epochs)
                        .then_some(Self::Epochs(epochs))
                }
                _ => None,
            }
        };
        parse().ok_or_else(|| {
            format!("{text:?} is no length; expected such as \"500 steps\" or \"1.5 epochs\"")
        })
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(LengthText)
    }
}

/// By its text, so that a number alone is told what it lacks.
struct LengthText;

impl Visitor<'_> for LengthText {
    type Value = Length;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a length such as \"500 steps\" or \"1.5 epochs\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Length, E> {
        text.parse().map_err(E::custom)
    }
}

impl From<Length> for String {
    fn from(length: Length) -> Self {
        length.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written() {
        for (text, steps) in [
            ("7 steps", 7),
            ("1 step", 1),
            ("1.5 epochs", 15),
            ("0 epochs", 0),
        ] {
            let length: Length = text.parse().unwrap();
            assert_eq!(length.steps(10), steps, "{text}");
            assert_eq!(length.to_string(), text);
        }
        for text in [
            "",
            "7",
            "steps",
            "-1 steps",
            "1.5 steps",
            "nan epochs",
            "3 days",
        ] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }
}
