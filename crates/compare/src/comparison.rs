use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use ffc_train::{Config, Environment, Interrupt, RunFolder, StepPictures, Timing};

use crate::cell::{Cell, CellState};
use crate::plan::Plan;
use crate::program::Program;
use crate::{Error, Result};

/// What the steps of the columns took when they were timed, where time decides how long they train.
const TIMINGS: &str = "timings.json";
const LOCK: &str = ".lock";
/// Steps that are timed.
const TIMED_STEPS: usize = 10;
/// Time between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a process is waited for that still saves the run of a cell, left over from a comparison that was killed.
const MOST_WAIT: Duration = Duration::from_secs(120);

/// A plan at work in a folder: `cells/<column>-seed-<seed>` are its runs.
#[derive(Debug)]
pub struct Comparison<'a> {
    plan: &'a Plan,
    folder: PathBuf,
    program: Program,
    cells: Vec<Cell>,
    timings: BTreeMap<String, Timing>,
    /// Locked while this lives.
    _lock: File,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Of each column what was measured.
    pub columns: Vec<Timing>,
    /// Cells that are not finished yet.
    pub cells: usize,
    /// Seconds that they take, so many at a time.
    pub seconds: f64,
}

struct Running {
    cell: usize,
    child: Child,
    since: Instant,
}

impl<'a> Comparison<'a> {
    /// Opens the folder of a comparison, or makes one. Cells that lie there must be those of the plan; further columns and seeds may come to
    /// a plan at any time.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] where another process works there; [`Error::Io`].
    pub fn open(plan: &'a Plan, folder: &Path, program: Program) -> Result<Self> {
        fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
        let lock = lock(folder)?;
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
            _lock: lock,
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
    /// Where a column cannot be timed.
    pub fn expect(&self, jobs: usize, tell: &mut dyn FnMut(Event<'_>)) -> Result<Expected> {
        let (mut columns, mut seconds_of) = (Vec::new(), Vec::new());
        for column in self.plan.columns() {
            tell(Event::Timing(&column.name));
            let overrides = self.plan.overrides(column);
            let timing = self
                .program
                .time(self.plan.base(), &overrides, TIMED_STEPS, true)?;
            let config = self
                .plan
                .config(column, self.plan.seeds()[0], Some(timing.step_s))?;
            seconds_of.push(timing.expected_s(&config));
            columns.push(timing);
        }
        let mut open = Vec::new();
        for cell in &self.cells {
            if cell.state()? != CellState::Finished {
                open.push(seconds_of[cell.column]);
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
    /// [`Error::OtherRun`] where a cell's folder holds another run, before anything is trained; where programs cannot be started or folders
    /// not written. A cell that fails is no error: it is told, and the others go on.
    pub fn run(
        &mut self,
        jobs: usize,
        interrupt: &Interrupt,
        environment: &Environment,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool> {
        self.time(interrupt, tell)?;
        if interrupt.is_requested() {
            return Ok(false);
        }
        let mut waiting = VecDeque::new();
        for (at, cell) in self.cells.iter().enumerate() {
            let config = self.config(cell)?;
            let is_begun = cell.is_begun(&config)?;
            if cell.state()? != CellState::Finished {
                waiting.push_back((at, (!is_begun).then_some(config)));
            }
        }
        let mut running = Vec::new();
        let result = self.train(waiting, &mut running, jobs, interrupt, environment, tell);
        if result.is_err() {
            stop(&mut running);
        }
        result
    }

    /// Trains cells, those with a configuration for the first time. Those that still run at an error are in `running`.
    fn train(
        &self,
        mut waiting: VecDeque<(usize, Option<Config>)>,
        running: &mut Vec<Running>,
        jobs: usize,
        interrupt: &Interrupt,
        environment: &Environment,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool> {
        loop {
            while running.len() < jobs.max(1) && !interrupt.is_requested() {
                let Some((at, new)) = waiting.pop_front() else {
                    break;
                };
                running.push(Running {
                    cell: at,
                    child: self.start(at, new, environment, tell)?,
                    since: Instant::now(),
                });
            }
            if running.is_empty() {
                return Ok(!interrupt.is_requested());
            }
            if interrupt.is_requested() {
                // They save and stop when their input ends.
                running
                    .iter_mut()
                    .for_each(|running| drop(running.child.stdin.take()));
            }
            std::thread::sleep(LOOK_EVERY);
            let mut at = 0;
            while at < running.len() {
                let ended = running[at].child.try_wait();
                match ended.map_err(Error::io("wait for the training in", &self.folder))? {
                    None => at += 1,
                    Some(status) => {
                        let Running { cell, since, .. } = running.swap_remove(at);
                        let cell = &self.cells[cell];
                        let stopped = status.code() == Some(130);
                        if status.success() {
                            cell.set_state(&CellState::Finished)?;
                            tell(Event::Finished(cell, since.elapsed().as_secs_f64()));
                        } else if stopped && interrupt.is_requested() {
                            tell(Event::Stopped(cell));
                        } else {
                            let problem = cell.complaint().unwrap_or_else(|| status.to_string());
                            cell.set_state(&CellState::Failed(problem.clone()))?;
                            tell(Event::Failed(cell, &problem));
                        }
                    }
                }
            }
        }
    }

    /// Pictures of a step of a cell.
    pub(crate) fn pictures(&self, cell: &Cell) -> Result<StepPictures> {
        let column = &self.plan.columns()[cell.column];
        Ok(self.plan.of_any_length(column)?.pictures())
    }

    /// The configuration of a cell.
    fn config(&self, cell: &Cell) -> Result<Config> {
        let column = &self.plan.columns()[cell.column];
        let step_s = self.timings.get(&column.slug()).map(|timing| timing.step_s);
        self.plan.config(column, cell.seed, step_s)
    }

    /// Times the columns whose length depends on it and that were not timed yet.
    fn time(&mut self, interrupt: &Interrupt, tell: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        if !self.plan.needs_time() {
            return Ok(());
        }
        for column in self.plan.columns() {
            let slug = column.slug();
            if self.timings.contains_key(&slug) || interrupt.is_requested() {
                continue;
            }
            tell(Event::Timing(&column.name));
            let overrides = self.plan.overrides(column);
            let timing = self
                .program
                .time(self.plan.base(), &overrides, TIMED_STEPS, false)?;
            self.timings.insert(slug, timing);
            let path = self.folder.join(TIMINGS);
            let text = serde_json::to_vec_pretty(&self.timings).unwrap_or_default();
            ffc_files::write(&path, &text).map_err(Error::io("write", &path))?;
        }
        Ok(())
    }

    /// Starts a cell's process. `new` is its configuration, where it has no folder yet.
    fn start(
        &self,
        at: usize,
        new: Option<Config>,
        environment: &Environment,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Child> {
        let cell = &self.cells[at];
        if RunFolder::is_held(&cell.folder) {
            tell(Event::Waiting(cell));
        }
        let since = Instant::now();
        while RunFolder::is_held(&cell.folder) {
            if since.elapsed() > MOST_WAIT {
                return Err(Error::Busy {
                    path: cell.folder.clone(),
                });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        if let Some(config) = new {
            drop(RunFolder::create(&cell.folder, config, environment)?);
        }
        tell(Event::Started(cell));
        self.program.train(&cell.folder, &cell.output())
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

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Busy {
            path: folder.to_owned(),
        }),
        Err(fs::TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}
