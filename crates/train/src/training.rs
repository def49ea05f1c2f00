use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::Device;
use ffc_data::{BuildProgress, Dataset, DualLoader, IdentityLoader};
use ffc_eval::Evaluation;
use ffc_model::{Backbone, Summary};

use crate::checkpoint::{Best, Checkpoints, DataIdentity, State};
use crate::config::{Config, Length, Schedule};
use crate::evaluator::Evaluator;
use crate::interrupt::Interrupt;
use crate::meter::Meter;
use crate::progress::Progress;
use crate::run::{
    EvaluationMetrics, Metric, MetricsWriter, Scores, StepMetrics, file_name, rounded,
};
use crate::run_folder::RunFolder;
use crate::run_log::RunLog;
use crate::trainer::{StepNumbers, StepOutput, Trainer};
use crate::{Error, Result};

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
    device: &'a Device,
    interrupt: Interrupt,
    dataset: Arc<Dataset>,
    evaluators: Vec<Evaluator>,
    checkpoints: Checkpoints,
    trainer: Trainer,
    state: State,
    metrics: MetricsWriter,
    log: RunLog,
    progress: Progress,
    lengths: Lengths,
    /// When this process began.
    began: Instant,
    /// Seconds that earlier processes took.
    before_s: f64,
}

/// Lengths of the configuration in steps.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    epoch: u64,
    total: u64,
    log: u64,
    evaluate: u64,
    checkpoint: u64,
}

impl Lengths {
    fn new(config: &Config, epoch: u64) -> Result<Self> {
        let at_least_one = |setting, length: Length| match length.steps(epoch) {
            0 => Err(Error::setting(setting, length, "at least one step")),
            steps => Ok(steps),
        };
        Ok(Self {
            epoch,
            total: at_least_one("training.length", config.training.length)?,
            log: at_least_one("training.log", config.training.log)?,
            evaluate: at_least_one("training.evaluate", config.training.evaluate)?,
            checkpoint: at_least_one("checkpoint.every", config.checkpoint.every)?,
        })
    }
}

/// What a configuration names, opened.
struct Parts {
    dataset: Arc<Dataset>,
    evaluators: Vec<Evaluator>,
    lengths: Lengths,
    schedule: Schedule,
}

impl Parts {
    fn open(config: &Config, building: &mut dyn FnMut(BuildProgress)) -> Result<Self> {
        config.check()?;
        let dataset = config.data.open(building)?;
        let evaluators = Evaluator::all(config, building)?;
        let images = dataset.index().images();
        let epoch = images.div_ceil(config.loader.batch as u64);
        let lengths = Lengths::new(config, epoch)?;
        let schedule = config.schedule.init(lengths.total, epoch)?;
        Ok(Self {
            dataset,
            evaluators,
            lengths,
            schedule,
        })
    }
}

/// What a training would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Identities to train on.
    pub identities: u64,
    /// Their images.
    pub images: u64,
    /// Steps.
    pub steps: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Name, identities and images of each evaluation.
    pub evaluations: Vec<(String, u64, u64)>,
    /// Size and cost of the network.
    pub network: Summary,
}

impl Plan {
    /// Opens and checks everything that a training needs, its folder aside: data, evaluations, loader, weights, network. Indexes are
    /// built where there are none, which `building` is told of.
    ///
    /// # Errors
    ///
    /// As [`Training::open`].
    pub fn new(
        config: &Config,
        device: &Device,
        building: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        let parts = Parts::open(config, building)?;
        DualLoader::new(parts.dataset.clone(), config.loader(), 0)?;
        let trainer = Trainer::new(config, parts.schedule, device)?;
        let evaluations = parts.evaluators.iter().map(|evaluator| {
            let index = evaluator.dataset().index();
            (
                evaluator.name().to_owned(),
                index.identities(),
                index.images(),
            )
        });
        Ok(Self {
            identities: parts.dataset.index().identities(),
            images: parts.dataset.index().images(),
            steps: parts.lengths.total,
            steps_per_epoch: parts.lengths.epoch,
            evaluations: evaluations.collect(),
            network: trainer.probe().summary(),
        })
    }
}

impl<'a> Training<'a> {
    /// Opens the data and begins, or goes on from the newest whole checkpoint of the folder.
    ///
    /// # Errors
    ///
    /// Where data, weights or a checkpoint cannot be used or settings do not fit.
    pub fn open(
        folder: &'a RunFolder,
        device: &'a Device,
        interrupt: Interrupt,
        progress: impl FnOnce(u64, u64) -> Progress,
    ) -> Result<Self> {
        let config = folder.config();
        let parts = Parts::open(config, &mut |_| {})?;
        let Parts {
            dataset,
            evaluators,
            lengths,
            schedule,
        } = parts;
        let data = DataIdentity {
            identities: dataset.index().identities(),
            images: dataset.index().images(),
            source: dataset.fingerprint()?.to_string(),
        };

        let mut log = RunLog::open(folder.path())?;
        let checkpoints = folder.checkpoints()?;
        checkpoints.clean()?;
        let (trainer, state, resumed) = match checkpoints.newest()? {
            None => {
                let state = State {
                    data,
                    ..State::default()
                };
                (Trainer::new(config, schedule, device)?, state, false)
            }
            Some((checkpoint, passed_over)) => {
                for passed in passed_over {
                    let text = format!("passed over {}: {}", passed.path.display(), passed.error);
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
                (checkpoint.restore(config, schedule, device)?, state, true)
            }
        };
        folder.keep_overrides()?;
        if !resumed {
            // Of a run that ended before its first checkpoint.
            let old = folder.path().join(file_name::METRICS);
            if old.exists() {
                std::fs::remove_file(&old).map_err(Error::io("remove", &old))?;
            }
        }
        let metrics = MetricsWriter::open(folder.path(), state.step)?;
        let progress = progress(state.step, lengths.total);
        let mut training = Self {
            folder,
            config,
            device,
            interrupt,
            dataset,
            evaluators,
            checkpoints,
            trainer,
            before_s: state.elapsed_s,
            state,
            metrics,
            log,
            progress,
            lengths,
            began: Instant::now(),
        };
        if !resumed {
            training.prefill()?;
            training.evaluate()?;
        }
        Ok(training)
    }

    /// Trains to the end, or until interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where loss or gradient is no longer a number; where an image cannot be read or a file cannot be
    /// written. Checkpoints from before stay.
    pub fn run(mut self) -> Result<Outcome> {
        let finished = self.train();
        self.progress.finish();
        self.log.write(&match &finished {
            Ok(true) => format!("finished after {} steps", self.state.step),
            Ok(false) => format!("interrupted after {} steps", self.state.step),
            Err(error) => format!("failed: {error}"),
        })?;
        Ok(Outcome {
            finished: finished?,
            steps: self.state.step,
            results: self.results()?,
        })
    }

    fn train(&mut self) -> Result<bool> {
        let first = self.trainer.finished_steps();
        let loader = DualLoader::new(self.dataset.clone(), self.config.loader(), first)?;
        let mut loader = loader.fuse();
        let mut meter = Meter::new();
        let mut pending: Option<StepOutput> = None;
        let mut shown = Instant::now();
        while self.trainer.finished_steps() < self.lengths.total {
            let batch = meter.wait(|| loader.next()).ok_or_else(|| {
                Error::Data(ffc_data::Error::Workers("the loader ended too soon".into()))
            })??;
            let output = self.trainer.step(&batch)?;
            meter.step(
                &output,
                batch.x.identities().len() + batch.y.identities().len(),
            );
            // The step before: so that the device always has work.
            if let Some(previous) = pending.replace(output) {
                let numbers = previous.read()?;
                if shown.elapsed() >= SHOWN_EVERY {
                    shown = Instant::now();
                    let metrics = self.step_metrics(&meter, &numbers, &previous);
                    self.progress.update(&metrics);
                }
            }

            let step = self.trainer.finished_steps();
            let last = step == self.lengths.total;
            let stop = self.interrupt.is_requested();
            let due = |every: u64| step.is_multiple_of(every) || last;
            let save = due(self.lengths.checkpoint) || stop;
            if !(due(self.lengths.log) || due(self.lengths.evaluate) || save) {
                continue;
            }
            // What is not a number must be found before it is saved.
            let numbers = match pending.take() {
                Some(output) => Some((output.read()?, output)),
                None => None,
            };
            self.state.step = step;
            if (due(self.lengths.log) || stop)
                && let Some((numbers, output)) = &numbers
            {
                self.log(&mut meter, numbers, output)?;
            }
            let mut better = false;
            if due(self.lengths.evaluate) {
                better = match self.evaluate() {
                    Ok(better) => better,
                    Err(error) => {
                        // What was trained is not lost.
                        self.save()?;
                        return Err(error);
                    }
                };
                meter.restart();
            }
            if save || better {
                self.save()?;
                meter.restart();
            }
            if stop && !last {
                return Ok(false);
            }
        }
        self.export("last")?;
        Ok(true)
    }

    fn elapsed_s(&self) -> f64 {
        self.before_s + self.began.elapsed().as_secs_f64()
    }

    fn step_metrics(
        &self,
        meter: &Meter,
        numbers: &StepNumbers,
        output: &StepOutput,
    ) -> StepMetrics {
        let epoch = output.step as f64 / self.lengths.epoch as f64;
        meter.metrics(numbers, output, epoch, self.elapsed_s())
    }

    fn log(&mut self, meter: &mut Meter, numbers: &StepNumbers, output: &StepOutput) -> Result<()> {
        let metrics = self.step_metrics(meter, numbers, output);
        meter.restart();
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

    fn save(&mut self) -> Result<()> {
        self.metrics.sync()?;
        self.state.elapsed_s = self.elapsed_s();
        let path = self.checkpoints.save(&self.trainer, &self.state)?;
        self.log.write(&format!("saved {}", path.display()))
    }

    /// Puts a share of the identities into the pool, an image of each.
    fn prefill(&mut self) -> Result<()> {
        let identities = self.dataset.index().identities();
        let wanted = (self.config.head.prefill * identities as f64).round() as usize;
        let wanted = wanted.min(self.config.head.pool);
        if wanted == 0 {
            return Ok(());
        }
        let config = self.config.loader();
        let batch = config.batch;
        let loader = IdentityLoader::new(self.dataset.clone(), config, 0)?;
        for images in loader.take(wanted.div_ceil(batch)) {
            self.trainer.prefill(&images?.a)?;
        }
        Ok(())
    }

    /// Measures the gallery network, after the last step the probe network too, and then keeps the scores for the report.
    /// Whether the gallery network is the best so far.
    fn evaluate(&mut self) -> Result<bool> {
        let last = self.state.step == self.lengths.total;
        let mut scores = Scores::default();
        let mut better = false;
        for at in 0..self.evaluators.len() {
            if last {
                let probe = self.trainer.probe().valid();
                self.measure(at, "probe", &probe)?;
            }
            let gallery = self.trainer.gallery().valid();
            let evaluation = self.measure(at, "gallery", &gallery)?;
            if last {
                let evaluator = &self.evaluators[at];
                let found = evaluator.scores(&evaluation, "gallery", evaluator.baseline()?)?;
                scores.0.insert(evaluator.name().to_owned(), found);
            }
            // As it is read from a checkpoint: an equal one later is not better.
            let value = (evaluation.measures.first()).map(|measure| rounded(measure.value));
            if at == 0
                && let Some(value) = value
                && self.state.best.is_none_or(|best| value > best.value)
            {
                let step = self.state.step;
                self.state.best = Some(Best { step, value });
                self.export("best")?;
                better = true;
            }
        }
        if last {
            scores.write(self.folder.path().join(file_name::SCORES))?;
        }
        Ok(better)
    }

    /// Runs an evaluation and writes its measures down.
    fn measure(&mut self, at: usize, network: &str, backbone: &Backbone) -> Result<Evaluation> {
        let evaluator = &self.evaluators[at];
        let evaluation = evaluator.run(backbone, self.device, &self.progress)?;
        let name = evaluator.name().to_owned();
        for measure in &evaluation.measures {
            let text = format!(
                "step {}: {name}, {network} network: {} {:.2} % ({:.2} to {:.2})",
                self.state.step,
                measure.name,
                100.0 * measure.value,
                100.0 * measure.low,
                100.0 * measure.high
            );
            self.progress.message(&text);
            tracing::debug!("{text}");
            self.log.write(&text)?;
            self.metrics.write(&Metric::Evaluation(EvaluationMetrics {
                step: self.state.step,
                name: name.clone(),
                network: network.to_owned(),
                measure: measure.name.clone(),
                value: measure.value,
                low: measure.low,
                high: measure.high,
            }))?;
        }
        Ok(evaluation)
    }

    /// Writes both networks' weights as `<prefix>-gallery.safetensors` and `<prefix>-probe.safetensors`.
    fn export(&self, prefix: &str) -> Result<()> {
        let preprocessing = self.config.preprocessing();
        for (name, network) in [
            ("gallery", self.trainer.gallery()),
            ("probe", self.trainer.probe()),
        ] {
            let path = self
                .folder
                .path()
                .join(format!("{prefix}-{name}.safetensors"));
            network.write_weights(&path, &preprocessing)?;
        }
        Ok(())
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
