//! Omniglot and LFW as they are shipped, with raw pixels for embeddings, where they are at hand beside the project; with
//! `FFC_REQUIRE_SHARED` they must be.

use std::path::PathBuf;
use std::sync::Arc;

use ffc_data::Dataset;
use ffc_eval::{Episodes, Evaluation, Protocol, RawPixels};

fn data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("FFC_REQUIRE_SHARED").is_some_and(|value| !value.is_empty());
    assert!(!required, "{} is missing", path.display());
    println!("skipped: {name} is not at hand");
    None
}

/// Indexes a link to the archive, so that nothing is written beside it.
fn open_linked(name: &str) -> Option<(tempfile::TempDir, Arc<Dataset>)> {
    let path = data(name)?.canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("data.zip");
    std::os::unix::fs::symlink(path, &link).unwrap();
    let dataset = Dataset::from_path(&link).unwrap();
    Some((folder, Arc::new(dataset)))
}

fn show(what: &str, evaluation: &Evaluation) -> f64 {
    let measure = &evaluation.measures[0];
    println!(
        "{what}: {} {:.4}, {:.4} to {:.4}",
        measure.name, measure.value, measure.low, measure.high
    );
    measure.value
}

/// Another program, with another resizing, measured 60.1 % for raw pixels on View 1.
#[test]
fn lfw_view_1() {
    let Some((_folder, dataset)) = open_linked("lfw/lfw_crop112.zip") else {
        return;
    };
    let lists = [data("lfw/pairsDevTest.txt"), data("lfw/pairsDevTrain.txt")];
    let [Some(path), train @ Some(_)] = lists else {
        return;
    };
    let protocol = Protocol::PairsFile { path, train };
    let evaluation = protocol.run(&dataset, &mut RawPixels).unwrap();
    let scores = evaluation.scores.as_ref().unwrap();
    assert_eq!((scores.same.len(), scores.different.len()), (500, 500));
    show("LFW View 1", &evaluation);
    let accuracy = &evaluation.measures[0];
    assert!(
        accuracy.low < 0.601 && 0.601 < accuracy.high,
        "{accuracy:?}"
    );
}

/// Every name of View 2 is found too.
#[test]
fn lfw_view_2() {
    let Some((_folder, dataset)) = open_linked("lfw/lfw_crop112.zip") else {
        return;
    };
    let Some(path) = data("lfw/pairs.txt") else {
        return;
    };
    let protocol = Protocol::PairsFile { path, train: None };
    let evaluation = protocol.run(&dataset, &mut RawPixels).unwrap();
    let scores = evaluation.scores.as_ref().unwrap();
    assert_eq!((scores.same.len(), scores.different.len()), (3_000, 3_000));
    let decision = evaluation.decision.as_ref().unwrap();
    assert!(decision.folds.iter().all(|fold| fold.pairs.len() == 600));
    show("LFW View 2", &evaluation);
}

/// The 659 unseen classes: raw pixels tell more than chance, 5 %, and far from all.
#[test]
fn omniglot_episodes() {
    let Some((_folder, dataset)) = open_linked("omniglot/images_evaluation.zip") else {
        return;
    };
    assert_eq!(
        (dataset.index().identities(), dataset.index().images()),
        (659, 659 * 20)
    );
    for (shots, low, high) in [(1, 0.1, 0.5), (5, 0.2, 0.7)] {
        let episodes = Episodes {
            ways: 20,
            shots,
            episodes: 1_000,
            seed: 0,
        };
        let evaluation = Protocol::Episodes(episodes)
            .run(&dataset, &mut RawPixels)
            .unwrap();
        let accuracy = show(&format!("Omniglot, 20-way {shots}-shot"), &evaluation);
        assert!((low..high).contains(&accuracy), "{accuracy}");
    }
}
