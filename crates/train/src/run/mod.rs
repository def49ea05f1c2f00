//! The folder of a run.
//!
//! | file | what |
//! |---|---|
//! | `metrics.jsonl` | everything measured, a JSON object a line: [`Metric`] |
//! | `metrics.csv`, `evaluations.csv` | the same as tables |
//! | `events.out.tfevents.*` | the same for TensorBoard |
//! | `log.txt` | evaluations, checkpoints, interruptions, with the time |
//! | `facts.json` | identities, images, the network's parameters: [`Facts`] |
//! | `scores.json` | scores of the last evaluations and their worst mistakes: [`Scores`] |

mod append_file;
mod event_file;
mod facts;
mod float;
mod metrics;
mod metrics_file;
mod metrics_writer;
mod scores;
mod values;

pub use facts::Facts;
pub use metrics::{EvaluationMetrics, Metric, StepMetrics};
pub use metrics_file::{read_known_metrics, read_metrics};
pub use metrics_writer::MetricsWriter;
pub use scores::{BaselineMeasure, EvaluationScores, Mistake, Picture, Scores};
pub use values::Values;

pub(crate) use float::rounded;

/// Names of the run folder's files.
pub mod file_name {
    /// Everything measured.
    pub const METRICS: &str = "metrics.jsonl";
    pub(crate) const STEPS_TABLE: &str = "metrics.csv";
    pub(crate) const EVALUATIONS_TABLE: &str = "evaluations.csv";
    pub(crate) const LOG: &str = "log.txt";
    /// Sizes of the set and of the network.
    pub const FACTS: &str = "facts.json";
    /// Scores of the last evaluations.
    pub const SCORES: &str = "scores.json";
    /// The resolved configuration.
    pub const CONFIG: &str = "config.toml";
    /// What it was when the run last began, to tell edits of it.
    pub const TRAINED: &str = "trained.toml";
    /// Versions, device, commit, host.
    pub const ENVIRONMENT: &str = "environment.json";
}
