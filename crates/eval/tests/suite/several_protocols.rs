//! Several protocols in one evaluation.

use ffc_eval::{Protocol, Protocols};

use super::support::{Table, synthetic};

fn protocols(json: &str) -> serde_json::Result<Protocols> {
    serde_json::from_str(json)
}

const SEVERAL: &str = r#"[
    { "kind": "random_pairs", "pairs": 100 },
    { "kind": "tar_at_far", "targets": [0.001, 0.1] },
    { "kind": "episodes", "ways": 5, "shots": 1, "episodes": 50 },
    { "kind": "random_pairs", "pairs": 100, "seed": 7 },
    { "kind": "identification", "probes": 9, "distractors": [0, 5] }
]"#;

/// Each image is embedded once, and each protocol finds what it finds alone; names that are given twice say of what.
#[test]
fn images_are_embedded_once() {
    let dataset = synthetic(60);
    let several = protocols(SEVERAL).unwrap();
    let mut table = Table::random(&dataset, 5, 1.0);
    let prepared = several.prepare(&dataset).unwrap();
    assert_eq!(table.embedded, 0);
    let found = prepared.run(&mut table).unwrap();
    assert_eq!(table.embedded, prepared.images().len());
    assert_eq!(table.embedded as u64, dataset.index().images());
    let names: Vec<Vec<&str>> = found
        .iter()
        .map(|found| {
            found
                .measures
                .iter()
                .map(|measure| &measure.name[..])
                .collect()
        })
        .collect();
    assert_eq!(
        names,
        [
            vec!["accuracy, 100 random pairs"],
            vec!["TAR@FAR 1e-3", "TAR@FAR 1e-1"],
            vec!["accuracy, 5-way 1-shot"],
            vec!["accuracy, 100 random pairs of seed 7"],
            vec!["rank-1, 0 distractors", "rank-1, 5 distractors"],
        ]
    );
    for (protocol, mut found) in several.list().iter().zip(found) {
        let alone = protocol.run(&dataset, &mut table).unwrap();
        for (measure, alone) in found.measures.iter_mut().zip(&alone.measures) {
            measure.name.clone_from(&alone.name);
        }
        assert_eq!(found, alone);
    }
}

/// Lists whose names tell nothing get numbers.
#[test]
fn equal_labels_are_numbered() {
    let dataset = synthetic(60);
    let several = protocols(
        r#"[{ "kind": "episodes", "ways": 5, "shots": 1, "episodes": 5 }, { "kind": "episodes", "ways": 5, "shots": 1, "episodes": 6 }]"#,
    );
    let found = several
        .unwrap()
        .run(&dataset, &mut Table::random(&dataset, 5, 1.0))
        .unwrap();
    let names = found.iter().map(|found| &found.measures[0].name[..]);
    let names: Vec<&str> = names.collect();
    assert_eq!(
        names,
        ["accuracy, 5-way 1-shot", "accuracy, 5-way 1-shot (2)"]
    );
}

/// One protocol is written as it always was, and errors tell of the protocol's keys.
#[test]
fn configurations_hold_one_or_several() {
    let one = r#"{"kind":"random_pairs","pairs":6000,"seed":0}"#;
    let read = protocols(one).unwrap();
    assert_eq!(
        read.list(),
        [Protocol::RandomPairs {
            pairs: 6_000,
            seed: 0
        }]
    );
    assert_eq!(serde_json::to_string(&read).unwrap(), one);
    let several = protocols(SEVERAL).unwrap();
    let text = serde_json::to_string(&several).unwrap();
    assert_eq!(protocols(&text).unwrap(), several);
    for (json, part) in [
        (r#"{ "kind": "random_pairs", "pears": 2 }"#, "pears"),
        (r#"[{ "kind": "random_pairs", "pears": 2 }]"#, "pears"),
        (r#"[]"#, "at least one"),
        (r#"3"#, "a protocol, or a list of protocols"),
        (
            r#"[{ "kind": "tar_at_far" }, { "kind": "tar_at_far" }]"#,
            "protocol is all pairs, but must be given once",
        ),
        (
            r#"[{ "kind": "tar_at_far" }, { "kind": "bin", "path": "a/lfw.bin" }]"#,
            "protocol is pairs of lfw.bin, but must be the only one",
        ),
    ] {
        let error = protocols(json).unwrap_err().to_string();
        assert!(error.contains(part), "{json}: {error}");
    }
}

/// Targets below one pair are left out, and said so; if none is left, that is an error.
#[test]
fn rates_that_the_pairs_cannot_show_are_left_out() {
    let dataset = synthetic(20);
    let index = dataset.index();
    let images = 0..index.images();
    let pairs = images.clone().flat_map(|a| (0..a).map(move |b| (a, b)));
    let different = pairs.filter(|&(a, b)| index.identity_of(a) != index.identity_of(b));
    let different = different.count() as u64;
    let least = 1.0 / different as f64;
    let run = |targets: Vec<f64>| {
        let protocol = Protocol::TarAtFar { targets };
        protocol.run(&dataset, &mut Table::random(&dataset, 5, 1.0))
    };
    let found = run(vec![1e-9, 0.99 * least, least, 0.1]).unwrap();
    assert_eq!(found.measures.len(), 2);
    assert_eq!(found.left_out.len(), 2);
    let said = format!(
        "TAR@FAR 1e-9 is left out: 1000000000 pairs of different identities would show it, there are {different}"
    );
    assert_eq!(found.left_out[0], said);
    let reached = found.measures[0].reached.unwrap();
    assert_eq!(reached.different_pairs, different);
    assert_eq!((reached.far * different as f64).round(), 1.0);
    let error = run(vec![1e-9, 1e-8]).unwrap_err().to_string();
    let said =
        format!("100000000 pairs of different identities are needed, but there are {different}");
    assert_eq!(error, said);
}

/// The curve and the thresholds of all pairs, against counts of all cosines.
#[test]
fn curves_of_all_pairs_are_counts() {
    let dataset = synthetic(30);
    let mut table = Table::random(&dataset, 6, 1.0);
    let index = dataset.index();
    let found = Protocol::TarAtFar { targets: vec![0.1] };
    let found = found.run(&dataset, &mut table).unwrap();
    let (mut same, mut different) = (Vec::new(), Vec::new());
    for a in 0..index.images() {
        for b in 0..a {
            let list = match index.identity_of(a) == index.identity_of(b) {
                true => &mut same,
                false => &mut different,
            };
            list.push(table.cosine(a, b));
        }
    }
    // In double precision a cosine may lie on the other side of a threshold.
    let near = |list: &[f64], threshold: f32, rate: f64| {
        let count = |at: f64| list.iter().filter(|cosine| **cosine >= at).count() as f64;
        let accepted = rate * list.len() as f64;
        let threshold = f64::from(threshold);
        count(threshold + 1e-6) - 1e-6 <= accepted && accepted <= count(threshold - 1e-6) + 1e-6
    };
    assert!(found.roc.len() > 20 && found.roc.len() < 400);
    for point in &found.roc {
        assert!(near(&different, point.threshold, point.far), "{point:?}");
        assert!(near(&same, point.threshold, point.tar), "{point:?}");
    }
    assert!(
        found
            .roc
            .windows(2)
            .all(|pair| pair[0].far < pair[1].far || pair[0].tar < pair[1].tar)
    );
    let thresholds = found.thresholds.unwrap();
    assert_eq!(thresholds.same_pairs, same.len() as u64);
    assert_eq!(thresholds.different_pairs, different.len() as u64);
    assert!(thresholds.at_far.len() >= 3);
    for at in &thresholds.at_far {
        assert!(at.threshold.far <= at.target);
        assert!(
            near(&different, at.threshold.cosine, at.threshold.far),
            "{at:?}"
        );
        assert!(near(&same, at.threshold.cosine, at.threshold.tar), "{at:?}");
    }
}
