use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use ffc_core::FfcHead;
use ffc_data::Damaged;
use ffc_train::progress::Progress;
use ffc_train::run::{Facts, Metric, StepMetrics, read_metrics};
use ffc_train::{
    Checkpoint, Config, Environment, Error, Interrupt, Outcome, Result, RunFolder, Training,
    TrainingData,
};
use tempfile::tempdir;

use super::support::assert_says;
use super::tiny::{alone, ffc, tiny};

/// The tiny training with an evaluation, a checkpoint every other step and a log line every step.
pub fn config() -> Config {
    let mut config = tiny();
    let overrides = [
        "training.log=1 step",
        "training.evaluate=4 steps",
        "checkpoint.every=2 steps",
    ];
    let settings = Config::parse(
        r#"
        [[evaluation]]
        name = "unseen"
        data = { source = { format = "synthetic", identities = 20, first_identity = 1000, size_px = 16 } }
        protocol = { kind = "random_pairs", pairs = 40 }
        "#,
        "test",
        &overrides.map(str::to_owned),
    )
    .unwrap();
    config.training.log = settings.training.log;
    config.training.evaluate = settings.training.evaluate;
    config.checkpoint = settings.checkpoint;
    config.evaluations = settings.evaluations;
    config
}

pub fn open<'a>(
    folder: &'a RunFolder,
    device: &'a Device,
    interrupt: Interrupt,
) -> Result<Training<'a>> {
    let data = TrainingData::open(folder.config(), &mut |_| {})?;
    Training::open(folder, data, device, interrupt, |_, _| Progress::quiet())
}

pub fn run(folder: &RunFolder, interrupt: Interrupt) -> Result<Outcome> {
    let device = Device::flex();
    open(folder, &device, interrupt)?.run()
}

pub fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains("tfevents"))
        .collect()
}

/// The metrics without what depends on the clock.
pub fn metrics(folder: &Path) -> Vec<Metric> {
    let mut metrics = read_metrics(folder.join("metrics.jsonl")).unwrap();
    for metric in &mut metrics {
        if let Metric::Step(step) = metric {
            (step.images_per_s, step.data_wait_share, step.elapsed_s) = (0.0, 0.0, 0.0);
            step.peak_memory_bytes = None;
        }
    }
    metrics
}

#[test]
fn a_run_leaves_everything_in_its_folder() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let path = folder.path().join("run");
    let run_folder = RunFolder::create(&path, config(), &Environment::new()).unwrap();
    let outcome = run(&run_folder, Interrupt::default()).unwrap();
    assert!(outcome.finished);
    assert_eq!(outcome.steps, 8);

    let expected = [
        ".lock",
        "best-gallery.safetensors",
        "best-probe.safetensors",
        "checkpoints",
        "config.toml",
        "environment.json",
        "evaluations.csv",
        "facts.json",
        "last-gallery.safetensors",
        "last-probe.safetensors",
        "log.txt",
        "metrics.csv",
        "metrics.jsonl",
        "scores.json",
        "thresholds.json",
        "trained.toml",
    ];
    assert_eq!(files(&path), expected.map(str::to_owned).into());
    assert_eq!(
        Config::load(&path.join("config.toml"), &[]).unwrap(),
        config()
    );

    // 40 identities with 3 pictures each.
    let facts = Facts::read(path.join("facts.json")).unwrap();
    assert_eq!((facts.identities, facts.images), (40, 120));
    let network = config().backbone.init(&Device::flex()).unwrap();
    assert_eq!(facts.parameters, network.summary().parameters);

    let metrics = metrics(&path);
    let steps = |wanted: bool| {
        let of_kind = metrics
            .iter()
            .filter(|metric| matches!(metric, Metric::Step(_)) == wanted);
        of_kind.map(Metric::step).collect::<Vec<_>>()
    };
    assert_eq!(steps(true), (1..=8).collect::<Vec<_>>());
    // Before, in the middle, and after training for both networks.
    assert_eq!(steps(false), [0, 4, 8, 8]);

    let error = RunFolder::create(&path, config(), &Environment::new()).unwrap_err();
    assert_says(&error.to_string(), &["another process trains there"]);
    drop(run_folder);
    let error = RunFolder::create(&path, config(), &Environment::new()).unwrap_err();
    assert_says(&error.to_string(), &["a run lies there"]);
    let error = RunFolder::resume(folder.path(), &[]).unwrap_err();
    assert_says(&error.to_string(), &["no run lies there"]);
}

/// A run that is interrupted after every step ends as one that is not: weights, metrics and scores.
#[test]
fn an_interrupted_run_ends_as_another() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let run_folder = RunFolder::create(&whole, config(), &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();

    drop(RunFolder::create(&parts, config(), &Environment::new()).unwrap());
    for step in 1..=8 {
        let run_folder = RunFolder::resume(&parts, &[]).unwrap();
        let interrupt = Interrupt::default();
        assert!(!interrupt.request());
        let outcome = run(&run_folder, interrupt).unwrap();
        assert_eq!((outcome.steps, outcome.finished), (step, step == 8));
    }
    for name in [
        "best-gallery.safetensors",
        "best-probe.safetensors",
        "last-gallery.safetensors",
        "last-probe.safetensors",
        "scores.json",
        "thresholds.json",
    ] {
        let [whole, parts] = [&whole, &parts].map(|run| fs::read(run.join(name)).unwrap());
        assert!(whole == parts, "{name}");
    }
    assert_eq!(metrics(&whole), metrics(&parts));
}

/// Overrides of a resumed run are written down when they fit, and not before; another set is refused.
#[test]
fn overrides_that_do_not_fit_change_nothing() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let path = folder.path();
    let run_folder = RunFolder::create(path, config(), &Environment::new()).unwrap();
    let interrupt = Interrupt::default();
    interrupt.request();
    run(&run_folder, interrupt).unwrap();
    drop(run_folder);
    let before = fs::read(path.join("config.toml")).unwrap();
    let error = RunFolder::resume(path, &["loader.workers=0".to_owned()]).unwrap_err();
    assert!(error.is_of_configuration(), "{error}");
    assert_says(&error.to_string(), &["loader.workers", "1 to 1,024"]);

    let other = "data.source.identities=41".to_owned();
    let run_folder = RunFolder::resume(path, &[other]).unwrap();
    let error = run(&run_folder, Interrupt::default()).unwrap_err();
    assert_says(&error.to_string(), &["another set", "identities"]);
    assert_eq!(fs::read(path.join("config.toml")).unwrap(), before);
    drop(run_folder);
    let length = "training.length=2 steps".to_owned();
    let run_folder = RunFolder::resume(path, &[length]).unwrap();
    assert!(run(&run_folder, Interrupt::default()).unwrap().finished);
    let changed = Config::load(&path.join("config.toml"), &[]).unwrap();
    assert_eq!(changed.training.length.to_string(), "2 steps");
}

/// What decides a run cannot be changed when it is resumed; the message names it with its old and new value.
#[test]
fn a_resumed_run_keeps_what_decides_it() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    drop(RunFolder::create(path, config(), &Environment::new()).unwrap());
    let before = fs::read(path.join("config.toml")).unwrap();
    for (text, parts) in [
        ("head.pool=20", ["head.pool from 12 to 20"]),
        ("loader.batch=2", ["loader.batch from 4 to 2"]),
        ("training.seed=1", ["training.seed from 0 to 1"]),
        (
            "optimizer.kind=adamw",
            [r#"optimizer.kind from "sgd" to "adamw""#],
        ),
        (
            "optimizer.learning_rate=0.1",
            ["optimizer.learning_rate from 0.05 to 0.1"],
        ),
        ("schedule.warm_up=1 step", ["schedule.warm_up"]),
        ("loader.augment.grey=0.5", ["loader.augment.grey"]),
        ("gallery.momentum=0.5", ["gallery.momentum"]),
        ("data.rotations=true", ["data.rotations from false to true"]),
        ("backbone.width=0.5", ["backbone.width"]),
        (
            "training.weights=a.pth",
            [r#"training.weights from none to "a.pth""#],
        ),
        ("training.precision=bf16", ["training.precision"]),
    ] {
        let error = RunFolder::resume(path, &[text.to_owned()]).unwrap_err();
        assert!(matches!(error, Error::Resume { .. }), "{error}");
        assert!(error.is_of_configuration());
        assert_says(&error.to_string(), &parts);
        assert_says(&error.to_string(), &["start a new run", "training.weights"]);
    }
    assert_eq!(fs::read(path.join("config.toml")).unwrap(), before);
    for text in [
        "training.length=9 steps",
        "training.log=2 steps",
        "training.evaluate=3 steps",
        "training.gradient_checkpointing=true",
        "data.identities=people.txt",
        "loader.workers=2",
        "loader.queue=3",
        "loader.damaged.policy=fail",
        "checkpoint.keep=5",
        "evaluation.0.name=strangers",
    ] {
        drop(RunFolder::resume(path, &[text.to_owned()]).unwrap());
    }
    // The same of an edit in the folder.
    let before = String::from_utf8(before).unwrap();
    let edit = |from: &str, to: &str| {
        assert!(before.contains(from), "{before}");
        fs::write(path.join("config.toml"), before.replace(from, to)).unwrap();
        RunFolder::resume(path, &[])
    };
    let error = edit("seed = 0", "seed = 1").unwrap_err();
    assert!(matches!(error, Error::Resume { .. }), "{error}");
    assert_says(&error.to_string(), &["training.seed from 0 to 1"]);
    drop(edit("workers = 1", "workers = 2").unwrap());
    drop(edit("seed = 0", "seed = 0").unwrap());
}

/// Centres of as many identities as are wanted, not of whole batches, are in the pool before the first step.
#[test]
fn prefill() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    // 1 of 40 identities.
    let mut config = config();
    ffc(&mut config).prefill = 0.025;
    config.checkpoint.keep = 9;
    let run_folder = RunFolder::create(folder.path(), config, &Environment::new()).unwrap();
    let interrupt = Interrupt::default();
    interrupt.request();
    run(&run_folder, interrupt).unwrap();
    let start = Checkpoint::open(&folder.path().join("checkpoints/step-0000000000")).unwrap();
    let schedule = run_folder.config().schedule.init(8, 30).unwrap();
    let trainer = start
        .restore(run_folder.config(), schedule, &Device::flex())
        .unwrap();
    let pool = trainer.head_as::<FfcHead>().unwrap().pool();
    assert_eq!(pool.slots().len(), 1);
}

/// Opening looks at everything and trains, prefills and evaluates nothing.
#[test]
fn opening_does_nothing_yet() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let run_folder = RunFolder::create(folder.path(), config(), &Environment::new()).unwrap();
    let device = Device::flex();
    drop(open(&run_folder, &device, Interrupt::default()).unwrap());
    assert_eq!(metrics(folder.path()), []);
    assert!(!folder.path().join("checkpoints").exists());
    // And so it can be run as if it had never been opened.
    assert!(run(&run_folder, Interrupt::default()).unwrap().finished);
}

/// A picture that cannot be read is passed over before the first step as in all later ones, where that is asked for.
#[test]
fn prefill_passes_over_damaged_pictures() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    write_pictures(&pictures);
    // The first two of four of each identity: some of them are drawn.
    for identity in 0..10 {
        for picture in 0..2 {
            fs::write(
                pictures.join(format!("{identity}/{picture}.png")),
                "no picture",
            )
            .unwrap();
        }
    }
    let mut config = config();
    config.evaluations.clear();
    config.data = Config::parse(
        &format!("data.path = {:?}", pictures.to_str().unwrap()),
        "test",
        &[],
    )
    .unwrap()
    .data;
    ffc(&mut config).prefill = 1.0;
    for (name, damaged, works) in [
        ("fails", Damaged::Fail, false),
        ("goes on", Damaged::Skip { limit: 30 }, true),
    ] {
        config.loader.damaged = damaged;
        let path = folder.path().join(name);
        let run_folder = RunFolder::create(&path, config.clone(), &Environment::new()).unwrap();
        let interrupt = Interrupt::default();
        interrupt.request();
        assert_eq!(run(&run_folder, interrupt).is_ok(), works, "{name}");
    }
}

/// Ten identities with four pictures each.
pub fn write_pictures(folder: &Path) {
    for identity in 0..10u8 {
        let folder = folder.join(format!("{identity}"));
        fs::create_dir_all(&folder).unwrap();
        for picture in 0..4u8 {
            let pixels = |x, y| {
                image::Rgb([
                    identity * 20 + picture,
                    (x * 15) as u8 ^ (identity * 9),
                    (y * 15) as u8,
                ])
            };
            let picture_file = folder.join(format!("{picture}.png"));
            image::RgbImage::from_fn(16, 16, pixels)
                .save(picture_file)
                .unwrap();
        }
    }
}

/// A run that lost its checkpoints does not begin anew over its results.
#[test]
fn a_run_without_its_checkpoints_is_left_alone() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let run_folder = RunFolder::create(folder.path(), config(), &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    let results = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let names = [
        "metrics.jsonl",
        "log.txt",
        "last-gallery.safetensors",
        "scores.json",
    ];
    let before = names.map(results);
    fs::remove_dir_all(folder.path().join("checkpoints")).unwrap();
    let error = run(&run_folder, Interrupt::default()).unwrap_err();
    assert!(matches!(error, Error::RunFolder { .. }), "{error}");
    assert_says(&error.to_string(), &["no checkpoint", "another folder"]);
    assert!(before == names.map(results));
}

/// Lines of steps without what depends on the clock, of a run with these settings.
fn step_lines(log: &str, every: &str, interrupted: bool) -> Vec<StepMetrics> {
    let folder = tempdir().unwrap();
    let mut config = config();
    config.training.log = log.parse().unwrap();
    config.training.evaluate = every.parse().unwrap();
    config.checkpoint.every = every.parse().unwrap();
    let run_folder = RunFolder::create(folder.path(), config, &Environment::new()).unwrap();
    for _ in 0..8 {
        let interrupt = Interrupt::default();
        if interrupted {
            interrupt.request();
        }
        if run(&run_folder, interrupt).unwrap().finished {
            break;
        }
    }
    let metrics = metrics(folder.path()).into_iter();
    metrics
        .filter_map(|metric| match metric {
            Metric::Step(metrics) => Some(metrics),
            Metric::Evaluation(_) => None,
        })
        .collect()
}

/// Means in a line are over all steps since the line before, wherever evaluations, checkpoints and interruptions fall.
#[test]
fn lines_have_the_means_of_their_steps() {
    let _alone = alone();
    let single = step_lines("1 step", "8 steps", false);
    assert_eq!(single.len(), 8);
    let lines = step_lines("3 steps", "8 steps", false);
    assert_eq!(lines, step_lines("3 steps", "1 step", false));
    assert_eq!(lines, step_lines("3 steps", "8 steps", true));

    assert_eq!(lines.len(), 3);
    for (line, steps) in lines.iter().zip(single.chunks(3)) {
        let last = steps.last().unwrap();
        assert_eq!(line.step, last.step);
        assert_eq!(line.learning_rate, last.learning_rate);
        let mean = |value: fn(&StepMetrics) -> f64| {
            steps.iter().map(value).sum::<f64>() / steps.len() as f64
        };
        for (found, expected, last) in [
            (line.loss, mean(|step| step.loss), last.loss),
            (
                line.gradient_norm,
                mean(|step| step.gradient_norm),
                last.gradient_norm,
            ),
        ] {
            assert!((found - expected).abs() < 1e-9 * expected, "{line:?}");
            assert_ne!(found, last);
        }
    }
    // The pool of 12 slots loses identities in every step.
    assert!(lines[2].head.get("evictions") > Some(1.0), "{lines:?}");
}

/// There is nothing to tell apart.
#[test]
fn one_identity_is_refused() {
    let folder = tempdir().unwrap();
    let mut config = config();
    let one = Config::parse(
        r#"data.source = { format = "synthetic", identities = 1, images = { law = "equal", images = 30 }, size_px = 16 }"#,
        "test",
        &[],
    );
    config.data = one.unwrap().data;
    let error = TrainingData::open(&config, &mut |_| {}).err().unwrap();
    assert!(error.is_of_configuration());
    assert_says(&error.to_string(), &["1 identity", "at least two"]);
    let run_folder = RunFolder::create(folder.path(), config, &Environment::new()).unwrap();
    assert!(run(&run_folder, Interrupt::default()).is_err());
}

/// Training stops with a message; the checkpoints from before stay.
#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let mut config = config();
    config.optimizer = Config::parse(
        r#"optimizer = { kind = "sgd", learning_rate = 1e30, momentum = 0.0, nesterov = false }"#,
        "test",
        &[],
    )
    .unwrap()
    .optimizer;
    let run_folder = RunFolder::create(folder.path(), config, &Environment::new()).unwrap();
    let error = run(&run_folder, Interrupt::default()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    assert_says(&error.to_string(), &["at step", "learning rate"]);
    let checkpoints = run_folder.checkpoints();
    if let Some((checkpoint, passed_over)) = checkpoints.newest().unwrap() {
        assert!(passed_over.is_empty());
        let trainer = checkpoint
            .restore(
                run_folder.config(),
                run_folder.config().schedule.init(8, 30).unwrap(),
                &Device::flex(),
            )
            .unwrap();
        assert!(trainer.finished_steps() < 8);
    }
}
