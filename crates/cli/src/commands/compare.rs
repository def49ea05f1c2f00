use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ffc_compare::{Cell, CellState, Comparison, Event, Plan, Program, Results};
use ffc_data::ErrorChain;
use ffc_train::Interrupt;
use ffc_train::format::{duration, significant};

use crate::arguments::Compare;
use crate::environment::environment;
use crate::error::{Error, INTERRUPTED, Result};
use crate::output::{self, say};

/// Trains the cells of a plan and says what they reached.
pub fn run(arguments: Compare, quiet: bool) -> Result<ExitCode> {
    let Some(name) = arguments.plan else {
        for (name, text) in Plan::BUILT_IN {
            say!("{name:14} {}", Plan::parse(text, name)?.title());
        }
        return Ok(ExitCode::SUCCESS);
    };
    if arguments.show {
        output::write(format_args!("{}", Plan::text(&name)?));
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.jobs == 0 {
        return Err(Error::Usage("--jobs must be at least 1".into()));
    }
    let plan = Plan::load(&name)?.changed(arguments.base, arguments.set, arguments.seeds)?;
    let (device, device_name) = arguments.device.open()?;
    drop(device);
    let program = Program {
        threads: threads(
            arguments
                .jobs
                .min(plan.columns().len() * plan.seeds().len()),
        ),
        ..Program::this(arguments.device.to_string())?
    };
    let out = arguments.out.unwrap_or_else(|| folder(&name));
    let mut comparison = Comparison::new(&plan, &out, program)?;
    let tell = |event: Event<'_>| {
        if !quiet && let Event::Timing(column) = event {
            eprintln!("timing {column}");
        }
    };
    if arguments.dry_run {
        let expected = comparison.expect(arguments.jobs, &mut { tell })?;
        let mut problem = None;
        for (column, timing) in plan.columns().iter().zip(expected.columns) {
            match timing {
                Ok(timing) => say!(
                    "{}: a step {} ms, the evaluations {} s",
                    column.name,
                    significant(1e3 * timing.step_s, 3),
                    significant(timing.evaluation_s, 2)
                ),
                Err(error) => {
                    say!("{}", ErrorChain(&error));
                    problem = Some(error);
                }
            }
        }
        let seconds = duration(expected.seconds);
        say!("{} cells to train: about {seconds}", expected.cells);
        return match problem {
            None => Ok(ExitCode::SUCCESS),
            Some(error) => Err(error.into()),
        };
    }

    let interrupt = Interrupt::default();
    let asked = interrupt.clone();
    let handler = move || {
        if asked.request() {
            std::process::exit(INTERRUPTED.into());
        }
        eprintln!("saving all cells and stopping; once more stops at once");
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Error::Failed(format!("cannot listen for Ctrl-C: {error}")))?;

    let finished = comparison.cells().iter().map(Cell::state);
    let finished = finished.collect::<ffc_compare::Result<Vec<_>>>()?;
    let finished = finished
        .iter()
        .filter(|state| **state == CellState::Finished);
    let mut done = finished.count();
    let all = comparison.cells().len();
    if !quiet {
        eprintln!("{}: {done} of {all} cells are finished", out.display());
    }
    let names: Vec<String> = plan
        .columns()
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let cell = |cell: &Cell| format!("{}, seed {}", names[cell.column], cell.seed);
    let trained = comparison.run(
        arguments.jobs,
        &interrupt,
        &environment(&device_name),
        &mut |event| {
            if let Event::Finished(..) | Event::Failed(..) = event {
                done += 1;
            }
            if quiet {
                return;
            }
            match event {
                Event::Timing(_) => tell(event),
                Event::Started(of) => eprintln!("{}: training", cell(of)),
                Event::Finished(of, seconds) => {
                    eprintln!(
                        "{}: finished in {}, {done} of {all}",
                        cell(of),
                        duration(seconds)
                    );
                }
                Event::Failed(of, problem) => {
                    eprintln!("{}: failed, {done} of {all}: {problem}", cell(of));
                }
                Event::Stopped(of) => eprintln!("{}: saved and stopped", cell(of)),
                Event::Waiting(of) => {
                    eprintln!("{}: waiting for a process that still saves it", cell(of))
                }
            }
        },
    );
    // What is there is shown, whatever ended the rest.
    let shown =
        Results::read(&comparison).and_then(|results| Ok((results.write(&comparison)?, results)));
    let all_trained = trained?;
    let (page, results) = shown?;
    for measure in results.measures() {
        output::write(format_args!("{}\n", results.summary(measure).table()));
    }
    let mut failed = 0;
    for of in &results.cells {
        if let Some(problem) = of.state.problem() {
            failed += 1;
            say!("failed: {}, seed {}: {problem}", names[of.column], of.seed);
        }
    }
    say!("page: {}", page.display());
    if !all_trained {
        say!("stopped; the same command goes on");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Threads of each of some jobs, where there are several.
fn threads(jobs: usize) -> Option<usize> {
    let cores = std::thread::available_parallelism().ok()?.get();
    (jobs > 1).then(|| (cores / jobs).max(1))
}

fn folder(plan: &str) -> PathBuf {
    Path::new("runs").join(Path::new(plan).file_stem().unwrap_or_default())
}
