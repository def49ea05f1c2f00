//! Training of FFC: from a configuration and pictures by identity to networks, checkpoints and metrics.
//!
//! | part | what |
//! |---|---|
//! | [`Config`], [`config`] | what decides a run, in TOML |
//! | [`Trainer`] | networks, head and optimizer; one step with FFC's head is FFC's step |
//! | [`Checkpoints`] | the whole state of a training, written so that an interruption leaves the last one whole |
//! | [`Training`], [`RunFolder`], [`Interrupt`] | a run with its evaluations, metrics and checkpoints in a folder |
//! | [`run`], [`progress`], [`mod@format`] | files of metrics, what is shown meanwhile, numbers as people read them |
//!
//! N steps, a checkpoint, an interruption and M steps give what N + M steps do, bit for bit on the CPU.

mod checkpoint;
pub mod config;
mod error;
pub mod format;
mod gradient;
mod interrupt;
mod meter;
pub mod mine;
mod peak_memory;
pub mod progress;
mod resume_rule;
pub mod run;
mod run_folder;
mod run_log;
mod running_statistics;
mod step_pictures;
mod trainer;
mod training;

pub use checkpoint::{Best, Checkpoint, Checkpoints, DataIdentity, PassedOver, Scored, State};
pub use config::Config;
pub use error::{Error, Result};
pub use interrupt::Interrupt;
pub use meter::{Sum, Window};
pub use peak_memory::peak_memory_bytes;
pub use run_folder::{Environment, RunFolder};
pub use step_pictures::StepPictures;
pub use trainer::{StepImages, StepNumbers, StepOutput, Trainer, TrainerConfig};
pub use training::{Outcome, Plan, Timing, Training, TrainingData};
