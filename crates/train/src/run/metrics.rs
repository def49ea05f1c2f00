use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Values, float};

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Metric {
    /// What the last steps did.
    Step(StepMetrics),
    /// What an evaluation found.
    Evaluation(EvaluationMetrics),
}

impl Metric {
    /// Finished steps of the run when the line was written.
    pub fn step(&self) -> u64 {
        match self {
            Self::Step(metrics) => metrics.step,
            Self::Evaluation(metrics) => metrics.step,
        }
    }
}

/// What the steps since the last such line did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Finished steps.
    pub step: u64,
    /// Epochs of the instance loader, with fraction.
    #[serde(with = "float")]
    pub epoch: f64,
    /// Mean of the steps' losses: of those since the last line, this one's included.
    #[serde(with = "float")]
    pub loss: f64,
    /// Learning rate of the last step.
    #[serde(with = "float")]
    pub learning_rate: f64,
    /// Mean over the same steps of the gradient's global norm before clipping.
    #[serde(with = "float")]
    pub gradient_norm: f64,
    /// What the head reports: means over the steps. In a line each has a key of its own, as the other fields have.
    #[serde(flatten)]
    pub head: Values,
    /// Images through the probe network, a second.
    #[serde(with = "float")]
    pub images_per_s: f64,
    /// Share of the time that was spent waiting for the loader, 0 to 1.
    #[serde(with = "float")]
    pub data_wait_share: f64,
    /// Time of training so far, evaluations and checkpoints included, over all resumptions.
    #[serde(with = "float")]
    pub elapsed_s: f64,
    /// The most memory that the process has held since it began or was resumed, in bytes; none where the system does not say.
    #[serde(default)]
    pub peak_memory_bytes: Option<u64>,
}

impl StepMetrics {
    /// Keys of a line beside those of the head.
    pub(crate) const KEYS: [&str; 10] = [
        "kind",
        "step",
        "epoch",
        "loss",
        "learning_rate",
        "gradient_norm",
        "images_per_s",
        "data_wait_share",
        "elapsed_s",
        "peak_memory_bytes",
    ];
}

/// What an evaluation during or after training found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationMetrics {
    /// Finished steps.
    pub step: u64,
    /// The evaluation's name in the configuration.
    pub name: String,
    /// `gallery` or `probe`.
    pub network: String,
    /// What was measured, such as `accuracy` or `TAR@FAR 1e-3`.
    pub measure: String,
    /// Its value, 0 to 1.
    #[serde(with = "float")]
    pub value: f64,
    /// Lower end of the 95 % bootstrap interval.
    #[serde(with = "float")]
    pub low: f64,
    /// Upper end.
    #[serde(with = "float")]
    pub high: f64,
}

impl fmt::Display for EvaluationMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            name,
            network,
            measure,
            ..
        } = self;
        let [value, low, high] = [self.value, self.low, self.high].map(|share| 100.0 * share);
        write!(
            formatter,
            "step {step}: {name}, {network} network: {measure} {value:.2} % ({low:.2} to {high:.2})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_a_line() {
        let line = Metric::Step(StepMetrics {
            step: 0,
            epoch: 0.0,
            loss: 0.0,
            learning_rate: 0.0,
            gradient_norm: 0.0,
            head: Values::default(),
            images_per_s: 0.0,
            data_wait_share: 0.0,
            elapsed_s: 0.0,
            peak_memory_bytes: None,
        });
        let line = serde_json::to_value(line).unwrap();
        let mut keys: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
        let mut expected = StepMetrics::KEYS;
        keys.sort_unstable();
        expected.sort_unstable();
        assert_eq!(keys, expected);
    }
}
