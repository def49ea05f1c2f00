//! Whole runs on several ranks: the folder that one process leaves, the same results but for rounding, and the same bits whatever happens in between.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use ffc_core::collective::{Collective, Threads};
use ffc_core::{PartialHeadConfig, WeightStorage};
use ffc_data::Damaged;
use ffc_train::config::HeadConfig;
use ffc_train::progress::Progress;
use ffc_train::run::Metric;
use ffc_train::{
    Config, Environment, Error, Interrupt, Outcome, Result, RunFolder, Training, TrainingData,
};
use tempfile::tempdir;

use super::support::assert_says;
use super::tiny::{alone, ffc};
use super::training::{config, files, metrics, run, write_pictures};

/// The run of a folder on several ranks, each with its own interrupt; what each came to.
fn run_on_ranks(folder: &RunFolder, interrupts: Vec<Interrupt>) -> Vec<Result<Outcome>> {
    std::thread::scope(|scope| {
        let ranks = Threads::new(interrupts.len()).into_iter().zip(interrupts);
        let threads: Vec<_> = ranks
            .map(|(threads, interrupt)| scope.spawn(move || rank(folder, threads, interrupt)))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.collect()
    })
}

fn rank(folder: &RunFolder, threads: Threads, interrupt: Interrupt) -> Result<Outcome> {
    let device = Device::flex();
    let other;
    let folder = match threads.rank() {
        0 => folder,
        _ => {
            let config = folder.config().clone();
            other = RunFolder::of_first_rank(folder.path(), config);
            &other
        }
    };
    let data = TrainingData::open(folder.config(), &mut |_| {})?;
    let progress = |_, _| Progress::quiet();
    Training::open_with_ranks(
        folder,
        data,
        &device,
        Arc::new(threads),
        interrupt,
        progress,
    )?
    .run()
}

fn undisturbed(ranks: usize) -> Vec<Interrupt> {
    vec![Interrupt::default(); ranks]
}

fn new_folder(path: &Path, config: &Config, ranks: usize) -> RunFolder {
    let mut config = config.clone();
    config.for_ranks(ranks).unwrap();
    RunFolder::create(path, config, &Environment::new()).unwrap()
}

/// Batches that four ranks can share.
fn of_four() -> Config {
    let mut config = config();
    config.loader.batch = 16;
    ffc(&mut config).pool = 26;
    config.training.norm_groups = 4;
    config
}

/// Losses, and what was measured before the first step: later measures hang on few pairs, of which rounding moves one from time to time.
fn numbers(path: &Path) -> Vec<f64> {
    let metrics = metrics(path).into_iter();
    metrics
        .filter_map(|metric| match metric {
            Metric::Step(step) => Some(step.loss),
            Metric::Evaluation(measure) => (measure.step == 0).then_some(measure.value),
        })
        .collect()
}

#[track_caller]
fn assert_near(found: &Path, expected: &Path) {
    let (found, expected) = (numbers(found), numbers(expected));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        let error = (found - expected).abs() / expected.abs();
        assert!(error < 0.02, "{found} is not {expected}");
    }
}

#[test]
fn several_ranks_leave_what_one_process_leaves() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    let one = new_folder(&of("one"), &of_four(), 1);
    run(&one, Interrupt::default()).unwrap();
    for ranks in [2, 4] {
        let path = of(&ranks.to_string());
        let several = new_folder(&path, &of_four(), ranks);
        let outcomes = run_on_ranks(&several, undisturbed(ranks));
        for (rank, outcome) in outcomes.into_iter().enumerate() {
            let outcome = outcome.unwrap();
            assert!(outcome.finished && outcome.steps == 8);
            // The first one tells.
            assert_eq!(outcome.results.is_empty(), rank > 0);
        }
        assert_eq!(files(&path), files(&of("one")));
        assert_near(&path, &of("one"));
    }
}

/// A rank that is asked to stop stops all; with another number of ranks the run goes on.
#[test]
fn interrupted_and_gone_on_with_by_others() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    let one = new_folder(&of("one"), &of_four(), 1);
    run(&one, Interrupt::default()).unwrap();

    for sharded in [false, true] {
        let mut config = of_four();
        let HeadConfig::Ffc(head) = &mut config.head else {
            panic!("another head");
        };
        head.sharded = sharded;
        let path = of(if sharded { "sharded" } else { "several" });
        let mut several = new_folder(&path, &config, 2);
        for (ranks, steps) in [(2, 1), (1, 2), (4, 3)] {
            let interrupts = undisturbed(ranks);
            interrupts[ranks - 1].request();
            for outcome in run_on_ranks(&several, interrupts) {
                let outcome = outcome.unwrap();
                assert!(!outcome.finished);
                assert_eq!(outcome.steps, steps);
            }
            drop(several);
            several = RunFolder::resume(&path, &[]).unwrap();
        }
        for outcome in run_on_ranks(&several, undisturbed(2)) {
            assert!(outcome.unwrap().finished);
        }
        assert_near(&path, &of("one"));
    }
}

/// Class weights in files of which each rank has one: a checkpoint holds all, so that others can go on.
#[test]
fn a_sharded_head_in_files_goes_on_on_other_ranks() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    let mut config = of_four();
    let file = of("weights");
    let partial = |storage| {
        HeadConfig::Partial(PartialHeadConfig {
            sample_rate: 0.5,
            storage,
            sharded: true,
            ..Default::default()
        })
    };
    config.head = partial(WeightStorage::F32);
    let one = new_folder(&of("one"), &config, 1);
    run(&one, Interrupt::default()).unwrap();

    config.head = partial(WeightStorage::File(file));
    let path = of("several");
    let mut several = new_folder(&path, &config, 2);
    for (ranks, steps) in [(2, 1), (4, 2), (1, 3)] {
        let interrupts = undisturbed(ranks);
        interrupts[0].request();
        for outcome in run_on_ranks(&several, interrupts) {
            assert_eq!(outcome.unwrap().steps, steps);
        }
        drop(several);
        several = RunFolder::resume(&path, &[]).unwrap();
    }
    for outcome in run_on_ranks(&several, undisturbed(2)) {
        assert!(outcome.unwrap().finished);
    }
    assert!(of("weights.shard-2-of-4").exists());
    assert_near(&path, &of("one"));
}

/// A rank that fails ends the others with its number; resumed, the run ends with the bits of one that was left alone.
#[test]
fn a_rank_that_fails_ends_all_and_the_run_can_go_on() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    write_pictures(&pictures);
    let mut config = of_four();
    config.evaluations.clear();
    config.loader.queue = 1;
    let data = format!("data.path = {:?}", pictures.to_str().unwrap());
    config.data = Config::parse(&data, "test", &[]).unwrap().data;
    let of = |name: &str| folder.path().join(name);
    let whole = new_folder(&of("whole"), &config, 2);
    for outcome in run_on_ranks(&whole, undisturbed(2)) {
        assert!(outcome.unwrap().finished);
    }

    let path = of("failed");
    let run = new_folder(&path, &config, 2);
    let damaged: Vec<_> = ["3/0.png", "3/1.png", "3/2.png", "3/3.png"]
        .map(|name| pictures.join(name))
        .into_iter()
        .map(|path| (fs::read(&path).unwrap(), path))
        .collect();
    for (bytes, path) in &damaged {
        fs::write(path, vec![0; bytes.len()]).unwrap();
    }
    let errors: Vec<Error> = run_on_ranks(&run, undisturbed(2))
        .into_iter()
        .map(|outcome| outcome.unwrap_err())
        .collect();
    assert!(errors.iter().any(|error| matches!(error, Error::Data(_))));
    for error in errors {
        if !matches!(error, Error::Data(_)) {
            assert_says(&error.to_string(), &["rank ", "it has ended"]);
        }
    }
    for (bytes, path) in &damaged {
        fs::write(path, bytes).unwrap();
    }
    drop(run);
    let run = RunFolder::resume(&path, &[]).unwrap();
    for outcome in run_on_ranks(&run, undisturbed(2)) {
        assert!(outcome.unwrap().finished);
    }
    for name in ["last-probe.safetensors", "last-gallery.safetensors"] {
        let [found, expected] = [&path, &of("whole")].map(|run| fs::read(run.join(name)).unwrap());
        assert!(found == expected, "{name}");
    }
    assert_eq!(metrics(&path), metrics(&of("whole")));
}

/// Pictures that cannot be read give way to the same ones on any number of ranks.
#[test]
fn damaged_pictures_are_passed_over_alike() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    write_pictures(&pictures);
    for (identity, picture) in [(0, 1), (2, 0), (2, 1), (2, 2), (2, 3), (8, 2)] {
        fs::write(pictures.join(format!("{identity}/{picture}.png")), "none").unwrap();
    }
    let mut config = of_four();
    config.evaluations.clear();
    config.loader.damaged = Damaged::Skip { limit: 30 };
    let data = format!("data.path = {:?}", pictures.to_str().unwrap());
    config.data = Config::parse(&data, "test", &[]).unwrap().data;
    let of = |name: &str| folder.path().join(name);
    let one = new_folder(&of("one"), &config, 1);
    run(&one, Interrupt::default()).unwrap();
    for ranks in [2, 4] {
        let path = of(&ranks.to_string());
        let several = new_folder(&path, &config, ranks);
        for outcome in run_on_ranks(&several, undisturbed(ranks)) {
            assert!(outcome.unwrap().finished);
        }
        assert_near(&path, &of("one"));
    }
}

/// What does not fit is refused before anything is trained, on every rank.
#[test]
fn what_does_not_fit_is_refused() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    // A batch of 4 has no three shares.
    let error = config().for_ranks(3).unwrap_err();
    assert_says(&error.to_string(), &["loader.batch", "a multiple of 6"]);
    // Norms over whole batches.
    let path = of("one");
    let one = new_folder(&path, &config(), 1);
    let interrupt = Interrupt::default();
    interrupt.request();
    run(&one, interrupt).unwrap();
    drop(one);
    let one = RunFolder::resume(&path, &[]).unwrap();
    for outcome in run_on_ranks(&one, undisturbed(2)) {
        let error = outcome.unwrap_err().to_string();
        assert_says(&error, &["training.norm_groups", "whole batches"]);
    }
}
