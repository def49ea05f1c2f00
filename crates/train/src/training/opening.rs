use std::sync::Arc;
use std::time::Instant;

use burn::tensor::Device;
use ffc_core::collective::{Alone, Collective};
use ffc_data::ErrorChain;

use super::Training;
use super::data::TrainingData;
use super::evaluations::Evaluations;
use super::evaluator::Evaluator;
use super::records::Records;
use crate::checkpoint::{Checkpoint, Checkpoints, DataIdentity, Scored, State};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::run::{MetricsWriter, file_name};
use crate::run_folder::RunFolder;
use crate::run_log::RunLog;
use crate::trainer::Trainer;
use crate::{Error, Result};

impl<'a> Training<'a> {
    /// Whether the run of a folder is at its end, and nothing was changed that would let it go on or measure it anew: then there is nothing to
    /// train, and [`open`](Self::open) would only write that down. `data` are those of the folder's configuration.
    ///
    /// # Errors
    ///
    /// Where a set cannot be read.
    pub fn is_finished(folder: &RunFolder, data: &TrainingData) -> Result<bool> {
        // Where the newest checkpoint is damaged, the opening takes one before it, and the run goes on from there.
        let state = match folder.checkpoints().newest() {
            Ok(Some((checkpoint, passed_over))) if passed_over.is_empty() => {
                checkpoint.state().clone()
            }
            _ => return Ok(false),
        };
        let evaluations = data.evaluators.iter().map(Evaluator::identity);
        let scored = Scored {
            step: state.step,
            evaluations: evaluations.collect::<Result<_>>()?,
        };
        let has = |name: &str| folder.path().join(name).exists();
        Ok(!folder.has_changes()
            && state.step >= data.lengths.total
            && !state.evaluation_due
            && state.scored == Some(scored)
            && state.data == identity(data)?
            && has("last-probe.safetensors")
            && has(file_name::FACTS)
            && has(file_name::SCORES))
    }

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
        Self::open_with_ranks(folder, data, device, Arc::new(Alone), interrupt, progress)
    }

    /// The same as one of several ranks, each of which calls this with its device, the same configuration and the same pictures. The first rank's
    /// folder is the [run's](RunFolder::create), the others' is that [of another rank](RunFolder::of_first_rank), and shows what it shows there.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); where a rank fails or sees other pictures; [`Error::Setting`] where the batch has no equal shares, or the run
    /// began with other groups of rows for its norms.
    pub fn open_with_ranks(
        folder: &'a RunFolder,
        data: TrainingData,
        device: &'a Device,
        ranks: Arc<dyn Collective>,
        interrupt: Interrupt,
        progress: impl FnOnce(u64, u64) -> Progress,
    ) -> Result<Self> {
        let config = folder.config();
        config.loader_of_rank(ranks.rank(), ranks.ranks())?;
        let is_first = ranks.rank() == 0;
        let identity = identity(&data)?;
        check_same(&identity, &*ranks)?;
        let TrainingData {
            dataset,
            evaluators,
            lengths,
            schedule,
            notes,
        } = data;
        let data = identity;
        let identities = data.identities;

        let checkpoints = folder.checkpoints();
        // What is to be logged before there is a log.
        let mut lines = notes;
        let newest = match is_first {
            true => newest(folder, &checkpoints, &mut lines)?,
            false => None,
        };
        let newest = of_first_rank(newest, &checkpoints, &*ranks)?;
        let (trainer, mut state, new) = match newest {
            None => {
                let state = State {
                    data,
                    evaluation_due: true,
                    scored: Some(Scored::default()),
                    ..State::default()
                };
                let trainer = Trainer::from_config_on_ranks(
                    config,
                    identities,
                    schedule,
                    device,
                    ranks.clone(),
                )?;
                (trainer, state, true)
            }
            Some(checkpoint) => {
                let state = checkpoint.state().clone();
                if state.data != data {
                    return Err(Error::RunFolder {
                        path: folder.path().to_owned(),
                        problem: format!(
                            "it was trained on another set: {} images of {} identities then, {} of {} now, or others. Put the pictures back as they were (data.path), or start a new run with training.weights = what `ffc export {}` writes",
                            state.data.images,
                            state.data.identities,
                            data.images,
                            data.identities,
                            folder.path().display()
                        ),
                    });
                }
                if state.step > lengths.total {
                    return Err(Error::RunFolder {
                        path: folder.path().to_owned(),
                        problem: format!(
                            "it is at step {}, beyond its training.length of {} steps: a run cannot go back. Give it a length of {} steps or more, or start a new run",
                            state.step, lengths.total, state.step
                        ),
                    });
                }
                let trainer =
                    checkpoint.restore_on_ranks(config, schedule, device, ranks.clone())?;
                (trainer, state, false)
            }
        };
        // All have read it before it can be replaced.
        ranks.barrier()?;
        if !new && ranks.ranks() > 1 && config.training.norm_groups == 0 && trainer.has_norms() {
            return Err(Error::setting(
                "training.norm_groups",
                0,
                format!(
                    "as many as the ranks or a multiple: this run's norms are taken over whole batches, which {} ranks do not have. Go on with a single process",
                    ranks.ranks()
                ),
            ));
        }
        let changes = folder.keep_overrides()?;
        lines.extend(changes.iter().map(|change| format!("changed {change}")));
        let progress = progress(state.step, lengths.total);
        let evaluations = Evaluations::new(evaluators, device, progress.clone(), ranks.clone())?;
        if !new {
            complete(&mut state, folder, &evaluations);
        }
        // A run whose length was cut to where it stands, or that was given another evaluation, has its end still before it.
        let scored = state.scored == Some(evaluations.scored(state.step));
        let due = state.step >= lengths.total && !scored && !state.evaluation_due;
        // The first rank alone knows what lies in the folder and what was changed there.
        let mut due = vec![u8::from(due)];
        ranks.broadcast(0, &mut due)?;
        if due == [1] {
            state.evaluation_due = true;
            // Remembered before lines of metrics are cut that are to be written again.
            match is_first {
                true => drop(checkpoints.save(&trainer, &state)?),
                false => trainer.give_shard()?,
            }
        }
        let again = match state.evaluation_due {
            true => evaluations.names(),
            false => Vec::new(),
        };
        let names = trainer.head().quantities();
        let records = match is_first {
            true => {
                let mut log = RunLog::open(folder.path())?;
                for line in &lines {
                    log.write(line)?;
                }
                let metrics = MetricsWriter::open(folder.path(), state.step, &again, names)?;
                Records::new(metrics, log)
            }
            false => Records::none(),
        };
        Ok(Self {
            folder,
            config,
            interrupt,
            ranks,
            dataset,
            evaluations,
            checkpoints,
            trainer,
            before_s: state.elapsed_s,
            state,
            new,
            records,
            progress,
            lengths,
            began: Instant::now(),
            evaluation_s: 0.0,
        })
    }
}

/// The newest whole checkpoint of a folder that this process holds. What is to be told of it is added to `lines`.
fn newest(
    folder: &RunFolder,
    checkpoints: &Checkpoints,
    lines: &mut Vec<String>,
) -> Result<Option<Checkpoint>> {
    checkpoints.clean()?;
    let Some((checkpoint, passed_over)) = checkpoints.newest()? else {
        folder.check_new()?;
        return Ok(None);
    };
    for passed in passed_over {
        let (path, error) = (passed.path.display(), ErrorChain(&passed.error));
        let text = format!("passed over {path}: {error}");
        tracing::warn!("{text}");
        lines.push(text);
    }
    let text = format!("resuming from {}", checkpoint.path().display());
    tracing::info!("{text}");
    lines.push(text);
    Ok(Some(checkpoint))
}

/// The checkpoint that the first rank goes on from, on all ranks.
fn of_first_rank(
    newest: Option<Checkpoint>,
    checkpoints: &Checkpoints,
    ranks: &dyn Collective,
) -> Result<Option<Checkpoint>> {
    let step = newest.as_ref().map(|checkpoint| checkpoint.state().step);
    let mut told = step.map_or(Vec::new(), |step| step.to_le_bytes().to_vec());
    ranks.broadcast(0, &mut told)?;
    match (ranks.rank(), told.first_chunk()) {
        (0, _) => Ok(newest),
        (_, None) => Ok(None),
        (_, Some(step)) => checkpoints.at(u64::from_le_bytes(*step)).map(Some),
    }
}

/// Checks that all ranks see the same pictures.
fn check_same(own: &DataIdentity, ranks: &dyn Collective) -> Result<()> {
    // One may have built an index.
    ranks.barrier()?;
    let json =
        serde_json::to_vec(own).map_err(|error| Error::format("what tells the set", error))?;
    let all = ranks.all_gather(&json)?;
    match all.iter().position(|other| *other != all[0]) {
        None => Ok(()),
        Some(rank) => Err(ffc_core::Error::Collective {
            rank,
            problem: format!(
                "it has other pictures than rank 0: {} there, {} here; all ranks must see the same set",
                String::from_utf8_lossy(&all[rank]),
                String::from_utf8_lossy(&all[0])
            ),
        }
        .into()),
    }
}

/// What tells the set that is trained on from others.
fn identity(data: &TrainingData) -> Result<DataIdentity> {
    let index = data.dataset.index();
    Ok(DataIdentity {
        identities: index.identities(),
        images: index.images(),
        source: data.dataset.fingerprint()?.to_string(),
    })
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
