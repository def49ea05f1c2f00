//! How far the training is, on the standard error.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::format::{count, duration, quantity, significant};
use crate::run::StepMetrics;

/// Time between lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far the training is. Clones show the same.
#[derive(Clone)]
pub struct Progress {
    steps: Steps,
    display: Display,
}

#[derive(Clone)]
enum Display {
    Quiet,
    Lines(Arc<Mutex<Lines>>),
    Bars {
        all: MultiProgress,
        run: ProgressBar,
    },
}

impl Progress {
    /// A bar where the standard error is a terminal, else a line every ten seconds. `finished` of `total` steps are done: those of the
    /// run that is resumed, or 0.
    pub fn stderr(finished: u64, total: u64) -> Self {
        if std::io::stderr().is_terminal() {
            Self::terminal(finished, total)
        } else {
            Self::lines(std::io::stderr(), LINE_EVERY, finished, total)
        }
    }

    /// A bar on the standard error.
    pub fn terminal(finished: u64, total: u64) -> Self {
        Self::bars(ProgressDrawTarget::stderr(), finished, total)
    }

    fn bars(target: ProgressDrawTarget, finished: u64, total: u64) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let run = all.add(ProgressBar::new(total).with_style(style(
            "{bar:24} {percent:>3} %  step {human_pos}/{human_len}{wide_msg}",
        )));
        run.set_position(finished);
        run.tick();
        Self {
            steps: Steps::new(finished, total),
            display: Display::Bars { all, run },
        }
    }

    /// A line after the first and the last step and otherwise when `every` has passed since the last line.
    pub fn lines(
        writer: impl Write + Send + 'static,
        every: Duration,
        finished: u64,
        total: u64,
    ) -> Self {
        let lines = Lines {
            writer: Box::new(writer),
            every,
            last: None,
        };
        Self {
            steps: Steps::new(finished, total),
            display: Display::Lines(Arc::new(Mutex::new(lines))),
        }
    }

    /// Shows nothing, messages neither.
    pub fn quiet() -> Self {
        Self {
            steps: Steps::new(0, 0),
            display: Display::Quiet,
        }
    }

    /// Shows what the last steps did.
    pub fn update(&self, metrics: &StepMetrics) {
        let Steps { total, .. } = self.steps;
        let state = self.steps.state(metrics);
        match &self.display {
            Display::Quiet => {}
            Display::Lines(lines) => {
                let line = || {
                    let step = count(metrics.step);
                    format!("step {step}/{}{state}", count(total))
                };
                locked(lines).put_at_times(metrics.step >= total, line);
            }
            Display::Bars { run, .. } => {
                run.set_position(metrics.step);
                run.set_message(state);
            }
        }
    }

    /// Shows a line of text, above a bar.
    pub fn message(&self, text: &str) {
        match &self.display {
            Display::Quiet => {}
            Display::Lines(lines) => locked(lines).put(text),
            Display::Bars { all, .. } => {
                // Where there is no terminal to draw on there is nobody to tell of it.
                let _ = all.println(text);
            }
        }
    }

    /// Begins to show an evaluation of `total` images; it vanishes when the returned value does.
    pub fn evaluation(&self, name: &str, total: u64) -> EvaluationProgress {
        let display = match &self.display {
            Display::Quiet => Display::Quiet,
            Display::Lines(lines) => Display::Lines(lines.clone()),
            Display::Bars { all, .. } => {
                let bar = ProgressBar::new(total).with_style(style(
                    "{bar:24} {percent:>3} %  image {human_pos}/{human_len}  evaluating {wide_msg}",
                ));
                let bar = all.add(bar);
                bar.set_message(name.to_owned());
                Display::Bars {
                    all: all.clone(),
                    run: bar,
                }
            }
        };
        EvaluationProgress {
            name: name.to_owned(),
            total,
            display,
        }
    }

    /// Leaves a bar as it stands, so that others may write.
    pub fn finish(&self) {
        if let Display::Bars { run, .. } = &self.display {
            run.abandon();
        }
    }
}

/// Shows how far an evaluation is, until it is dropped.
pub struct EvaluationProgress {
    name: String,
    total: u64,
    display: Display,
}

impl EvaluationProgress {
    /// `images` of all are done.
    pub fn update(&self, images: u64) {
        match &self.display {
            Display::Quiet => {}
            Display::Lines(lines) => {
                let line = || {
                    let images = count(images);
                    format!(
                        "evaluating {}: image {images}/{}",
                        self.name,
                        count(self.total)
                    )
                };
                locked(lines).put_at_times(false, line);
            }
            Display::Bars { run, .. } => run.set_position(images),
        }
    }
}

impl Drop for EvaluationProgress {
    fn drop(&mut self) {
        if let Display::Bars { all, run } = &self.display {
            run.finish_and_clear();
            all.remove(run);
        }
    }
}

/// Steps done and to do.
#[derive(Clone, Copy)]
struct Steps {
    /// Steps that were done before this process.
    first: u64,
    total: u64,
    begin: Instant,
}

impl Steps {
    fn new(first: u64, total: u64) -> Self {
        Self {
            first,
            total,
            begin: Instant::now(),
        }
    }

    /// Loss, speed, time left and what the head reports.
    fn state(&self, metrics: &StepMetrics) -> String {
        let loss = significant(metrics.loss, 4);
        let speed = significant(metrics.images_per_s, 3);
        let mut state = format!("  loss {loss}  {speed} images/s");
        if let Some(left) = self.left(metrics.step, self.begin.elapsed()) {
            state += &format!("  {} left", duration(left.as_secs_f64()));
        }
        for (name, value) in metrics.head.iter() {
            if let Some(value) = value {
                state += &format!("  {}", quantity(name, value));
            }
        }
        state
    }

    /// Time left where this process took `elapsed` to come to `step`: an earlier one may have been on another machine.
    fn left(&self, step: u64, elapsed: Duration) -> Option<Duration> {
        let done = step.checked_sub(self.first).filter(|done| *done > 0)?;
        let left = self.total.saturating_sub(step);
        Duration::try_from_secs_f64(elapsed.as_secs_f64() / done as f64 * left as f64).ok()
    }
}

struct Lines {
    writer: Box<dyn Write + Send>,
    every: Duration,
    last: Option<Instant>,
}

impl Lines {
    fn put_at_times(&mut self, always: bool, line: impl FnOnce() -> String) {
        if always || self.last.is_none_or(|last| last.elapsed() >= self.every) {
            self.put(&line());
            self.last = Some(Instant::now());
        }
    }

    fn put(&mut self, line: &str) {
        // A closed standard error is no reason to stop training.
        let _ = writeln!(self.writer, "{line}");
        let _ = self.writer.flush();
    }
}

/// A panic of another thread while it wrote leaves nothing half done.
fn locked(lines: &Mutex<Lines>) -> std::sync::MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A style by a template, which a test shows to be right.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▉▊▋▌▍▎▏ ")
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;
    use crate::run::Values;

    fn metrics(step: u64) -> StepMetrics {
        StepMetrics {
            step,
            epoch: 0.5,
            loss: 2.345_67,
            learning_rate: 0.1,
            gradient_norm: 1.0,
            head: Values::from_iter([("fresh_share", Some(0.125)), ("target_cosine", None)]),
            images_per_s: 412.3,
            data_wait_share: 0.0,
            elapsed_s: 1.0,
            peak_memory_bytes: None,
        }
    }

    fn on_terminal(finished: u64, total: u64) -> (InMemoryTerm, Progress) {
        let terminal = InMemoryTerm::new(10, 100);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        (terminal, Progress::bars(target, finished, total))
    }

    #[test]
    fn time_left_follows_from_this_process_alone() {
        let steps = Steps::new(1_000, 2_000);
        let seconds = Duration::from_secs;
        // 100 steps in 50 s, 900 to go.
        assert_eq!(steps.left(1_100, seconds(50)), Some(seconds(450)));
        assert_eq!(steps.left(1_000, seconds(50)), None);
        assert_eq!(steps.left(2_000, seconds(50)), Some(seconds(0)));
        assert_eq!(steps.left(900, seconds(50)), None);
    }

    #[test]
    fn the_bar_shows_step_loss_speed_and_time_left() {
        let (terminal, progress) = on_terminal(1_000, 4_000);
        progress.update(&metrics(2_000));
        let bar = terminal.contents();
        for part in [
            "50 %",
            "step 2,000/4,000",
            "loss 2.346",
            "412 images/s",
            "0 s left",
            "fresh share 12",
        ] {
            assert!(bar.contains(part), "`{bar}` does not show `{part}`");
        }
        assert_eq!(bar.lines().count(), 1);
    }

    #[test]
    fn messages_stand_above_the_bar() {
        let (terminal, progress) = on_terminal(0, 100);
        progress.update(&metrics(10));
        progress.message("picture 7 skipped");
        progress.update(&metrics(20));
        progress.clone().message("checkpoint written");
        progress.update(&metrics(30));
        let contents = terminal.contents();
        let lines: Vec<&str> = contents.lines().collect();
        assert_eq!(lines[..2], ["picture 7 skipped", "checkpoint written"]);
        assert!(lines[2].contains("step 30/100"), "{contents}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn an_evaluation_has_a_bar_of_its_own_until_it_ends() {
        let (terminal, progress) = on_terminal(0, 100);
        progress.update(&metrics(10));
        let evaluation = progress.evaluation("lfw", 12_000);
        evaluation.update(3_000);
        let contents = terminal.contents();
        assert!(contents.contains("step 10/100"), "{contents}");
        assert!(
            contents.contains("image 3,000/12,000  evaluating lfw"),
            "{contents}"
        );
        drop(evaluation);
        progress.update(&metrics(20));
        let contents = terminal.contents();
        assert_eq!(contents.lines().count(), 1, "{contents}");
        assert!(contents.contains("step 20/100"), "{contents}");
    }

    #[test]
    fn a_finished_bar_stays() {
        let (terminal, progress) = on_terminal(0, 100);
        progress.update(&metrics(60));
        progress.finish();
        drop(progress);
        assert!(terminal.contents().contains("step 60/100"));
    }
}
