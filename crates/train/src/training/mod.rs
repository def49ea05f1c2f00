//! A run: the training with all that goes on around it.

mod batches;
mod best;
mod data;
mod evaluations;
mod evaluator;
mod forecast;
mod lengths;
mod opening;
mod overlap;
mod plan;
mod records;
mod timing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ffc_core::collective::Collective;
use ffc_data::{Dataset, ErrorChain, ListLoader, draw_one_each};

pub use data::TrainingData;
pub use plan::Plan;
pub use timing::Timing;

use crate::Result;
use crate::checkpoint::{Checkpoints, State};
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::meter::{Meter, Window};
use crate::progress::Progress;
use crate::run::{EvaluationMetrics, Facts, Metric, StepMetrics, file_name};
use crate::run_folder::RunFolder;
use crate::trainer::{StepNumbers, StepOutput, Trainer};
use batches::Batches;
use evaluations::{Evaluations, Findings};
use forecast::Forecast;
use lengths::Lengths;
use records::Records;

/// Time between two updates of the progress.
const SHOWN_EVERY: Duration = Duration::from_millis(500);

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether all steps were made; else it was interrupted and can be resumed.
    pub finished: bool,
    /// Steps made so far.
    pub steps: u64,
    /// What the evaluations found, from the first to the last; of the first rank.
    pub results: Vec<EvaluationMetrics>,
}

/// A run: the training with all that goes on around it.
///
/// Several ranks train together: each has a `Training` of its own, loads its share of every batch and embeds its share of the evaluations. The first
/// one owns the folder: it writes checkpoints, metrics and weights, and tells how far the run is.
pub struct Training<'a> {
    folder: &'a RunFolder,
    config: &'a Config,
    interrupt: Interrupt,
    ranks: Arc<dyn Collective>,
    dataset: Arc<Dataset>,
    evaluations: Evaluations<'a>,
    checkpoints: Checkpoints,
    trainer: Trainer,
    state: State,
    /// Whether there is no checkpoint yet.
    new: bool,
    records: Records,
    progress: Progress,
    lengths: Lengths,
    /// When this process began.
    began: Instant,
    /// Seconds that earlier processes took.
    before_s: f64,
    /// Seconds of the last evaluation in this process; 0 before the first.
    evaluation_s: f64,
}

impl<'a> Training<'a> {
    /// Trains to the end, or until one of the ranks is interrupted.
    ///
    /// # Errors
    ///
    /// [`NotFinite`](crate::Error::NotFinite) where loss or gradient is no longer a number, [`ZeroEmbedding`](crate::Error::ZeroEmbedding); where an image cannot be read or
    /// a file cannot be written. Checkpoints from before stay.
    pub fn run(mut self) -> Result<Outcome> {
        let finished = self.train();
        self.progress.finish();
        self.records.log(&match &finished {
            Ok(true) => format!("finished after {} steps", self.state.step),
            Ok(false) => format!("interrupted after {} steps", self.state.step),
            Err(error) => format!("failed: {}", ErrorChain(error)),
        })?;
        Ok(Outcome {
            finished: finished?,
            steps: self.state.step,
            results: self.results()?,
        })
    }

    fn train(&mut self) -> Result<bool> {
        self.trainer.compare_ranks()?;
        self.write_facts()?;
        if self.new {
            self.prefill()?;
            // From here on a run without checkpoints is one that lost them.
            self.save(&Window::default())?;
        }
        let first = self.trainer.finished_steps();
        let ended = first >= self.lengths.total;
        if self.state.evaluation_due {
            self.evaluate()?;
            if ended {
                let window = std::mem::take(&mut self.state.window);
                self.save(&window)?;
            }
        }
        if !ended {
            let form = self.trainer.head().needs().batch;
            let share = (self.config).loader_of_rank(self.ranks.rank(), self.ranks.ranks())?;
            let batches = Batches::new(form, self.dataset.clone(), share, first)?;
            if !self.steps(batches)? {
                return Ok(false);
            }
        }
        if self.is_first() {
            self.export("last")?;
        }
        Ok(true)
    }

    /// Whether this rank owns the folder.
    fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// Whether something is so on any rank.
    fn on_any_rank(&self, here: bool) -> Result<bool> {
        if self.ranks.ranks() == 1 {
            return Ok(here);
        }
        let mut anywhere = [f32::from(u8::from(here))];
        self.ranks.all_reduce_max(&mut anywhere)?;
        Ok(anywhere[0] > 0.0)
    }

    /// Of every run and when it is resumed, so that those of old versions get the file too.
    fn write_facts(&self) -> Result<()> {
        if !self.is_first() {
            return Ok(());
        }
        let facts = Facts {
            identities: self.state.data.identities,
            images: self.state.data.images,
            parameters: self.trainer.probe().summary().parameters,
        };
        facts.write(self.folder.path().join(file_name::FACTS))
    }

    /// Makes the steps that are left. Whether all were made.
    fn steps(&mut self, mut batches: Batches) -> Result<bool> {
        let names = self.trainer.head().quantities();
        let mut meter = Meter::new(std::mem::take(&mut self.state.window), names);
        let mut pending: Option<StepOutput> = None;
        let mut shown = Instant::now();
        let mut forecast = Forecast::new();
        let has_gallery = self.trainer.gallery().is_some();
        while self.trainer.finished_steps() < self.lengths.total {
            let batch = meter.wait(|| batches.next())?;
            let output = self.trainer.step(batch.images())?;
            // The step before: so that the device always has work.
            if let Some(previous) = pending.take() {
                let numbers = previous.read()?;
                meter.step(&numbers, previous.images);
                if shown.elapsed() >= SHOWN_EVERY {
                    shown = Instant::now();
                    let metrics = self.step_metrics(&mut meter, &numbers);
                    self.progress.update(&metrics);
                }
            }

            let step = self.trainer.finished_steps();
            if let Some(told) = forecast.step(step, self.lengths, self.evaluation_s, has_gallery) {
                self.progress.message(&told);
                self.records.log(&told)?;
            }
            let last = step == self.lengths.total;
            let stop = self.on_any_rank(self.interrupt.is_requested())?;
            let due = |every: u64| step.is_multiple_of(every) || last;
            let save = due(self.lengths.checkpoint) || stop;
            if !(due(self.lengths.log) || due(self.lengths.evaluate) || save) {
                pending = Some(output);
                continue;
            }
            // What is not a number, or not the same on all ranks, must be found before it is saved.
            match save || due(self.lengths.evaluate) {
                true => self.trainer.compare_ranks()?,
                false => self.trainer.compare_networks()?,
            }
            let numbers = output.read()?;
            meter.step(&numbers, output.images);
            self.state.step = step;
            if due(self.lengths.log) {
                let metrics = self.step_metrics(&mut meter, &numbers);
                meter.restart();
                self.log(metrics)?;
            }
            if !(save || due(self.lengths.evaluate)) {
                continue;
            }
            meter.pause(|window| {
                self.trainer.average_running_statistics()?;
                let mut better = false;
                if due(self.lengths.evaluate) {
                    self.state.evaluation_due = true;
                    // What was trained is not lost where it fails, and the evaluation is made up for when the run is resumed. Of several ranks
                    // any may fail, which ends all: there it is saved before.
                    let is_alone = self.ranks.ranks() == 1;
                    if !is_alone {
                        self.save(window)?;
                    }
                    better = match self.evaluate() {
                        Ok(better) => better,
                        Err(error) => {
                            if is_alone {
                                self.save(window)?;
                            }
                            return Err(error);
                        }
                    };
                }
                match save || self.on_any_rank(better)? {
                    true => self.save(window),
                    false => Ok(()),
                }
            })?;
            forecast.pause();
            if stop && !last {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.before_s.max(0.0)) + self.began.elapsed()
    }

    fn step_metrics(&self, meter: &mut Meter, numbers: &StepNumbers) -> StepMetrics {
        let epoch = numbers.step as f64 / self.lengths.epoch as f64;
        meter.metrics(numbers, epoch, self.elapsed())
    }

    fn log(&mut self, metrics: StepMetrics) -> Result<()> {
        if !self.is_first() {
            return Ok(());
        }
        self.progress.update(&metrics);
        tracing::debug!(
            step = metrics.step,
            loss = metrics.loss,
            learning_rate = metrics.learning_rate,
            images_per_s = metrics.images_per_s,
            "step"
        );
        self.records.write(&Metric::Step(metrics))
    }

    fn save(&mut self, window: &Window) -> Result<()> {
        if !self.is_first() {
            self.trainer.give_shard()?;
            return Ok(self.ranks.barrier()?);
        }
        self.records.sync()?;
        self.state.elapsed_s = self.elapsed().as_secs_f64();
        self.state.window = window.clone();
        let path = self.checkpoints.save(&self.trainer, &self.state)?;
        self.records.log(&format!("saved {}", path.display()))?;
        // No rank goes on before that is on disk which all may have to go back to.
        Ok(self.ranks.barrier()?)
    }

    /// Gives the head the gallery embeddings that it wants before the first step: a picture each of identities that are drawn for it.
    fn prefill(&mut self) -> Result<()> {
        let index = self.dataset.index();
        let wanted = self.trainer.head().needs().prefill.min(index.identities());
        if wanted == 0 {
            return Ok(());
        }
        // One more where the last batch would be a single picture, of which norms have no statistics.
        let more = u64::from(wanted % self.config.loader.batch as u64 == 1);
        let mut images = draw_one_each(index, wanted + more, self.config.training.seed);
        if (images.len() as u64) < wanted + more {
            images.push(images[0]);
        }
        let mut wanted = wanted as usize;
        for images in ListLoader::new(self.dataset.clone(), images, &self.config.loader())? {
            let images = images?;
            let rows = images.identities().len().min(wanted);
            self.trainer.prefill(&images, rows)?;
            wanted -= rows;
        }
        Ok(())
    }

    /// Runs the evaluations and writes down what they found. Whether the network is the best so far.
    fn evaluate(&mut self) -> Result<bool> {
        let began = Instant::now();
        let step = self.state.step;
        let last = step >= self.lengths.total;
        let Findings {
            measures,
            deciding,
            scores,
            thresholds,
        } = self.evaluations.run(&self.trainer, step, last)?;
        for measure in measures {
            let text = measure.to_string();
            tracing::debug!("{text}");
            self.records.log(&text)?;
            self.records.write(&Metric::Evaluation(measure))?;
        }
        let better = match deciding {
            Some(found) => self.is_best(&found)?.then_some(found),
            None => None,
        };
        let is_better = better.is_some();
        if is_better {
            self.export("best")?;
            self.keep_thresholds(thresholds)?;
            self.state.best = better;
        }
        if last && self.is_first() {
            scores.write(self.folder.path().join(file_name::SCORES))?;
            self.state.scored = Some(self.evaluations.scored(step));
        }
        self.state.evaluation_due = false;
        self.evaluation_s = began.elapsed().as_secs_f64();
        // The first one measures and writes while the others wait.
        self.ranks.barrier()?;
        Ok(is_better)
    }

    /// All evaluations of the run. Of a rank that does not own the folder none.
    fn results(&self) -> Result<Vec<EvaluationMetrics>> {
        if !self.is_first() {
            return Ok(Vec::new());
        }
        let metrics = crate::run::read_metrics(self.folder.path().join(file_name::METRICS))?;
        let evaluations = metrics.into_iter().filter_map(|metric| match metric {
            Metric::Evaluation(metrics) => Some(metrics),
            Metric::Step(_) => None,
        });
        Ok(evaluations.collect())
    }
}
