//! Protocols as a configuration names them.

use std::path::Path;
use std::sync::Arc;

use ffc_data::{Dataset, ImageCounts, SyntheticConfig};
use ffc_eval::{Episodes, Evaluation, Identification, Protocol, RawPixels};

use super::support::{Table, synthetic};

fn protocol(json: &str) -> Protocol {
    serde_json::from_str(json).unwrap()
}

#[test]
fn configurations_are_read_with_their_defaults() {
    assert_eq!(
        protocol(r#"{ "kind": "random_pairs", "pairs": 6000 }"#),
        Protocol::RandomPairs {
            pairs: 6_000,
            seed: 0
        }
    );
    assert_eq!(
        protocol(r#"{ "kind": "pairs_file", "path": "pairs.txt" }"#),
        Protocol::PairsFile {
            path: "pairs.txt".into(),
            train: None
        }
    );
    assert_eq!(
        protocol(r#"{ "kind": "bin", "path": "lfw.bin" }"#),
        Protocol::Bin {
            path: "lfw.bin".into()
        }
    );
    assert_eq!(
        protocol(r#"{ "kind": "episodes", "ways": 20, "shots": 1 }"#),
        Protocol::Episodes(Episodes {
            ways: 20,
            shots: 1,
            episodes: 1_000,
            seed: 0
        })
    );
    assert_eq!(
        protocol(r#"{ "kind": "tar_at_far" }"#),
        Protocol::TarAtFar {
            targets: vec![1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
        }
    );
    assert_eq!(
        protocol(r#"{ "kind": "identification", "probes": 9, "distractors": [0, 5] }"#),
        Protocol::Identification(Identification {
            probes: 9,
            distractors: vec![0, 5],
            seed: 0
        })
    );
    for wrong in [
        r#"{ "kind": "random_pairs", "pairs": 2, "sed": 1 }"#,
        r#"{ "kind": "episodes", "ways": 20, "shots": 1, "shot": 1 }"#,
        r#"{ "kind": "tar_at_far", "target": [0.1] }"#,
        r#"{ "kind": "identification", "probes": 9, "distractors": [0], "ranks": 5 }"#,
        r#"{ "kind": "lfw" }"#,
    ] {
        assert!(serde_json::from_str::<Protocol>(wrong).is_err(), "{wrong}");
    }
}

/// Every protocol of a set: the same twice, values within their intervals, scores through JSON and back.
#[test]
fn results_are_repeatable() {
    let dataset = synthetic(60);
    for (json, names) in [
        (
            r#"{ "kind": "random_pairs", "pairs": 100 }"#,
            vec!["accuracy"],
        ),
        (
            r#"{ "kind": "episodes", "ways": 5, "shots": 1, "episodes": 50 }"#,
            vec!["accuracy"],
        ),
        (
            r#"{ "kind": "tar_at_far", "targets": [0.001, 0.1] }"#,
            vec!["TAR@FAR 1e-3", "TAR@FAR 1e-1"],
        ),
        (
            r#"{ "kind": "identification", "probes": 9, "distractors": [0, 5] }"#,
            vec!["rank-1, 0 distractors", "rank-1, 5 distractors"],
        ),
    ] {
        let protocol = protocol(json);
        let mut table = Table::random(&dataset, 5, 1.0);
        let evaluation = protocol.run(&dataset, &mut table).unwrap();
        assert_eq!(protocol.run(&dataset, &mut table).unwrap(), evaluation);
        let found: Vec<_> = evaluation
            .measures
            .iter()
            .map(|measure| &measure.name[..])
            .collect();
        assert_eq!(found, names);
        for measure in &evaluation.measures {
            assert!((0.0..=1.0).contains(&measure.value) && measure.low <= measure.high);
            assert!(
                measure.low <= measure.value && measure.value <= measure.high,
                "{measure:?}"
            );
        }
        let text = serde_json::to_string(&evaluation).unwrap();
        let read: Evaluation = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&read.scores, &read.mistakes),
            (&evaluation.scores, &evaluation.mistakes)
        );
        let verified = json.contains("random_pairs");
        assert_eq!(evaluation.scores.is_some(), verified);
        if let (Some(scores), Some(decision)) = (&evaluation.scores, &evaluation.decision) {
            assert_eq!(
                (
                    scores.same.len(),
                    scores.different.len(),
                    decision.folds.len()
                ),
                (50, 50, 10)
            );
            let wrong = decision.correct.iter().filter(|correct| !**correct).count();
            assert!(wrong > 0 && evaluation.mistakes.len() == wrong.min(64));
        }
    }
}

/// A set of one identity, and one where nobody has two images: an error that says what is missing.
#[test]
fn sets_that_do_not_suffice_are_refused() {
    for (identities, images) in [(1, 9), (9, 1)] {
        let config = SyntheticConfig {
            identities,
            images: ImageCounts::Zipf {
                max: images,
                min: images,
                exponent: 1.0,
            },
            size_px: 16,
            ..Default::default()
        };
        let dataset = Arc::new(Dataset::synthetic(config).unwrap());
        for json in [
            r#"{ "kind": "random_pairs", "pairs": 20 }"#,
            r#"{ "kind": "episodes", "ways": 2, "shots": 1 }"#,
            r#"{ "kind": "tar_at_far" }"#,
            r#"{ "kind": "identification", "probes": 1, "distractors": [5] }"#,
        ] {
            let mut table = Table::random(&dataset, 3, 1.0);
            let error = protocol(json)
                .run(&dataset, &mut table)
                .unwrap_err()
                .to_string();
            assert!(error.contains("needed, but there are"), "{json}: {error}");
            assert_eq!(table.embedded, 0);
            let checked = protocol(json).check(&dataset).unwrap_err().to_string();
            assert_eq!(checked, error);
        }
    }
}

/// View 1 from files: the threshold comes from the list `train`, and costs the list that counts one of its pairs.
#[test]
fn view_1_from_its_lists() {
    let folder = tempfile::tempdir().unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data/tests/fixtures/made/images/png_grey.png");
    for (name, images) in [("Ann", 3), ("Bob", 2), ("Cid", 2)] {
        let person = folder.path().join("people").join(name);
        std::fs::create_dir_all(&person).unwrap();
        for number in 1..=images {
            std::fs::copy(&picture, person.join(format!("{name}_{number:04}.png"))).unwrap();
        }
    }
    let dataset = Arc::new(Dataset::from_path(&folder.path().join("people")).unwrap());
    // Angles of the images: Ann 1 to 3, Bob 1 and 2, Cid 1 and 2.
    let angles = [0.0f32, 10.0, 50.0, 90.0, 95.0, 130.0, 135.0];
    let values = angles.iter().flat_map(|angle| {
        let angle = angle.to_radians();
        [angle.cos(), angle.sin()]
    });
    let mut table = Table::new(2, values.collect());
    let list = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    // 10 and 40 degrees: the threshold is above 2 - 2 cos 10 = 0.03.
    let train = list("train.txt", "1\nAnn\t1\t2\nAnn\t3\tBob\t1\n");
    // 40 degrees of one person count as different, 5 as the same, 45 and 80 as different.
    let path = list(
        "test.txt",
        "2\nAnn\t2\t3\nCid\t1\t2\nAnn\t3\tBob\t2\nAnn\t2\tBob\t1\n",
    );
    let protocol = Protocol::PairsFile {
        path,
        train: Some(train),
    };
    protocol.check(&dataset).unwrap();
    assert_eq!(table.embedded, 0);
    let evaluation = protocol.run(&dataset, &mut table).unwrap();
    let decision = evaluation.decision.unwrap();
    assert_eq!(decision.folds.len(), 1);
    assert_eq!(decision.folds[0].threshold, 0.04);
    assert_eq!(decision.correct, [false, true, true, true]);
    assert_eq!(evaluation.measures[0].value, 0.75);
    let [mistake] = evaluation.mistakes[..] else {
        panic!("one mistake");
    };
    assert_eq!(
        (mistake.image_a, mistake.image_b, mistake.same),
        (1, 2, true)
    );
    assert!((mistake.score - 40f32.to_radians().cos()).abs() < 1e-6);
}

/// A list without folds is not cut into ten that it does not have.
#[test]
fn a_view_1_list_needs_its_training_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairsDevTest.txt");
    std::fs::write(&path, "1\n0\t1\t2\n0\t1\t1\t1\n").unwrap();
    let error = Protocol::PairsFile { path, train: None }
        .run(&synthetic(2), &mut RawPixels)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("line 1: a list without ten folds"),
        "{error}"
    );
}
