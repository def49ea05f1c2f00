use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use ffc_core::WeightStorage;
use ffc_files::FolderLock;
use ffc_train::config::HeadConfig;
use ffc_train::{Config, Environment, Interrupt, RunFolder, StepPictures, Timing};
use serde::{Deserialize, Serialize};

use crate::cell::{Cell, CellState};
use crate::column::Column;
use crate::plan::Plan;
use crate::program::Program;
use crate::{Error, Result};

/// What the steps of the columns took when they were timed, where time decides how long they train.
const TIMINGS: &str = "timings.json";
/// Weights of a cell whose head keeps them in a file.
const WEIGHTS: &str = "class-weights";
/// Steps that are timed.
const TIMED_STEPS: usize = 10;
/// What a training ends with that was interrupted and saved.
const INTERRUPTED: i32 = 130;
/// Time between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A plan and the folder that it is at work in: `cells/<column>-seed-<seed>` are its runs.
#[derive(Debug)]
pub struct Comparison<'a> {
    plan: &'a Plan,
    folder: PathBuf,
    program: Program,
    cells: Vec<Cell>,
    /// By the columns' folder names.
    timings: BTreeMap<String, Timed>,
}

/// What a column's steps took, and with what that was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Timed {
    base: String,
    overrides: Vec<String>,
    device: String,
    threads: Option<usize>,
    timing: Timing,
}

/// What happens while cells are trained.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A column's steps are being timed.
    Timing(&'a str),
    /// The training of a cell began or goes on.
    Started(&'a Cell),
    /// It ended, after so many seconds of this process.
    Finished(&'a Cell, f64),
    /// It failed; the others go on.
    Failed(&'a Cell, &'a str),
    /// It was interrupted and saved.
    Stopped(&'a Cell),
    /// A process of an earlier comparison still holds the run of a cell.
    Waiting(&'a Cell),
}

/// How long a comparison will take.
#[derive(Debug)]
pub struct Expected {
    /// Of each column what was measured, or why it could not be.
    pub columns: Vec<Result<Timing>>,
    /// Cells that are not finished yet, of columns that could be timed.
    pub cells: usize,
    /// Seconds that they take, so many at a time.
    pub seconds: f64,
}

/// A cell that waits for its training, with its configuration where it has no folder yet.
struct Waiting {
    cell: usize,
    new: Option<Config>,
    /// Whether it was told that another process holds its run.
    is_told: bool,
}

struct Running {
    cell: usize,
    child: Child,
    since: Instant,
    /// Bytes of output before.
    before: u64,
}

impl<'a> Comparison<'a> {
    /// The comparison of a plan in a folder, which need not be there yet. Cells that lie there must be those of the plan; further columns and
    /// seeds may come to a plan at any time.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`] where the times of columns that lie there cannot be read; [`Error::Io`].
    pub fn new(plan: &'a Plan, folder: &Path, program: Program) -> Result<Self> {
        let path = folder.join(TIMINGS);
        let timings = match path.exists() {
            true => {
                let text = fs::read(&path).map_err(Error::io("read", &path))?;
                serde_json::from_slice(&text).map_err(|error| Error::Plan {
                    origin: path.display().to_string(),
                    problem: format!("{error}; remove it to have the steps timed anew"),
                })?
            }
            false => BTreeMap::new(),
        };
        // Seed by seed, so that what is there early is of every column.
        let columns = || plan.columns().iter().enumerate();
        let cells = plan.seeds().iter().flat_map(|&seed| {
            columns().map(move |(at, column)| Cell::new(folder, at, column, seed))
        });
        Ok(Self {
            cells: cells.collect(),
            plan,
            folder: folder.to_owned(),
            program,
            timings,
        })
    }

    /// The cells, seed by seed.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        self.plan
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Times some steps and the evaluations of every column, and writes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::OtherRun`] where a cell's folder holds another run; [`Error::Io`].
    pub fn expect(&self, jobs: usize, tell: &mut dyn FnMut(Event<'_>)) -> Result<Expected> {
        let (mut columns, mut seconds_of) = (Vec::new(), Vec::new());
        for column in self.plan.columns() {
            tell(Event::Timing(&column.name));
            let timing = self.measure(column, true);
            let whole = timing.as_ref().ok().map(|timing| {
                let config = self
                    .plan
                    .config(column, self.plan.seeds()[0], Some(timing.step_s));
                config.map(|config| timing.expected_s(&config))
            });
            seconds_of.push(whole.transpose()?);
            columns.push(timing);
        }
        let mut open = Vec::new();
        for cell in &self.cells {
            if !self.plan.needs_time() {
                cell.is_begun(&self.config(cell)?)?;
            }
            if cell.state()?.is_open() {
                open.extend(seconds_of[cell.column]);
            }
        }
        let longest = open.iter().copied().fold(0.0, f64::max);
        let seconds = (open.iter().sum::<f64>() / jobs.max(1) as f64).max(longest);
        Ok(Expected {
            columns,
            cells: open.len(),
            seconds,
        })
    }

    /// Trains what is not finished yet, `jobs` cells at a time. Whether all cells are finished now or have failed; else it was interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] where another process compares in the folder; [`Error::OtherRun`] where a cell's folder holds another run, before
    /// anything is trained; where programs cannot be started or folders not written. A cell that fails is no error: it is told, and the
    /// others go on.
    pub fn run(
        &mut self,
        jobs: usize,
        interrupt: &Interrupt,
        environment: &Environment,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool> {
        fs::create_dir_all(&self.folder).map_err(Error::io("make the folder", &self.folder))?;
        let lock = FolderLock::take(&self.folder).map_err(Error::io("lock", &self.folder))?;
        let _lock = lock.ok_or_else(|| Error::Busy {
            path: self.folder.clone(),
        })?;
        if let Err(error) = self.time(interrupt, tell) {
            // Ctrl-C ends the program that times, too.
            return match interrupt.is_requested() {
                true => Ok(false),
                false => Err(error),
            };
        }
        if interrupt.is_requested() {
            return Ok(false);
        }
        let mut waiting = VecDeque::new();
        for (at, cell) in self.cells.iter().enumerate() {
            let config = self.config(cell)?;
            let is_begun = cell.is_begun(&config)?;
            if cell.state()?.is_open() {
                waiting.push_back(Waiting {
                    cell: at,
                    new: (!is_begun).then_some(config),
                    is_told: false,
                });
            }
        }
        let mut running = Vec::new();
        let result = self.train(waiting, &mut running, jobs, interrupt, environment, tell);
        if result.is_err() {
            stop(&mut running);
        }
        result
    }

    /// Trains cells. Those that still run at an error are in `running`.
    fn train(
        &self,
        mut waiting: VecDeque<Waiting>,
        running: &mut Vec<Running>,
        jobs: usize,
        interrupt: &Interrupt,
        environment: &Environment,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool> {
        loop {
            // Each that waits is looked at once in a round: a process that is left over may still hold its run.
            for _ in 0..waiting.len() {
                if running.len() >= jobs.max(1) || interrupt.is_requested() {
                    break;
                }
                let Some(mut next) = waiting.pop_front() else {
                    break;
                };
                let cell = &self.cells[next.cell];
                if RunFolder::is_held(&cell.folder) {
                    if !std::mem::replace(&mut next.is_told, true) {
                        tell(Event::Waiting(cell));
                    }
                    waiting.push_back(next);
                    continue;
                }
                tell(Event::Started(cell));
                running.push(self.start(next, environment)?);
            }
            let is_stopping = interrupt.is_requested();
            if running.is_empty() && (waiting.is_empty() || is_stopping) {
                return Ok(!is_stopping);
            }
            if is_stopping {
                // They save and stop when their input ends.
                for running in running.iter_mut() {
                    drop(running.child.stdin.take());
                }
            }
            std::thread::sleep(LOOK_EVERY);
            let mut at = 0;
            while at < running.len() {
                let ended = running[at].child.try_wait();
                match ended.map_err(Error::io("wait for the training in", &self.folder))? {
                    None => at += 1,
                    Some(status) => self.end(running.swap_remove(at), status, is_stopping, tell)?,
                }
            }
        }
    }

    /// Starts a cell's process.
    fn start(&self, waiting: Waiting, environment: &Environment) -> Result<Running> {
        let cell = &self.cells[waiting.cell];
        if let Some(config) = waiting.new {
            drop(RunFolder::create(&cell.folder, config, environment)?);
        }
        cell.set_state(&CellState::Waiting)?;
        let before = cell.output_bytes();
        Ok(Running {
            cell: waiting.cell,
            child: self.program.train(&cell.folder, &cell.output())?,
            since: Instant::now(),
            before,
        })
    }

    /// Notes how a cell's process ended.
    fn end(
        &self,
        running: Running,
        status: ExitStatus,
        is_stopping: bool,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        let cell = &self.cells[running.cell];
        if status.success() {
            cell.set_state(&CellState::Finished)?;
            tell(Event::Finished(cell, running.since.elapsed().as_secs_f64()));
        } else if status.code() == Some(INTERRUPTED) && is_stopping {
            tell(Event::Stopped(cell));
        } else {
            // A process that was killed could not say why.
            let complaint = status.code().and_then(|_| cell.complaint(running.before));
            let problem = complaint.unwrap_or_else(|| status.to_string());
            cell.set_state(&CellState::Failed(problem.clone()))?;
            tell(Event::Failed(cell, &problem));
        }
        Ok(())
    }

    /// Pictures of a step of a cell.
    pub(crate) fn pictures(&self, cell: &Cell) -> Result<StepPictures> {
        let column = &self.plan.columns()[cell.column];
        Ok(self.plan.of_any_length(column)?.pictures())
    }

    /// The configuration of a cell. Weights in a file lie in its folder.
    fn config(&self, cell: &Cell) -> Result<Config> {
        let column = &self.plan.columns()[cell.column];
        let timed = self.timings.get(&column.slug());
        let step_s = timed.map(|timed| timed.timing.step_s);
        let mut config = self.plan.config(column, cell.seed, step_s)?;
        if let HeadConfig::Partial(partial) = &mut config.head
            && let WeightStorage::File(path) = &mut partial.storage
        {
            *path = cell.folder.join(WEIGHTS);
        }
        Ok(config)
    }

    /// What a column's steps take.
    fn measure(&self, column: &Column, evaluate: bool) -> Result<Timing> {
        let overrides = self.plan.overrides(column);
        let timing = (self.program).time(self.plan.base(), &overrides, TIMED_STEPS, evaluate);
        timing.map_err(|source| Error::Timing {
            column: column.name.clone(),
            source: Box::new(source),
        })
    }

    /// Times the columns whose length depends on it and that were not timed yet, or not with the same settings, device and threads. Those
    /// that have begun keep their length.
    fn time(&mut self, interrupt: &Interrupt, tell: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        if !self.plan.needs_time() {
            return Ok(());
        }
        for (at, column) in self.plan.columns().iter().enumerate() {
            let slug = column.slug();
            let overrides = self.plan.overrides(column);
            let mut of_column = self.cells.iter().filter(|cell| cell.column == at);
            let is_begun = of_column.any(|cell| cell.folder.exists());
            let is_known = self.timings.get(&slug).is_some_and(|timed| {
                let is_same = timed.device == self.program.device
                    && timed.threads == self.program.threads
                    && timed.base == self.plan.base()
                    && timed.overrides == overrides;
                is_same || is_begun
            });
            if is_known || interrupt.is_requested() {
                continue;
            }
            tell(Event::Timing(&column.name));
            let timed = Timed {
                base: self.plan.base().to_owned(),
                device: self.program.device.clone(),
                threads: self.program.threads,
                timing: self.measure(column, false)?,
                overrides,
            };
            self.timings.insert(slug, timed);
            let path = self.folder.join(TIMINGS);
            let text = serde_json::to_vec_pretty(&self.timings).unwrap_or_default();
            ffc_files::write(&path, &text).map_err(Error::io("write", &path))?;
        }
        Ok(())
    }
}

/// Lets processes save and stop, and waits for them.
fn stop(running: &mut [Running]) {
    for running in running.iter_mut() {
        drop(running.child.stdin.take());
    }
    for running in running {
        let _ = running.child.wait();
    }
}
