//! A run: the training with all that goes on around it.

mod batches;
mod data;
mod evaluations;
mod evaluator;
mod forecast;
mod lengths;
mod overlap;
mod plan;
mod timing;

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use ffc_data::{Dataset, ErrorChain, ListLoader, draw_one_each};
use ffc_eval::ThresholdsFile;

pub use data::TrainingData;
pub use plan::Plan;
pub use timing::Timing;

use crate::checkpoint::{Best, Checkpoints, DataIdentity, Scored, State};
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::meter::{Meter, Window};
use crate::progress::Progress;
use crate::run::{EvaluationMetrics, Facts, Metric, MetricsWriter, StepMetrics, file_name};
use crate::run_folder::RunFolder;
use crate::run_log::RunLog;
use crate::trainer::{StepNumbers, StepOutput, Trainer};
use crate::{Error, Result};
use batches::Batches;
use evaluations::{Evaluations, Findings, THRESHOLDS};
use forecast::Forecast;
use lengths::Lengths;

/// Time between two updates of the progress.
const SHOWN_EVERY: Duration = Duration::from_millis(500);

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether all steps were made; else it was interrupted and can be resumed.
    pub finished: bool,
    /// Steps made so far.
    pub steps: u64,
    /// What the evaluations found, from the first to the last.
    pub results: Vec<EvaluationMetrics>,
}

/// A run: the training with all that goes on around it.
pub struct Training<'a> {
    folder: &'a RunFolder,
    config: &'a Config,
    interrupt: Interrupt,
    dataset: Arc<Dataset>,
    evaluations: Evaluations<'a>,
    checkpoints: Checkpoints,
    trainer: Trainer,
    state: State,
    /// Whether there is no checkpoint yet.
    new: bool,
    metrics: MetricsWriter,
    log: RunLog,
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
    /// Makes a training, or restores it from the newest whole checkpoint of the folder. Nothing is trained or evaluated yet. `data`
    /// are those of the folder's configuration.
    ///
    /// # Errors
    ///
    /// Where weights or a checkpoint cannot be used or settings do not fit; [`Error::RunFolder`] where the folder has
    /// results but no checkpoint any more.
    pub fn open(
        folder: &'a RunFolder,
        data: TrainingData,
        device: &'a Device,
        interrupt: Interrupt,
        progress: impl FnOnce(u64, u64) -> Progress,
    ) -> Result<Self> {
        let config = folder.config();
        let TrainingData {
            dataset,
            evaluators,
            lengths,
            schedule,
            notes,
        } = data;
        let identities = dataset.index().identities();
        let data = DataIdentity {
            identities,
            images: dataset.index().images(),
            source: dataset.fingerprint()?.to_string(),
        };

        let checkpoints = folder.checkpoints();
        checkpoints.clean()?;
        let newest = checkpoints.newest()?;
        if newest.is_none() {
            folder.check_new()?;
        }
        let mut log = RunLog::open(folder.path())?;
        for note in &notes {
            log.write(note)?;
        }
        let (trainer, mut state, new) = match newest {
            None => {
                let state = State {
                    data,
                    evaluation_due: true,
                    scored: Some(Scored::default()),
                    ..State::default()
                };
                let trainer = Trainer::from_config(config, identities, schedule, device)?;
                (trainer, state, true)
            }
            Some((checkpoint, passed_over)) => {
                for passed in passed_over {
                    let (path, error) = (passed.path.display(), ErrorChain(&passed.error));
                    let text = format!("passed over {path}: {error}");
                    tracing::warn!("{text}");
                    log.write(&text)?;
                }
                let text = format!("resuming from {}", checkpoint.path().display());
                tracing::info!("{text}");
                log.write(&text)?;
                let state = checkpoint.state().clone();
                if state.data != data {
                    return Err(Error::RunFolder {
                        path: folder.path().to_owned(),
                        problem: format!(
                            "it was trained on another set: {} images of {} identities then, {} of {} now, or others",
                            state.data.images, state.data.identities, data.images, data.identities
                        ),
                    });
                }
                (checkpoint.restore(config, schedule, device)?, state, false)
            }
        };
        for change in folder.keep_overrides()? {
            log.write(&format!("changed {change}"))?;
        }
        let progress = progress(state.step, lengths.total);
        let evaluations = Evaluations::new(evaluators, device, progress.clone())?;
        if !new {
            complete(&mut state, folder, &evaluations);
        }
        // A run whose length was cut to where it stands, or that was given another evaluation, has its end still before it.
        let scored = state.scored == Some(evaluations.scored(state.step));
        if state.step >= lengths.total && !scored && !state.evaluation_due {
            state.evaluation_due = true;
            // Remembered before lines of metrics are cut that are to be written again.
            checkpoints.save(&trainer, &state)?;
        }
        let again = match state.evaluation_due {
            true => evaluations.names(),
            false => Vec::new(),
        };
        let names = trainer.head().quantities();
        let metrics = MetricsWriter::open(folder.path(), state.step, &again, names)?;
        Ok(Self {
            folder,
            config,
            interrupt,
            dataset,
            evaluations,
            checkpoints,
            trainer,
            before_s: state.elapsed_s,
            state,
            new,
            metrics,
            log,
            progress,
            lengths,
            began: Instant::now(),
            evaluation_s: 0.0,
        })
    }

    /// Trains to the end, or until interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where loss or gradient is no longer a number, [`Error::ZeroEmbedding`]; where an image cannot be read or
    /// a file cannot be written. Checkpoints from before stay.
    pub fn run(mut self) -> Result<Outcome> {
        let finished = self.train();
        self.progress.finish();
        self.log.write(&match &finished {
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
            let batches = Batches::new(form, self.dataset.clone(), self.config.loader(), first)?;
            if !self.steps(batches)? {
                return Ok(false);
            }
        }
        self.export("last")?;
        Ok(true)
    }

    /// Of every run and when it is resumed, so that those of old versions get the file too.
    fn write_facts(&self) -> Result<()> {
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
            if let Some(told) = forecast.step(step, self.lengths, self.evaluation_s) {
                self.progress.message(&told);
                self.log.write(&told)?;
            }
            let last = step == self.lengths.total;
            let stop = self.interrupt.is_requested();
            let due = |every: u64| step.is_multiple_of(every) || last;
            let save = due(self.lengths.checkpoint) || stop;
            if !(due(self.lengths.log) || due(self.lengths.evaluate) || save) {
                pending = Some(output);
                continue;
            }
            // What is not a number must be found before it is saved.
            let numbers = output.read()?;
            meter.step(&numbers, output.images);
            self.state.step = step;
            if due(self.lengths.log) {
                let metrics = self.step_metrics(&mut meter, &numbers);
                meter.restart();
                self.log(metrics)?;
            }
            meter.pause(|window| {
                let mut better = false;
                if due(self.lengths.evaluate) {
                    self.state.evaluation_due = true;
                    better = match self.evaluate() {
                        Ok(better) => better,
                        Err(error) => {
                            // What was trained is not lost, and the evaluation is made up for when the run is resumed.
                            self.save(window)?;
                            return Err(error);
                        }
                    };
                }
                match save || better {
                    true => self.save(window),
                    false => Ok(()),
                }
            })?;
            if save || due(self.lengths.evaluate) {
                forecast.pause();
            }
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
        self.progress.update(&metrics);
        tracing::debug!(
            step = metrics.step,
            loss = metrics.loss,
            learning_rate = metrics.learning_rate,
            images_per_s = metrics.images_per_s,
            "step"
        );
        self.metrics.write(&Metric::Step(metrics))
    }

    fn save(&mut self, window: &Window) -> Result<()> {
        self.metrics.sync()?;
        self.state.elapsed_s = self.elapsed().as_secs_f64();
        self.state.window = window.clone();
        let path = self.checkpoints.save(&self.trainer, &self.state)?;
        self.log.write(&format!("saved {}", path.display()))
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
            self.log.write(&text)?;
            self.metrics.write(&Metric::Evaluation(measure))?;
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
        if last {
            scores.write(self.folder.path().join(file_name::SCORES))?;
            self.state.scored = Some(self.evaluations.scored(step));
        }
        self.state.evaluation_due = false;
        self.evaluation_s = began.elapsed().as_secs_f64();
        Ok(is_better)
    }

    /// Writes the thresholds of the best network; where it has none, those of another do not stay.
    fn keep_thresholds(&self, thresholds: Option<ThresholdsFile>) -> Result<()> {
        let path = self.folder.path().join(THRESHOLDS);
        let Some(thresholds) = thresholds else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(Error::io("remove", &path)(error))
                }
                _ => Ok(()),
            };
        };
        thresholds.write(&path).map_err(|source| Error::Evaluation {
            name: thresholds.measured_on.pairs.clone(),
            source,
        })
    }

    /// Whether it is better than the best so far. The best of another evaluation makes room.
    fn is_best(&mut self, found: &Best) -> Result<bool> {
        let Some(best) = &self.state.best else {
            return Ok(true);
        };
        if best.evaluation == found.evaluation {
            return Ok(found.value > best.value);
        }
        let aside = format!("best-of-step-{}", best.step);
        for name in ["gallery", "probe"] {
            let [from, to] = ["best", &aside].map(|prefix| self.weights(prefix, name));
            if from.exists() {
                fs::rename(&from, &to).map_err(Error::io("rename", &from))?;
            }
        }
        let [from, to] = [THRESHOLDS.to_owned(), format!("{aside}-{THRESHOLDS}")]
            .map(|name| self.folder.path().join(name));
        if from.exists() {
            fs::rename(&from, &to).map_err(Error::io("rename", &from))?;
        }
        self.log.write(&format!(
            "another evaluation decides which network is best; the weights of the best so far are kept as {aside}-*"
        ))?;
        Ok(true)
    }

    /// Writes the networks' weights as `<prefix>-gallery.safetensors`, where there is one, and `<prefix>-probe.safetensors`.
    fn export(&self, prefix: &str) -> Result<()> {
        let preprocessing = self.config.preprocessing();
        for (name, network) in [
            ("gallery", self.trainer.gallery()),
            ("probe", Some(self.trainer.probe())),
        ] {
            if let Some(network) = network {
                network.write_weights(self.weights(prefix, name), &preprocessing)?;
            }
        }
        Ok(())
    }

    fn weights(&self, prefix: &str, network: &str) -> PathBuf {
        self.folder
            .path()
            .join(format!("{prefix}-{network}.safetensors"))
    }

    /// All evaluations of the run.
    fn results(&self) -> Result<Vec<EvaluationMetrics>> {
        let metrics = crate::run::read_metrics(self.folder.path().join(file_name::METRICS))?;
        let evaluations = metrics.into_iter().filter_map(|metric| match metric {
            Metric::Evaluation(metrics) => Some(metrics),
            Metric::Step(_) => None,
        });
        Ok(evaluations.collect())
    }
}

/// Adds to the state of an old version what it does not tell: of which evaluations it is. Those of the folder, if they were not changed.
fn complete(state: &mut State, folder: &RunFolder, evaluations: &Evaluations) {
    let same = !folder.changes("evaluation");
    if state.scored.is_none() {
        let scored = same && folder.path().join(file_name::SCORES).exists();
        state.scored = Some(match scored {
            true => evaluations.scored(state.step),
            false => Scored::default(),
        });
    }
    if let Some(best) = &mut state.best
        && best.evaluation.is_empty()
        && same
    {
        best.evaluation = evaluations.deciding().cloned().unwrap_or_default();
    }
}
