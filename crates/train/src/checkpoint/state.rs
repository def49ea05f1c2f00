use serde::{Deserialize, Serialize};

use crate::meter::Window;

/// What a run must remember beside tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Finished steps: with the seed, the position of the loaders.
    pub step: u64,
    /// Seconds of training so far.
    pub elapsed_s: f64,
    /// The best score so far.
    pub best: Option<Best>,
    /// The set that it is trained on. Identities are numbers: with another set they would be other people.
    pub data: DataIdentity,
    /// Whether the evaluations after these steps are still to be made.
    #[serde(default)]
    pub evaluation_due: bool,
    /// What happened since the last line of metrics.
    #[serde(default)]
    pub window: Window,
    /// What the scores for the report are of. None in checkpoints of old versions, which do not tell.
    #[serde(default)]
    pub scored: Option<Scored>,
}

/// What tells a set from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    /// Identities.
    pub identities: u64,
    /// Images.
    pub images: u64,
    /// What the source tells of itself.
    pub source: String,
}

/// The best score of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Finished steps when it was reached.
    pub step: u64,
    /// The first measure of the first evaluation.
    pub value: f64,
    /// Which evaluation that was: its name, and a hash of its settings and pictures. Empty in checkpoints of old versions.
    #[serde(default)]
    pub evaluation: String,
}

/// What the scores for the report are of: of nothing before the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// Finished steps.
    pub step: u64,
    /// Which evaluations, as in [`Best::evaluation`].
    pub evaluations: Vec<String>,
}
