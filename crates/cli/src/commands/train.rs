use std::path::{Path, PathBuf};
use std::process::ExitCode;

use burn::tensor::Device;
use ffc_data::{BuildProgress, ErrorChain};
use ffc_train::format::{duration, significant};
use ffc_train::progress::Progress;
use ffc_train::run::EvaluationMetrics;
use ffc_train::{Config, Interrupt, Plan, RunFolder, Timing, Training, TrainingData};

use super::data::show;
use crate::aligned_set::aligned_beside;
use crate::alignment::AlignmentArguments;
use crate::arguments::{RANK_LIMIT, Train};
use crate::device::DeviceName;
use crate::environment::environment;
use crate::error::{Error, INTERRUPTED, Result};
use crate::output::say;
use crate::presets;
use crate::ranks::Ranks;

/// Steps that a dry run times.
const TIMED_STEPS: usize = 10;

/// Drawn identities, the command's answer to no arguments.
pub fn built_in(ranks: &Ranks, interrupt: Interrupt, progress: bool) -> Result<ExitCode> {
    say!(
        "no command was given: this trains a small network on 10,000 drawn identities, for about five minutes on two processor cores, \
         and writes a report; Ctrl-C stops it (ffc help tells of all else)"
    );
    let train = Train {
        config: Some("synthetic".into()),
        set: Vec::new(),
        out: None,
        resume: None,
        device: DeviceName::Auto,
        dry_run: false,
        alignment: AlignmentArguments::default(),
        stop_with_stdin: false,
        rank_timeout: RANK_LIMIT.as_secs(),
    };
    run(train, ranks, interrupt, progress)
}

/// Trains. Of several ranks the first finds out what to do, and all do it.
///
/// Without `progress` only the results are shown.
pub fn run(
    arguments: Train,
    ranks: &Ranks,
    interrupt: Interrupt,
    progress: bool,
) -> Result<ExitCode> {
    let (device, device_name) = arguments.device.of_rank(ranks.on_host()).open()?;
    let begun = match ranks.is_first() {
        true => begin(
            &arguments,
            &device,
            &device_name,
            ranks,
            &interrupt,
            progress,
        ),
        false => follow(ranks),
    }?;
    let (folder, data) = match begun {
        Begun::Run(folder, data) => (folder, data),
        Begun::Nothing(code) => return Ok(ExitCode::from(code)),
    };
    if progress {
        eprintln!("run folder: {}", folder.path().display());
    }

    // The others have none that anybody writes to.
    if arguments.stop_with_stdin && ranks.is_first() {
        let asked = interrupt.clone();
        std::thread::spawn(move || {
            // Whatever comes, the end does.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            asked.request();
        });
    }

    let progress = |finished, total| match progress {
        true => Progress::stderr(finished, total),
        false => Progress::quiet(),
    };
    let collective = ranks.collective();
    let training =
        Training::open_with_ranks(&folder, data, &device, collective, interrupt, progress)?;
    let outcome = training.run();
    let code = |finished| match finished {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(INTERRUPTED),
    };
    if !ranks.is_first() {
        return Ok(code(outcome?.finished));
    }
    // Of a failed run too there is something to see.
    let report = ffc_report::write(folder.path());
    let outcome = outcome.inspect_err(|_| {
        if let Err(error) = &report {
            tracing::warn!("no report: {}", ErrorChain(error));
        }
    })?;
    for line in results(&outcome.results) {
        say!("{line}");
    }
    if let Ok(path) = &report {
        say!("report: {}", path.display());
    }
    if !outcome.finished {
        let launched = match ranks.collective().ranks() {
            1 => String::new(),
            count => format!("mpirun -n {count} "),
        };
        say!(
            "stopped after {} steps; go on with: {launched}ffc train --resume {}",
            outcome.steps,
            folder.path().display()
        );
    }
    report?;
    Ok(code(outcome.finished))
}

/// What there is to do.
enum Begun {
    /// A run, with its sets.
    Run(Box<RunFolder>, TrainingData),
    /// No training; an exit code.
    Nothing(u8),
}

/// What the first rank tells the others: folder and configuration of the run; else an exit code.
type Told = std::result::Result<(PathBuf, String), u8>;

/// Finds out what to do and tells the other ranks, once all that could be wrong was looked at, and indexes are built.
fn begin(
    arguments: &Train,
    device: &Device,
    device_name: &str,
    ranks: &Ranks,
    interrupt: &Interrupt,
    progress: bool,
) -> Result<Begun> {
    let mut building = |building| {
        if progress {
            show(building);
        }
    };
    let begun = match &arguments.resume {
        Some(run) => resume(run, arguments, &mut building),
        None => new_run(
            arguments,
            device,
            device_name,
            ranks,
            interrupt,
            progress,
            &mut building,
        ),
    }?;
    if !ranks.are_several() {
        return Ok(begun);
    }
    let told: Told = match &begun {
        Begun::Run(folder, _) => Ok((folder.path().to_owned(), folder.config().to_toml()?)),
        Begun::Nothing(code) => Err(*code),
    };
    // The same comes back.
    let _: Told = ranks.of_first(&told)?;
    Ok(begun)
}

/// Does what the first rank says.
fn follow(ranks: &Ranks) -> Result<Begun> {
    // Its own is not taken.
    match ranks.of_first::<Told>(&Err(0))? {
        Err(code) => Ok(Begun::Nothing(code)),
        Ok((path, config)) => {
            let config = Config::parse(&config, "the first rank's configuration", &[])?;
            let data = TrainingData::open(&config, &mut |_| {})?;
            let folder = RunFolder::of_first_rank(&path, config);
            Ok(Begun::Run(Box::new(folder), data))
        }
    }
}

fn resume(run: &Path, arguments: &Train, building: &mut dyn FnMut(BuildProgress)) -> Result<Begun> {
    if arguments.alignment.align {
        return Err(Error::Usage(
            "--align is for the beginning of a training: a run goes on with the pictures that it has".into(),
        ));
    }
    let folder = RunFolder::resume(run, &arguments.set)?;
    let data = TrainingData::open(folder.config(), building)?;
    if !Training::is_finished(&folder, &data)? {
        return Ok(Begun::Run(Box::new(folder), data));
    }
    say!(
        "nothing to do: the run is at its end, {}; --set training.length=... lets it go on",
        folder.config().training.length
    );
    if !folder.path().join("report.html").exists() {
        ffc_report::write(folder.path())?;
    }
    Ok(Begun::Nothing(0))
}

fn new_run(
    arguments: &Train,
    device: &Device,
    device_name: &str,
    ranks: &Ranks,
    interrupt: &Interrupt,
    progress: bool,
    building: &mut dyn FnMut(BuildProgress),
) -> Result<Begun> {
    let Some(name) = &arguments.config else {
        return Err(Error::Usage(
            "name a configuration or --resume a run".into(),
        ));
    };
    let Some(set) = aligned(name, arguments, interrupt, progress)? else {
        say!("stopped; the same command goes on");
        return Ok(Begun::Nothing(INTERRUPTED));
    };
    let (mut config, reasons) = presets::config(name, &set, device, building)?;
    for reason in &reasons {
        say!("{reason}");
    }
    // What is missing shows before there is a folder.
    let mut data = TrainingData::open(&config, building)?;
    data.fit(&mut config);
    for note in data.notes() {
        tracing::warn!("{note}");
    }
    let count = ranks.collective().ranks();
    config.for_ranks(count)?;
    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => free_folder(name),
    };
    check_place(&path, &config)?;
    // Of a sharded head no process can hold the whole.
    if !(ranks.are_several() && config.head.is_sharded()) {
        let plan = Plan::new(&config, &data, device)?;
        if arguments.dry_run {
            print(&plan);
        }
    } else if arguments.dry_run {
        say!("settings and pictures are right; a sharded head is only made when the ranks train");
    }
    // What several processes take together no single one can tell.
    if (arguments.dry_run || presets::is_mine(name)) && !ranks.are_several() {
        let timed = TrainingData::open(&config, building)?;
        let timing = Timing::measure(&config, timed, device, TIMED_STEPS, true)?;
        say!("{}", expected(&config, &timing));
    }
    if arguments.dry_run {
        if ranks.are_several() {
            say!(
                "what a step of several processes takes is not timed here; the first steps of a run tell"
            );
        }
        return Ok(Begun::Nothing(0));
    }
    let mut environment = environment(device_name);
    if ranks.are_several() {
        environment.insert("ranks".into(), count.to_string());
    }
    let folder = RunFolder::create(&path, config, &environment)?;
    Ok(Begun::Run(Box::new(folder), data))
}

/// What is set, with the pictures' place taken by their aligned faces' where that is asked for. None where it was interrupted.
fn aligned(
    name: &str,
    arguments: &Train,
    interrupt: &Interrupt,
    progress: bool,
) -> Result<Option<Vec<String>>> {
    let mut set = arguments.set.clone();
    if !arguments.alignment.align {
        return Ok(Some(set));
    }
    let (data, size) = presets::pictures(name, &set)?;
    let (Some(path), None) = (&data.path, &data.index) else {
        return Err(Error::Usage(
            "--align needs photographs that data.path names, without data.index, which would be theirs".into(),
        ));
    };
    let as_stored = data.as_stored;
    let alignment = &arguments.alignment;
    let out = aligned_beside(path, size, as_stored, alignment, interrupt, progress)?;
    let Some(out) = out else {
        return Ok(None);
    };
    let place = out.to_str().ok_or_else(|| {
        Error::Usage(format!(
            "{} is no name in UTF-8: align them with `ffc align`",
            out.display()
        ))
    })?;
    // A string of JSON is one of TOML.
    set.push(format!("data.path={}", serde_json::Value::from(place)));
    Ok(Some(set))
}

/// Refuses a folder that a run lies in, and one among the pictures, whose identities the run's folders would become.
fn check_place(path: &Path, config: &Config) -> Result<()> {
    if path.join("config.toml").exists() {
        return Err(Error::Usage(format!(
            "a run lies in {}; --resume goes on with it, --out names another folder",
            path.display()
        )));
    }
    let Some(pictures) = config.data.path.as_ref().filter(|path| path.is_dir()) else {
        return Ok(());
    };
    let whole = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // What is not there yet has no links.
        let known = path.ancestors().find_map(|path| path.canonicalize().ok());
        known.unwrap_or(path)
    };
    let (folder, pictures) = (whole(path), whole(pictures));
    match folder.starts_with(&pictures) {
        false => Ok(()),
        true => Err(Error::Usage(format!(
            "{} lies among the pictures in {}: its folders would be taken for identities; --out names another place",
            path.display(),
            pictures.display()
        ))),
    }
}

/// Says what would be done.
fn print(plan: &Plan) {
    say!("{} images of {} identities", plan.images, plan.identities);
    say!(
        "{} steps of {} images, {} steps an epoch",
        plan.steps,
        plan.pictures.trained,
        plan.steps_per_epoch
    );
    for (name, identities, images) in &plan.evaluations {
        say!("evaluation {name}: {images} images of {identities} identities");
    }
    say!("{}", plan.network);
}

/// Says how long it would take.
fn expected(config: &Config, timing: &Timing) -> String {
    let evaluation = match config.evaluations.is_empty() {
        true => String::new(),
        false => format!(
            ", the evaluations {} s",
            significant(timing.evaluation_s, 2)
        ),
    };
    format!(
        "a step takes {} s{evaluation}: about {} in all",
        significant(timing.step_s, 2),
        duration(timing.expected_s(config))
    )
}

/// `runs/<name>-<number>`, the first that is free.
fn free_folder(name: &str) -> PathBuf {
    let stem = Path::new(name).file_stem().unwrap_or_default();
    let path = |number: u32| Path::new("runs").join(format!("{}-{number}", stem.to_string_lossy()));
    let mut number = 1;
    while path(number).exists() {
        number += 1;
    }
    path(number)
}

/// A line for each measure: before and after.
fn results(results: &[EvaluationMetrics]) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(last_step) = results.last().map(|result| result.step) else {
        return lines;
    };
    for after in results.iter().filter(|result| result.step == last_step) {
        let before = results.iter().find(|result| {
            result.name == after.name && result.measure == after.measure && result.step == 0
        });
        let before = before.map_or(String::new(), |before| {
            format!("{:.2} % before, ", 100.0 * before.value)
        });
        lines.push(format!(
            "{}, {} network: {} {before}{:.2} % after {last_step} steps (95 % interval {:.2} to {:.2})",
            after.name,
            after.network,
            after.measure,
            100.0 * after.value,
            100.0 * after.low,
            100.0 * after.high
        ));
    }
    lines
}
