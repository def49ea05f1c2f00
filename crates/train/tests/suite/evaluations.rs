//! Evaluations of a run: what fails, changes or moves is made up for, and nothing is measured by another measure.

use std::fs;

use burn::tensor::Device;
use ffc_eval::ThresholdsFile;
use ffc_train::run::{Metric, Scores};
use ffc_train::{Checkpoints, Config, Environment, Error, Interrupt, RunFolder};
use tempfile::tempdir;

use super::support::assert_says;
use super::tiny::alone;
use super::training::{config, metrics, open, run, write_pictures};

/// The last evaluation fails: what was trained is saved, and the resumed run makes up for the scores.
#[test]
fn a_failed_last_evaluation_is_made_up_for() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let [pictures, aside] = ["pictures", "aside"].map(|name| folder.path().join(name));
    write_pictures(&pictures);
    let mut config = config();
    config.evaluations[0].data = Config::parse(
        &format!("data.path = {:?}", pictures.to_str().unwrap()),
        "test",
        &[],
    )
    .unwrap()
    .data;
    config.training.evaluate = "8 steps".parse().unwrap();
    let whole = folder.path().join("whole");
    let run_folder = RunFolder::create(&whole, config.clone(), &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();

    let parts = folder.path().join("parts");
    let run_folder = RunFolder::create(&parts, config, &Environment::new()).unwrap();
    let interrupt = Interrupt::default();
    interrupt.request();
    run(&run_folder, interrupt).unwrap();
    // Opened while they are there, gone when they are wanted.
    let device = Device::flex();
    let training = open(&run_folder, &device, Interrupt::default()).unwrap();
    fs::rename(&pictures, &aside).unwrap();
    let error = training.run().unwrap_err();
    assert!(matches!(error, Error::Evaluation { .. }), "{error}");
    assert!(!parts.join("scores.json").exists());
    fs::rename(&aside, &pictures).unwrap();

    let outcome = run(&run_folder, Interrupt::default()).unwrap();
    assert_eq!((outcome.finished, outcome.steps), (true, 8));
    for name in [
        "scores.json",
        "last-gallery.safetensors",
        "best-gallery.safetensors",
    ] {
        let [whole, parts] = [&whole, &parts].map(|run| fs::read(run.join(name)).unwrap());
        assert!(whole == parts, "{name}");
    }
    assert_eq!(metrics(&whole), metrics(&parts));
}

/// The scores are of where the run stands and of its present evaluations.
#[test]
fn scores_follow_the_length_and_the_evaluations() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let path = folder.path();
    let scores = || {
        let scores = fs::read(path.join("scores.json")).unwrap();
        let scores: serde_json::Value = serde_json::from_slice(&scores).unwrap();
        scores.as_object().unwrap().clone()
    };
    let resume = |overrides: &[&str], one_step: bool| {
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        let run_folder = RunFolder::resume(path, &overrides).unwrap();
        let interrupt = Interrupt::default();
        if one_step {
            interrupt.request();
        }
        run(&run_folder, interrupt).unwrap()
    };
    let run_folder = RunFolder::create(path, config(), &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    drop(run_folder);
    let first = scores();

    // One more step of a longer run, which then ends there.
    let outcome = resume(&["training.length=20 steps"], true);
    assert_eq!((outcome.finished, outcome.steps), (false, 9));
    assert_eq!(scores(), first);
    let outcome = resume(&["training.length=9 steps"], false);
    assert!(outcome.finished);
    let second = scores();
    assert_ne!(second, first);
    let last = metrics(path).pop().unwrap();
    assert!(
        matches!(&last, Metric::Evaluation(found) if found.step == 9),
        "{last:?}"
    );

    // Nothing to do.
    let lines = fs::read(path.join("metrics.jsonl")).unwrap();
    resume(&[], false);
    assert_eq!(fs::read(path.join("metrics.jsonl")).unwrap(), lines);

    // Another evaluation: it is made of this step, and what the old one found stays.
    resume(&["evaluation.0.name=strangers"], false);
    assert_eq!(scores().keys().collect::<Vec<_>>(), ["strangers"]);
    let of_the_end = |name: &str| {
        let metrics = metrics(path).into_iter();
        metrics
            .filter(|metric| {
                metric.step() == 9
                    && matches!(metric, Metric::Evaluation(found) if found.name == name)
            })
            .count()
    };
    // Of both networks.
    assert_eq!(of_the_end("strangers"), 2);
    assert_eq!(of_the_end("unseen"), 2);
}

/// An evaluation that takes the place of another leaves its lines, and has none where it fails.
#[test]
fn lines_of_other_evaluations_stay() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let path = folder.path();
    let run_folder = RunFolder::create(path, config(), &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    drop(run_folder);
    let before = metrics(path);
    for overrides in ["evaluation.0.name=strangers", "evaluation=[]"] {
        let run_folder = RunFolder::resume(path, &[overrides.to_owned()]).unwrap();
        run(&run_folder, Interrupt::default()).unwrap();
        assert_eq!(metrics(path)[..before.len()], before, "{overrides}");
    }
}

/// The best score of another evaluation is no measure of this one's, and its weights are not lost. Other settings under the same name
/// are another evaluation.
#[test]
fn the_best_is_of_the_evaluation_that_decides() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let path = folder.path();
    let run_folder = RunFolder::create(path, config(), &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    let best = || {
        let checkpoints = Checkpoints::new(&path.join("checkpoints"), 1);
        let (newest, _) = checkpoints.newest().unwrap().unwrap();
        newest.state().best.clone().unwrap()
    };
    let first = best();
    let weights = fs::read(path.join("best-gallery.safetensors")).unwrap();
    drop(run_folder);
    let overrides = ["evaluation.0.protocol.pairs=20".to_owned()];
    let run_folder = RunFolder::resume(path, &overrides).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    assert_eq!(best().step, 8);
    assert_ne!(best().evaluation, first.evaluation);
    let aside = path.join(format!("best-of-step-{}-gallery.safetensors", first.step));
    assert_eq!(fs::read(aside).unwrap(), weights);
    assert_eq!(
        fs::read(path.join("best-gallery.safetensors")).unwrap(),
        fs::read(path.join("last-gallery.safetensors")).unwrap()
    );
    let log = fs::read_to_string(path.join("log.txt")).unwrap();
    assert_says(&log, &["another evaluation decides", "best-of-step-"]);
}

/// Weights of the best that cannot be written are made up for.
#[test]
fn best_weights_that_failed_are_written_at_resume() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    // A seed with which an evaluation after training began is the best.
    let found = (0..20).find_map(|seed| {
        let mut config = config();
        config.training.seed = seed;
        let whole = folder.path().join(format!("whole-{seed}"));
        let run_folder = RunFolder::create(&whole, config.clone(), &Environment::new()).unwrap();
        run(&run_folder, Interrupt::default()).unwrap();
        let (newest, _) = run_folder.checkpoints().newest().unwrap().unwrap();
        let step = newest.state().best.as_ref()?.step;
        (step > 0).then_some((config, whole, step))
    });
    let (config, whole, step) = found.unwrap();

    let parts = folder.path().join("parts");
    let run_folder = RunFolder::create(&parts, config, &Environment::new()).unwrap();
    run_steps(&run_folder, step - 1);
    let best = parts.join("best-gallery.safetensors");
    fs::remove_file(&best).unwrap();
    fs::create_dir(&best).unwrap();
    run(&run_folder, Interrupt::default()).unwrap_err();
    let (newest, _) = run_folder.checkpoints().newest().unwrap().unwrap();
    assert_eq!(newest.state().step, step);
    fs::remove_dir(&best).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    let [whole, parts] = [&whole, &parts].map(|run| fs::read(run.join("best-gallery.safetensors")));
    assert!(whole.unwrap() == parts.unwrap());
}

/// Makes so many steps, each by a process of its own.
fn run_steps(folder: &RunFolder, steps: u64) {
    for step in 1..=steps {
        let interrupt = Interrupt::default();
        interrupt.request();
        assert_eq!(run(folder, interrupt).unwrap().steps, step);
    }
}

/// Several protocols of one evaluation: all measures, scores of the one with pairs, and the thresholds of the best network.
#[test]
fn several_protocols() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let mut config = config();
    let text = r#"[
        { "kind": "episodes", "ways": 5, "shots": 1, "episodes": 20 },
        { "kind": "tar_at_far", "targets": [1e-9, 0.1] },
        { "kind": "random_pairs", "pairs": 40 }
    ]"#;
    config.evaluations[0].protocol = serde_json::from_str(text).unwrap();
    let name = config.evaluations[0].name.clone();
    // As the resolved configuration of the run holds them.
    let written = config.to_toml().unwrap();
    assert_eq!(Config::parse(&written, "written", &[]).unwrap(), config);
    let run_folder = RunFolder::create(folder.path(), config, &Environment::new()).unwrap();
    run(&run_folder, Interrupt::default()).unwrap();
    let measures = metrics(folder.path())
        .into_iter()
        .filter_map(|metric| match metric {
            Metric::Evaluation(found) if found.step == 0 => Some(found.measure),
            _ => None,
        });
    let measures: Vec<String> = measures.collect();
    assert_eq!(
        measures,
        [
            "accuracy, 5-way 1-shot",
            "TAR@FAR 1e-1",
            "accuracy, 40 random pairs"
        ]
    );
    let scores = Scores::read(folder.path().join("scores.json")).unwrap();
    let scores = &scores.0[&name];
    assert_eq!((scores.same.len(), scores.different.len()), (20, 20));
    assert!(scores.threshold.is_some() && scores.roc.is_empty());
    let thresholds = ThresholdsFile::read(&folder.path().join("thresholds.json")).unwrap();
    assert_eq!(thresholds.measured_on.pairs, "all pairs");
    assert!(
        thresholds
            .measured_on
            .network
            .starts_with("gallery network, step ")
    );
    assert!(thresholds.thresholds.different_pairs > 40);
}
