use std::path::{Path, PathBuf};

use ffc_train::run::{EvaluationMetrics, Metric, StepMetrics, Values};

/// Names of the head's quantities in [`step_metrics`].
pub const QUANTITIES: [&str; 4] = ["fresh_share", "pool_fill", "evictions", "target_cosine"];

/// Metrics that say something else at each step, in numbers that decimals hold exactly.
pub fn step_metrics(step: u64) -> StepMetrics {
    StepMetrics {
        step,
        epoch: step as f64 / 64.0,
        loss: 40.0 - step as f64 / 8.0,
        learning_rate: 0.125,
        gradient_norm: 2.5,
        head: Values::from_iter([
            ("fresh_share", Some(0.5)),
            ("pool_fill", Some(0.75)),
            ("evictions", Some(3.0)),
            ("target_cosine", (!step.is_multiple_of(20)).then_some(0.25)),
        ]),
        images_per_s: 512.0,
        data_wait_share: 0.0625,
        elapsed_s: step as f64 * 1.5,
        peak_memory_bytes: Some(1024 * step),
    }
}

pub fn evaluation_metrics(step: u64, name: &str) -> EvaluationMetrics {
    EvaluationMetrics {
        step,
        name: name.to_owned(),
        network: "gallery".to_owned(),
        measure: "accuracy".to_owned(),
        value: 0.5 + step as f64 / 256.0,
        low: 0.375,
        high: 0.875,
    }
}

pub fn step(step: u64) -> Metric {
    Metric::Step(step_metrics(step))
}

pub fn evaluation(step: u64) -> Metric {
    Metric::Evaluation(evaluation_metrics(step, "lfw"))
}

/// The event files of a run, sorted by name.
pub fn event_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("tfevents"))
        .collect();
    files.sort();
    files
}

pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}
