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

    /// Counts a step. When there were enough, says how long those take that are left, with an evaluation taking `evaluation_s`, and
    /// after the last step one of the other network, where there is one.
    pub(super) fn step(
        &mut self,
        finished: u64,
        lengths: Lengths,
        evaluation_s: f64,
        has_gallery: bool,
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
        // That of this step is still to come.
        let past = finished.saturating_sub(1) / lengths.evaluate;
        let evaluations = lengths.total.div_ceil(lengths.evaluate) - past + u64::from(has_gallery);
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

    #[test]
    fn it_tells_once_what_is_left() {
        let mut forecast = Forecast {
            last: Some(Instant::now()),
            steps: WARM_UP + ENOUGH - 2,
            seconds: f64::from(ENOUGH - 2) * 0.5,
            told: false,
        };
        assert_eq!(forecast.step(221, lengths(), 20.0, true), None);
        forecast.last = None;
        let unknown = forecast.step(222, lengths(), 20.0, true);
        assert_eq!(unknown, None, "no time is known");
        forecast.seconds = f64::from(ENOUGH) * 0.5;
        let told = forecast.step(223, lengths(), 20.0, true).unwrap();
        // 777 steps of 0.5 s, evaluations after 300 to 1,000 and of the other network: 568.5 s.
        assert_eq!(
            told,
            "a step takes 0.5 s: about 9 min 29 s for the 777 that are left"
        );
        let again = forecast.step(224, lengths(), 20.0, true);
        assert_eq!(again, None, "it was told");
    }

    #[test]
    fn few_slow_steps_are_enough() {
        let mut forecast = Forecast {
            last: Some(Instant::now()),
            steps: WARM_UP,
            seconds: 60.0,
            told: false,
        };
        let told = forecast.step(3, lengths(), 0.0, false).unwrap();
        assert!(told.contains("16 h 37 min"), "{told}");
    }

    /// An interval that begins before and ends after: both of its evaluations are still to come.
    #[test]
    fn evaluations_are_counted_by_their_steps() {
        let told_at = |finished, has_gallery| {
            let mut forecast = Forecast {
                last: Some(Instant::now()),
                steps: WARM_UP,
                seconds: 60.0,
                told: false,
            };
            let lengths = Lengths {
                total: 130,
                ..lengths()
            };
            forecast.step(finished, lengths, 1e6, has_gallery).unwrap()
        };
        let times = |evaluations: f64, left: f64| duration(evaluations * 1e6 + left * 60.0);
        for (finished, has_gallery, evaluations) in [
            (50, false, 2.0),
            (100, false, 2.0),
            (101, false, 1.0),
            (50, true, 3.0),
        ] {
            let told = told_at(finished, has_gallery);
            let expected = times(evaluations, (130 - finished) as f64);
            assert!(told.contains(&expected), "{told}: {expected}");
        }
    }
}
