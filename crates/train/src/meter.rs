use std::time::{Duration, Instant};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::peak_memory::peak_memory_bytes;
use crate::run::{StepMetrics, Values};
use crate::trainer::StepNumbers;

/// What happened since the last line of metrics. It goes into checkpoints, so that a resumed run writes the lines of an
/// undisturbed one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// Images through the probe network.
    pub images: u64,
    /// Time of these steps, evaluations and checkpoints left out.
    pub seconds: f64,
    /// Of it, time of waiting for the loader.
    pub waited_s: f64,
    /// What the loss's mean is made of. Of no steps in checkpoints of old versions.
    pub loss: Sum,
    /// The same for the gradient's norm.
    pub gradient_norm: Sum,
    /// For each quantity of the head what its mean is made of.
    pub quantities: Vec<Sum>,
}

/// What a mean is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// As text, which is read to the last bit: a number in JSON need not be.
    #[serde(serialize_with = "exactly", deserialize_with = "exact")]
    sum: f64,
    /// Steps that had a value.
    count: u64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

fn exactly<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

/// Counts what happens between two lines of metrics.
pub(crate) struct Meter {
    window: Window,
    names: Vec<String>,
    since: Instant,
}

impl Meter {
    /// Goes on from a window, with the head's names of its quantities.
    pub(crate) fn new(mut window: Window, names: &[&str]) -> Self {
        window.quantities.resize(names.len(), Sum::default());
        Self {
            window,
            names: names.iter().map(|&name| name.to_owned()).collect(),
            since: Instant::now(),
        }
    }

    /// Starts anew.
    pub(crate) fn restart(&mut self) {
        self.window = Window::default();
        self.window
            .quantities
            .resize(self.names.len(), Sum::default());
        self.since = Instant::now();
    }

    /// Does something that is no training: its time is left out.
    pub(crate) fn pause<T>(&mut self, work: impl FnOnce(&Window) -> T) -> T {
        self.count_time();
        let result = work(&self.window);
        self.since = Instant::now();
        result
    }

    /// Counts the time of `work` as waiting for data.
    pub(crate) fn wait<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.window.waited_s += start.elapsed().as_secs_f64();
        result
    }

    /// Counts a step of `images` through the probe network.
    pub(crate) fn step(&mut self, numbers: &StepNumbers, images: usize) {
        self.window.images += images as u64;
        self.window.loss.add(numbers.loss.into());
        self.window.gradient_norm.add(numbers.gradient_norm.into());
        for (sum, value) in self.window.quantities.iter_mut().zip(&numbers.quantities) {
            if let Some(value) = value {
                sum.add(*value);
            }
        }
    }

    /// Means of what was counted since the start, with the last step's number and learning rate.
    pub(crate) fn metrics(
        &mut self,
        numbers: &StepNumbers,
        epoch: f64,
        elapsed: Duration,
    ) -> StepMetrics {
        self.count_time();
        let window = &self.window;
        let seconds = window.seconds.max(1e-9);
        let means = window.quantities.iter().map(|sum| sum.mean());
        let mean = |sum: Sum, last: f32| sum.mean().unwrap_or(last.into());
        StepMetrics {
            step: numbers.step,
            epoch,
            loss: mean(window.loss, numbers.loss),
            learning_rate: numbers.learning_rate,
            gradient_norm: mean(window.gradient_norm, numbers.gradient_norm),
            head: Values::from_iter(self.names.iter().cloned().zip(means)),
            images_per_s: window.images as f64 / seconds,
            data_wait_share: window.waited_s / seconds,
            elapsed_s: elapsed.as_secs_f64(),
            peak_memory_bytes: peak_memory_bytes(),
        }
    }

    fn count_time(&mut self) {
        let now = Instant::now();
        self.window.seconds += (now - self.since).as_secs_f64();
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(step: u64, loss: f32, gradient_norm: f32) -> StepNumbers {
        StepNumbers {
            step,
            learning_rate: 0.1,
            loss,
            gradient_norm,
            quantities: vec![None],
        }
    }

    /// A process that ends between two lines leaves its steps to the next one, to the last bit.
    #[test]
    fn means_go_on_from_a_checkpoint() {
        let steps = [(0.1, 3.0), (0.7, 1e-7), (1e6, 0.3)];
        let mut meter = Meter::new(Window::default(), &["share"]);
        for (step, (loss, norm)) in (1..).zip(steps) {
            meter.step(&numbers(step, loss, norm), 12);
            let text = serde_json::to_string(&meter.window).unwrap();
            meter = Meter::new(serde_json::from_str(&text).unwrap(), &["share"]);
        }
        let metrics = meter.metrics(&numbers(3, 1e6, 0.3), 1.0, Duration::ZERO);
        let mean = |values: [f32; 3]| values.into_iter().map(f64::from).sum::<f64>() / 3.0;
        assert_eq!(metrics.loss, mean(steps.map(|(loss, _)| loss)));
        assert_eq!(metrics.gradient_norm, mean(steps.map(|(_, norm)| norm)));

        meter.restart();
        meter.step(&numbers(4, 0.5, 2.0), 12);
        let metrics = meter.metrics(&numbers(4, 0.5, 2.0), 1.0, Duration::ZERO);
        assert_eq!((metrics.loss, metrics.gradient_norm), (0.5, 2.0));
    }

    /// It tells nothing of the steps before: the mean is of those after.
    #[test]
    fn windows_of_old_checkpoints_are_read() {
        let old =
            r#"{"images":12,"seconds":1.5,"waited_s":0.5,"quantities":[{"sum":"0.5","count":1}]}"#;
        let mut meter = Meter::new(serde_json::from_str(old).unwrap(), &["share"]);
        meter.step(&numbers(2, 0.5, 2.0), 12);
        let metrics = meter.metrics(&numbers(2, 0.5, 2.0), 1.0, Duration::ZERO);
        assert_eq!((metrics.loss, metrics.gradient_norm), (0.5, 2.0));
        assert_eq!(metrics.head.get("share"), Some(0.5));
    }
}
