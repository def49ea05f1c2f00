//! What a trained network is taken out by, and searched with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod command;
mod tiny;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use command::{fails, works};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use tempfile::TempDir;
use tiny::TINY;

/// A folder with a run of six steps, `run`, and pictures of two people, `people`.
fn trained() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let course = "[training]\nlength = \"6 steps\"\nevaluate = \"3 steps\"\n";
    fs::write(folder.path().join("tiny.toml"), format!("{TINY}{course}")).unwrap();
    works(
        folder.path(),
        &["--quiet", "train", "tiny.toml", "--out", "run"],
    );
    for (person, shade) in [("ann", 40_u8), ("bob", 200)] {
        let of_person = folder.path().join("people").join(person);
        fs::create_dir_all(&of_person).unwrap();
        for number in 0..3_u8 {
            let mut file = b"P5\n16 16\n255\n".to_vec();
            file.extend((0..=255_u8).map(|at| (at.wrapping_mul(number + 3) / 2) ^ shade));
            fs::write(of_person.join(format!("{number}.pgm")), file).unwrap();
        }
    }
    folder
}

#[test]
fn the_best_network_is_exported_or_the_last() {
    let folder = trained();
    let at = folder.path();
    for (arguments, weights, says) in [
        (
            &[][..],
            "best-gallery",
            &["gallery network, step ", ", the run's best"][..],
        ),
        (
            &["--network", "probe"],
            "best-probe",
            &["probe network, step ", ", the run's best"],
        ),
        (&["--last"], "last-gallery", &["gallery network, step 6\n"]),
        (
            &["--last", "--network", "probe"],
            "last-probe",
            &["probe network, step 6\n"],
        ),
    ] {
        let command = [&["export", "run", "--out", "out.safetensors"], arguments].concat();
        let told = works(at, &command);
        assert!(says.iter().all(|part| told.contains(part)), "{told}");
        let expected = fs::read(at.join(format!("run/{weights}.safetensors"))).unwrap();
        assert!(
            fs::read(at.join("out.safetensors")).unwrap() == expected,
            "{weights}"
        );
    }
    // Without a best one, the newest checkpoint's.
    fs::remove_file(at.join("run/best-gallery.safetensors")).unwrap();
    fs::remove_file(at.join("run/best-probe.safetensors")).unwrap();
    let told = works(at, &["export", "run", "--out", "out.safetensors"]);
    assert!(told.contains("gallery network, step 6"), "{told}");
}

#[test]
fn onnx_and_unknown_endings() {
    let folder = trained();
    let at = folder.path();
    works(at, &["export", "run", "--out", "x.onnx"]);
    let file = fs::read(at.join("x.onnx")).unwrap();
    // Version 8 of the format, made by ffc. What the file computes is tested with the networks.
    assert!(file.starts_with(b"\x08\x08\x12\x03ffc"));
    for name in ["images", "embeddings", "preprocessing", "\"mean\":127.5"] {
        let found = file.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(found, "{name}");
    }
    fails(
        at,
        &["export", "run", "--out", "x.jpg"],
        2,
        &["x.jpg", ".onnx or .safetensors"],
    );
    fails(at, &["export", "run", "--out", "x"], 2, &["unknown ending"]);
    fails(
        at,
        &["data", "sheet", "people", "--out", "x.jpg"],
        2,
        &["x.jpg", ".png"],
    );
    assert!(!at.join("x.jpg").exists());
}

#[test]
fn pictures_are_found() {
    let folder = trained();
    let at = folder.path();
    let query = "people/bob/1.pgm";
    let search = ["search", "run", "people", query];
    let lines = works(at, &search);
    assert_eq!(lines.lines().count(), 5);
    let first = lines.lines().next().unwrap();
    let words: Vec<&str> = first.split_whitespace().collect();
    assert_eq!(words, ["1", "1.0000", "bob/1.pgm"]);

    let json = |text: &str| -> Vec<Value> {
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let rest = ["people/ann/0.pgm", "--top", "100", "--json"];
    let two = [&search[..], &rest].concat();
    let found = json(&works(at, &two));
    assert_eq!(found.len(), 2);
    for (found, (query, name)) in found
        .iter()
        .zip([(query, "bob/1.pgm"), ("people/ann/0.pgm", "ann/0.pgm")])
    {
        assert_eq!(found["query"], query);
        let nearest = found["nearest"].as_array().unwrap();
        assert_eq!(nearest.len(), 6);
        assert_eq!(nearest[0]["name"], name);
        assert_eq!(nearest[5]["rank"], 6);
        let cosines: Vec<f64> = (nearest.iter())
            .map(|neighbour| neighbour["cosine"].as_f64().unwrap())
            .collect();
        assert!(cosines.is_sorted_by(|a, b| a >= b), "{cosines:?}");
    }

    // The embeddings of the same pictures, from a file.
    works(
        at,
        &["embed", "run", "people", "--out", "people.safetensors"],
    );
    let mut from_file = two.clone();
    from_file[2] = "people.safetensors";
    assert_eq!(json(&works(at, &from_file)), found);

    // Of another network, and of this one with another setting.
    let course = ["--set", "training.length=1 steps", "--quiet"];
    let train = [
        "train",
        "tiny.toml",
        "--out",
        "other",
        "--set",
        "training.seed=7",
    ];
    works(at, &[&train[..], &course].concat());
    let search = ["search", "other", "people.safetensors", query];
    fails(
        at,
        &search,
        2,
        &["people.safetensors", "another network", "ffc embed"],
    );
    for option in ["--flip", "--as-stored"] {
        let search = ["search", "run", "people.safetensors", query, option];
        fails(at, &search, 2, &["people.safetensors", option]);
    }
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let folder = trained();
    let at = folder.path();
    let query = "people/bob/1.pgm";
    fails(at, &["search", "run", "people"], 2, &["QUERIES"]);
    fails(
        at,
        &["search", "run", "people", query, "--top", "0"],
        2,
        &["top is 0"],
    );
    fails(
        at,
        &["search", "run", "people", "no.pgm"],
        1,
        &["no.pgm", "No such file"],
    );
    fails(
        at,
        &["search", "run", "no.safetensors", query],
        1,
        &["no.safetensors"],
    );
    let weights = "run/last-probe.safetensors";
    fails(
        at,
        &["search", "run", weights, query],
        1,
        &["last-probe", "`embeddings`"],
    );
    let values = [0; 2 * 3 * 4];
    let view = TensorView::new(Dtype::F32, vec![2, 3], &values).unwrap();
    let file = safetensors::serialize([("embeddings", view)], None::<HashMap<_, _>>).unwrap();
    fs::write(at.join("three.safetensors"), file).unwrap();
    let parts = ["3 dimensions", "makes 16"];
    fails(
        at,
        &["search", "run", "three.safetensors", query],
        2,
        &parts,
    );
}

/// Weights that others publish: which network they are of is said, and a file of our own tells it from then on.
#[test]
fn weights_of_others() {
    let folder = trained();
    let at = folder.path();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/fixtures");
    fs::copy(fixtures.join("iresnet18.onnx"), at.join("narrow.onnx")).unwrap();
    let export = ["export", "narrow.onnx", "--out", "told.safetensors"];
    fails(
        at,
        &export,
        2,
        &["does not tell its network", "--published"],
    );
    // Of fewer channels than the published one: refused at the node.
    let published = |name| [&export[..], &["--published", name]].concat();
    fails(
        at,
        &published("arcface-r18"),
        1,
        &[
            "narrow.onnx",
            "as an ONNX file",
            "at `/features/BatchNormalization`",
        ],
    );
    fails(
        at,
        &published("arcface-r19"),
        2,
        &["arcface-r18", "adaface-ir50"],
    );
    fails(
        at,
        &[
            "export",
            "run",
            "--out",
            "x.onnx",
            "--published",
            "arcface-r18",
        ],
        2,
        &["run is a folder of a training"],
    );
    fails(
        at,
        &["export", "narrow.onnx", "--last", "--out", "x.onnx"],
        2,
        &["choose among a run's networks"],
    );
    // A file of our own tells all, in either format, and keeps its embeddings.
    works(at, &["export", "run", "--out", "own.onnx"]);
    let told = works(at, &["export", "own.onnx", "--out", "own.safetensors"]);
    assert!(
        told.contains("own.safetensors: ") && told.contains("BGR"),
        "{told}"
    );
    for weights in ["run", "own.onnx", "own.safetensors"] {
        let out = format!("{weights}.csv");
        works(at, &["embed", weights, "people", "--out", &out]);
        let table = fs::read_to_string(at.join(&out)).unwrap();
        let expected = fs::read_to_string(at.join("run.csv")).unwrap();
        assert_eq!(table, expected, "{weights}");
    }
}
