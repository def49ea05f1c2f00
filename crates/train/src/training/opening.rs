use std::time::Instant;

use burn::tensor::Device;
use ffc_data::ErrorChain;

use super::Training;
use super::data::TrainingData;
use super::evaluations::Evaluations;
use crate::checkpoint::{DataIdentity, Scored, State};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run::{MetricsWriter, file_name};
use crate::run_folder::RunFolder;
use crate::run_log::RunLog;
use crate::trainer::Trainer;
use crate::{Error, Result};

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
                            "it was trained on another set: {} images of {} identities then, {} of {} now, or others. Put the pictures back as they were (data.path), or start a new run from its weights: --set training.weights=last-probe.safetensors",
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
