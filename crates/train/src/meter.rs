use std::time::{Duration, Instant};

use crate::run::StepMetrics;
use crate::trainer::{StepNumbers, StepOutput};

/// Counts what happens between two lines of metrics.
pub(crate) struct Meter {
    since: Instant,
    waited: Duration,
    steps: u64,
    images: u64,
    rows: u64,
    fresh_rows: u64,
    evictions: u64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
            waited: Duration::ZERO,
            steps: 0,
            images: 0,
            rows: 0,
            fresh_rows: 0,
            evictions: 0,
        }
    }

    /// Starts anew, also to leave out what went on until now: an evaluation is no training.
    pub(crate) fn restart(&mut self) {
        *self = Self::new();
    }

    /// Counts the time of `work` as waiting for data.
    pub(crate) fn wait<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.waited += start.elapsed();
        result
    }

    /// Counts a step of `images` through the probe network.
    pub(crate) fn step(&mut self, output: &StepOutput, images: usize) {
        self.steps += 1;
        self.images += images as u64;
        self.rows += output.stats.rows as u64;
        self.fresh_rows += output.stats.fresh_rows as u64;
        self.evictions += output.stats.evictions as u64;
    }

    /// What was counted.
    pub(crate) fn metrics(
        &self,
        numbers: &StepNumbers,
        output: &StepOutput,
        epoch: f64,
        elapsed_s: f64,
    ) -> StepMetrics {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        StepMetrics {
            step: output.step,
            epoch,
            loss: f64::from(numbers.loss),
            learning_rate: output.learning_rate,
            gradient_norm: f64::from(numbers.gradient_norm),
            target_cosine: numbers.target_cosine.map(f64::from),
            fresh_share: self.fresh_rows as f64 / self.rows.max(1) as f64,
            pool_fill: output.stats.pool_fill(),
            evictions: self.evictions as f64 / self.steps.max(1) as f64,
            images_per_s: self.images as f64 / seconds,
            data_wait_share: self.waited.as_secs_f64() / seconds,
            elapsed_s,
        }
    }
}
