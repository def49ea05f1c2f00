use std::time::Instant;

use super::lengths::Lengths;
use crate::format::{count, duration, significant};

/// The first steps find caches empty and kernels uncompiled.
const WARM_UP: u32 = 2;
/// Steps that tell enough,
const ENOUGH: u32 = 20;
/// or fewer, where they take so many seconds in all.
const PATIENCE_S: f64 = 10.0;

/// Tells once, from the first steps of a process, how long its training will take.
pub(super) struct Forecast {
    last: Option<Instant>,
    steps: u32,
    seconds: f64,
    told: bool,
}

impl Forecast {
    pub(super) fn new() -> Self {
        Self {
            last: None,
            steps: 0,
            seconds: 0.0,
            told: false,
        }
    }

    /// What follows is no training, and its time does not count.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// Counts a step. When there were enough, says how long those take that are left, with an evaluation taking `evaluation_s`.
    pub(super) fn step(
        &mut self,
        finished: u64,
        lengths: Lengths,
        evaluation_s: f64,
    ) -> Option<String> {
        if self.told {
            return None;
        }
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.steps += 1;
            if self.steps > WARM_UP {
                self.seconds += (now - last).as_secs_f64();
            }
        }
        let counted = self.steps.saturating_sub(WARM_UP);
        if counted == 0 || (counted < ENOUGH && self.seconds < PATIENCE_S) {
            return None;
        }
        self.told = true;
        let step_s = self.seconds / f64::from(counted);
        let left = lengths.total - finished;
        let evaluations = left.div_ceil(lengths.evaluate);
        let expected_s = left as f64 * step_s + evaluations as f64 * evaluation_s;
        Some(format!(
            "a step takes {} s: about {} for the {} that are left",
            significant(step_s, 2),
            duration(expected_s),
            count(left)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths() -> Lengths {
        Lengths {
            epoch: 100,
            total: 1000,
            log: 50,
            evaluate: 100,
            checkpoint: 100,
        }
    }

    /// Of a step of a second each, 21 after the warm-up, 977 are left, and 10 evaluations of 20 s.
    #[test]
    fn it_tells_once_what_is_left() {
        let mut forecast = Forecast {
            last: Some(Instant::now()),
            steps: WARM_UP + ENOUGH - 2,
            seconds: f64::from(ENOUGH - 2) * 0.5,
            told: false,
        };
        assert_eq!(forecast.step(21, lengths(), 20.0), None);
        forecast.last = None;
        assert_eq!(forecast.step(22, lengths(), 20.0), None, "no time is known");
        forecast.seconds = f64::from(ENOUGH) * 0.5;
        let told = forecast.step(23, lengths(), 20.0).unwrap();
        // 977 steps of 0.5 s and 10 evaluations: 688.5 s.
        assert_eq!(
            told,
            "a step takes 0.5 s: about 11 min 29 s for the 977 that are left"
        );
        assert_eq!(forecast.step(24, lengths(), 20.0), None, "it was told");
    }

    #[test]
    fn few_slow_steps_are_enough() {
        let mut forecast = Forecast {
            last: Some(Instant::now()),
            steps: WARM_UP,
            seconds: 60.0,
            told: false,
        };
        let told = forecast.step(3, lengths(), 0.0).unwrap();
        assert!(told.contains("16 h 37 min"), "{told}");
    }
}
