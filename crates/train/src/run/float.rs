//! Numbers in JSON lines: a loss may be infinite or none, for which JSON has no number, so they are written as text. Others have twelve
//! digits, few enough to be read as they were written, so that a resumed run is the same run.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, \"NaN\", \"inf\" or \"-inf\""
)]
pub(super) enum Float {
    Number(f64),
    Text(Text),
}

#[derive(Serialize, Deserialize)]
pub(super) enum Text {
    NaN,
    #[serde(rename = "inf")]
    Infinity,
    #[serde(rename = "-inf")]
    MinusInfinity,
}

impl From<f64> for Float {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            Self::Number(rounded(value))
        } else if value.is_nan() {
            Self::Text(Text::NaN)
        } else if value > 0.0 {
            Self::Text(Text::Infinity)
        } else {
            Self::Text(Text::MinusInfinity)
        }
    }
}

impl From<Float> for f64 {
    fn from(value: Float) -> Self {
        match value {
            Float::Number(value) => value,
            Float::Text(Text::NaN) => f64::NAN,
            Float::Text(Text::Infinity) => f64::INFINITY,
            Float::Text(Text::MinusInfinity) => f64::NEG_INFINITY,
        }
    }
}

/// A finite number to twelve digits.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Float::from(*value).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Float::deserialize(deserializer).map(f64::from)
}
