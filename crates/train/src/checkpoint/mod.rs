//! Checkpoints: `checkpoints/step-<number>`, a folder of the files below. It is written under another name, every file synced,
//! the manifest last, and renamed; what lies under its final name is whole.
//!
//! | file | contents |
//! |---|---|
//! | `probe.bpk`, `gallery.bpk` | the networks, running statistics included; the second where the head needs it |
//! | `optimizer.bpk` | the optimizer's state |
//! | the head's parts | under their names: `pool.bpk` of FFC holds centres and slot map |
//! | `state.json` | [`State`]: steps, time, best score; orders, schedule and augmentation follow from the step and the seed |
//! | `manifest.json` | version, and size and XXH3-64 of each of the others |
//!
//! Every file is hashed while it is written. The head's parts are written and read as streams, so that weights larger than half the memory can
//! be saved; networks and optimizer are records that are made whole first, one after the other.

mod state;

pub use state::{Best, DataIdentity, Scored, State};

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use ffc_core::collective::{Alone, Collective};
use ffc_core::part::finished;
use ffc_data::ErrorChain;
use ffc_files::{Hashed, sync_folder};
use ffc_model::Backbone;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Schedule};
use crate::step_pictures::has_gallery;
use crate::trainer::{Trainer, differentiating, init_head};
use crate::{Error, Result};

const VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// How the name of one ends that is being written.
const PARTIAL: &str = ".partial";
const STATE: &str = "state.json";
const PROBE: &str = "probe.bpk";
const GALLERY: &str = "gallery.bpk";
const OPTIMIZER: &str = "optimizer.bpk";

/// Names that no part of a head may have.
pub(crate) const RESERVED: [&str; 5] = [PROBE, GALLERY, OPTIMIZER, STATE, MANIFEST];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    files: BTreeMap<String, FileSum>,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct FileSum {
    bytes: u64,
    xxh3: String,
}

impl<W: Write> From<&Hashed<W>> for FileSum {
    fn from(hashed: &Hashed<W>) -> Self {
        Self {
            bytes: hashed.bytes(),
            xxh3: format!("{:016x}", hashed.xxh3()),
        }
    }
}

impl FileSum {
    /// Of a file as it lies on the disk.
    fn read(path: &Path) -> Result<Self> {
        let sum = || {
            let mut hashed = Hashed::new(io::sink());
            io::copy(&mut File::open(path)?, &mut hashed)?;
            Ok(Self::from(&hashed))
        };
        sum().map_err(Error::io("read", path))
    }
}

/// The checkpoints of a run, in one folder.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

/// A checkpoint that was passed over, and why.
#[derive(Debug)]
pub struct PassedOver {
    /// Its folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: Error,
}

impl Checkpoints {
    /// In `folder`, which the first one makes. The last `keep` are kept, and the best.
    pub fn new(folder: &Path, keep: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            keep,
        }
    }

    /// Writes a checkpoint and then removes those that are no longer kept. An older one of the same step is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be written: older ones are untouched. Where it cannot be given its name,
    /// [`clean`](Self::clean) does that later.
    pub fn save(&self, trainer: &Trainer, state: &State) -> Result<PathBuf> {
        fs::create_dir_all(&self.folder).map_err(Error::io("make the folder", &self.folder))?;
        let target = self.path_of(state.step);
        let aside = self
            .folder
            .join(format!(".step-{:010}{PARTIAL}", state.step));
        remove(&aside)?;
        if let Err(error) = write(&aside, trainer, state) {
            // Gives the space back where the disk is full.
            let _ = remove(&aside);
            return Err(error);
        }
        self.put(&aside, &target)?;
        self.prune(state.step, state.best.as_ref().map(|best| best.step))?;
        Ok(target)
    }

    /// The newest whole checkpoint, with those that were passed over because they are damaged. None where there is no
    /// checkpoint at all.
    ///
    /// # Errors
    ///
    /// [`Error::RunFolder`] where all are damaged; [`Error::Io`].
    pub fn newest(&self) -> Result<Option<(Checkpoint, Vec<PassedOver>)>> {
        let mut passed_over = Vec::new();
        let steps = self.steps()?;
        for &step in steps.iter().rev() {
            let path = self.path_of(step);
            match Checkpoint::open(&path) {
                Ok(checkpoint) => return Ok(Some((checkpoint, passed_over))),
                Err(error) => passed_over.push(PassedOver { path, error }),
            }
        }
        match passed_over.first() {
            None => Ok(None),
            Some(newest) => Err(Error::RunFolder {
                path: self.folder.clone(),
                problem: format!(
                    "all checkpoints are damaged; the newest: {}",
                    ErrorChain(&newest.error)
                ),
            }),
        }
    }

    /// The checkpoint after so many steps.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where it is damaged, [`Error::Io`] where it is not there.
    pub fn at(&self, step: u64) -> Result<Checkpoint> {
        Checkpoint::open(&self.path_of(step))
    }

    /// What the newest checkpoint remembers beside tensors, without a look at its other files. None where there is no checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Format`].
    pub fn newest_state(&self) -> Result<Option<State>> {
        match self.steps()?.last() {
            Some(&step) => parse(&self.path_of(step).join(STATE)).map(Some),
            None => Ok(None),
        }
    }

    fn path_of(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:010}"))
    }

    /// Steps of the checkpoints, ascending.
    fn steps(&self) -> Result<Vec<u64>> {
        let names = self.names()?;
        let mut steps: Vec<u64> = (names.iter())
            .filter_map(|name| name.strip_prefix("step-")?.parse().ok())
            .collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// What lies in the folder. Nothing where there is none yet.
    fn names(&self) -> Result<Vec<String>> {
        let read = || match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries?
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect(),
        };
        read().map_err(Error::io("read the folder", &self.folder))
    }

    /// Removes what is no longer kept after step `newest` was saved. Later ones are damaged and were passed over: the run makes
    /// them anew.
    fn prune(&self, newest: u64, best: Option<u64>) -> Result<()> {
        let (steps, later): (Vec<u64>, Vec<u64>) =
            self.steps()?.into_iter().partition(|&step| step <= newest);
        let old = steps.len().saturating_sub(self.keep);
        let old = steps[..old].iter().filter(|&&step| Some(step) != best);
        for &step in old.chain(&later) {
            remove(&self.path_of(step))?;
        }
        Ok(())
    }

    /// Puts right what writing left behind that was interrupted: the rest of a checkpoint is removed; one that is whole and was to take the
    /// place of an older one of its step takes it. Only for the process that holds the run's folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn clean(&self) -> Result<()> {
        for name in self.names()? {
            let Some(target) = name
                .strip_prefix('.')
                .and_then(|name| name.strip_suffix(PARTIAL))
                .filter(|name| name.starts_with("step-"))
            else {
                continue;
            };
            let (aside, target) = (self.folder.join(&name), self.folder.join(target));
            match Checkpoint::open(&aside).is_ok() && Checkpoint::open(&target).is_err() {
                true => self.put(&aside, &target)?,
                false => remove(&aside)?,
            }
        }
        Ok(())
    }

    /// Gives a whole checkpoint its name.
    fn put(&self, aside: &Path, target: &Path) -> Result<()> {
        remove(target)?;
        fs::rename(aside, target).map_err(Error::io("rename", aside))?;
        sync_folder(&self.folder).map_err(Error::io("sync", &self.folder))
    }
}

/// A checkpoint whose files were compared with its manifest.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    state: State,
    /// What the manifest names.
    files: BTreeSet<String>,
}

impl Checkpoint {
    /// Compares the files with the manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where a file is damaged, [`Error::Io`] where it is missing.
    pub fn open(path: &Path) -> Result<Self> {
        let manifest: Manifest = parse(&path.join(MANIFEST))?;
        if manifest.version != VERSION {
            return Err(Error::format(
                path.join(MANIFEST),
                format!("version {}, expected {VERSION}", manifest.version),
            ));
        }
        for name in [PROBE, OPTIMIZER, STATE] {
            if !manifest.files.contains_key(name) {
                let problem = format!("damaged: it does not name {name}");
                return Err(Error::format(path.join(MANIFEST), problem));
            }
        }
        for (name, sum) in &manifest.files {
            let file = path.join(name);
            if FileSum::read(&file)? != *sum {
                let problem = "damaged: its size or checksum is not the manifest's";
                return Err(Error::format(file, problem));
            }
        }
        Ok(Self {
            state: parse(&path.join(STATE))?,
            path: path.to_owned(),
            files: manifest.files.into_keys().collect(),
        })
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it remembers beside tensors.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The training as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where a file does not fit the configuration.
    pub fn restore(self, config: &Config, schedule: Schedule, device: &Device) -> Result<Trainer> {
        self.restore_on_ranks(config, schedule, device, Arc::new(Alone))
    }

    /// The same as [one of several ranks](Trainer::with_ranks), which all read the checkpoint.
    ///
    /// # Errors
    ///
    /// As [`restore`](Self::restore) and [`Trainer::with_ranks`].
    pub fn restore_on_ranks(
        self,
        config: &Config,
        schedule: Schedule,
        device: &Device,
        ranks: Arc<dyn Collective>,
    ) -> Result<Trainer> {
        config.check()?;
        let device = differentiating(config, device);
        let probe = self.network(PROBE, config.backbone.init(&device)?)?;
        let mut head = init_head(config, self.state.data.identities, &device, ranks.clone())?;
        for &part in head.parts() {
            self.demand(part)?;
            let path = self.path.join(part);
            let file = File::open(&path).map_err(Error::io("open", &path))?;
            let mut file = BufReader::new(file);
            head.read_part(part, &mut file)
                .and_then(|()| finished(part, &mut file))
                .map_err(|error| Error::format(&path, ErrorChain(&error)))?;
        }
        let trainer = config.trainer(schedule)?;
        let gallery = match has_gallery(head.needs(), trainer.average.momentum()) {
            true => {
                self.demand(GALLERY)?;
                let plain = device.clone().without_autodiff();
                Some(self.network(GALLERY, config.backbone.init(&plain)?)?)
            }
            false => None,
        };
        let optimizer = config
            .optimizer
            .init(&probe)
            .from_bytes(self.read(OPTIMIZER)?)
            .map_err(|error| Error::format(self.path.join(OPTIMIZER), error))?;
        Trainer::resume(
            trainer,
            &device,
            probe,
            gallery,
            head,
            optimizer,
            self.state.step,
        )?
        .with_ranks(ranks)
    }

    /// The networks, on a plain device: the trained one, and the gallery network where there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] where they do not fit the configuration.
    pub fn networks(
        &self,
        config: &Config,
        device: &Device,
    ) -> Result<(Backbone, Option<Backbone>)> {
        let probe = self.network(PROBE, config.backbone.init(device)?)?;
        let gallery = match self.files.contains(GALLERY) {
            true => Some(self.network(GALLERY, config.backbone.init(device)?)?),
            false => None,
        };
        Ok((probe, gallery))
    }

    /// Checks that a file is there that the head needs.
    fn demand(&self, name: &str) -> Result<()> {
        if self.files.contains(name) {
            return Ok(());
        }
        let problem = format!("does not name {name}, which the configuration's head needs");
        Err(Error::format(self.path.join(MANIFEST), problem))
    }

    fn read(&self, name: &str) -> Result<Bytes> {
        let path = self.path.join(name);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        Ok(Bytes::from_bytes_vec(bytes))
    }

    fn network(&self, name: &str, network: Backbone) -> Result<Backbone> {
        let bytes = self.read(name)?;
        ModuleRecord::from_bytes(bytes)
            .and_then(|record| network.try_load_record(record))
            .map_err(|error| Error::format(self.path.join(name), error))
    }
}

/// The files of a checkpoint that is being written.
struct Files<'a> {
    folder: &'a Path,
    sums: BTreeMap<String, FileSum>,
}

impl Files<'_> {
    /// Writes a file by `write`, hashes what it writes, and waits for the disk.
    fn put(&mut self, name: &str, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let path = self.folder.join(name);
        let file = File::create_new(&path).map_err(Error::io("write", &path))?;
        let mut file = Hashed::new(BufWriter::new(file));
        write(&mut file)?;
        self.sums.insert(name.to_owned(), FileSum::from(&file));
        let finish = || file.into_inner().into_inner()?.sync_all();
        finish().map_err(Error::io("write", &path))
    }

    fn put_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        self.put(name, |to| {
            to.write_all(bytes).map_err(Error::io("write", &path))
        })
    }
}

fn write(folder: &Path, trainer: &Trainer, state: &State) -> Result<()> {
    fs::create_dir(folder).map_err(Error::io("make the folder", folder))?;
    let mut files = Files {
        folder,
        sums: BTreeMap::new(),
    };
    let failed = |name: &str, error: &dyn std::fmt::Display| {
        Error::format(folder.join(name), format!("cannot be made: {error}"))
    };
    // Validation copies have their running statistics up to date.
    for (name, network) in [
        (PROBE, Some(&trainer.probe)),
        (GALLERY, trainer.gallery.as_ref()),
    ] {
        if let Some(network) = network {
            let record = network.valid().into_record().into_bytes();
            files.put_bytes(name, &record.map_err(|error| failed(name, &error))?)?;
        }
    }
    let optimizer = trainer.optimizer.into_bytes();
    let optimizer = optimizer.map_err(|error| failed(OPTIMIZER, &error))?;
    files.put_bytes(OPTIMIZER, &optimizer)?;
    for &part in trainer.head.parts() {
        let path = folder.join(part);
        files.put(part, |to| {
            (trainer.head.write_part(part, to))
                .map_err(|error| Error::format(&path, ErrorChain(&error)))
        })?;
    }
    files.put_bytes(STATE, &to_json(&folder.join(STATE), state)?)?;
    let manifest = Manifest {
        version: VERSION,
        files: std::mem::take(&mut files.sums),
    };
    let path = folder.join(MANIFEST);
    write_file(&path, &to_json(&path, &manifest)?)?;
    sync_folder(folder).map_err(Error::io("sync", folder))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::io("write", path))
}

fn to_json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|error| Error::format(path, error.to_string()))
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::format(path, error.to_string()))
}

/// Removes a checkpoint or the rest of one; its manifest first, so that an interruption leaves nothing that looks whole.
fn remove(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let _ = fs::remove_file(path.join(MANIFEST));
    fs::remove_dir_all(path).map_err(Error::io("remove", path))
}
