use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use ffc_train::progress::Progress;
use ffc_train::run::{Metric, read_metrics};
use ffc_train::{Config, Environment, Error, Interrupt, Outcome, Result, RunFolder, Training};
use tempfile::tempdir;

use super::support::assert_says;
use super::tiny::{alone, tiny};

/// The tiny training with an evaluation, a checkpoint every other step and a log line every step.
fn config() -> Config {
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

fn run(folder: &RunFolder, interrupt: Interrupt) -> Result<Outcome> {
    Training::open(folder, &Device::flex(), interrupt, |_, _| Progress::quiet())?.run()
}

fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains("tfevents"))
        .collect()
}

/// The metrics without what depends on the clock.
fn metrics(folder: &Path) -> Vec<Metric> {
    let mut metrics = read_metrics(folder.join("metrics.jsonl")).unwrap();
    for metric in &mut metrics {
        if let Metric::Step(step) = metric {
            (step.images_per_s, step.data_wait_share, step.elapsed_s) = (0.0, 0.0, 0.0);
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
        "last-gallery.safetensors",
        "last-probe.safetensors",
        "log.txt",
        "metrics.csv",
        "metrics.jsonl",
        "scores.json",
    ];
    assert_eq!(files(&path), expected.map(str::to_owned).into());
    assert_eq!(
        Config::load(&path.join("config.toml"), &[]).unwrap(),
        config()
    );

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

    for (text, parts) in [
        ("head.pool=20", ["pool.bpk", "capacity"]),
        ("data.source.identities=41", ["another set", "identities"]),
    ] {
        let run_folder = RunFolder::resume(path, &[text.to_owned()]).unwrap();
        let error = run(&run_folder, Interrupt::default()).unwrap_err();
        assert_says(&error.to_string(), &parts);
        assert_eq!(fs::read(path.join("config.toml")).unwrap(), before);
    }
    let length = "training.length=2 steps".to_owned();
    let run_folder = RunFolder::resume(path, &[length]).unwrap();
    assert!(run(&run_folder, Interrupt::default()).unwrap().finished);
    let changed = Config::load(&path.join("config.toml"), &[]).unwrap();
    assert_eq!(changed.training.length.to_string(), "2 steps");
}

/// The gallery's embeddings of the first identities of the id order are in the pool before the first step.
#[test]
fn prefill() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let mut config = config();
    config.head.prefill = 0.2;
    let run_folder = RunFolder::create(folder.path(), config, &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    let Metric::Step(first) = &metrics(folder.path())[1] else {
        panic!("a step follows the first evaluation");
    };
    // 8 of 40 identities, and up to 6 more of the first step, into 12 slots.
    assert!(first.pool_fill >= 8.0 / 12.0, "{}", first.pool_fill);
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
    let checkpoints = run_folder.checkpoints().unwrap();
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
