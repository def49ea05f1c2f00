//! What the command says where something is wrong: one sentence, an exit code, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod command;

use std::fs;

use command::{fails, ffc, pictures, train_on_pictures, trained, works};

#[test]
fn wrong_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fails(at, &["train"], 2, &["CONFIG"]);
    fails(at, &["tarin"], 2, &["train"]);
    fails(at, &["eval"], 2, &["WEIGHTS"]);
    fails(at, &["embed"], 2, &["WEIGHTS", "--out"]);
    fails(at, &["data"], 2, &["inspect"]);
    fails(at, &["export"], 2, &["CHECKPOINT"]);
    fails(at, &["config"], 2, &["check"]);
    fails(at, &["report"], 2, &["RUN"]);
    fails(at, &["completions", "tcsh"], 2, &["bash"]);
    fails(
        at,
        &["train", "nothing"],
        2,
        &["neither a file nor a preset", "omniglot", "mine"],
    );
    fails(at, &["train", "omniglott"], 2, &["did you mean `omniglot`"]);
    fails(
        at,
        &["same", "w", "a.jpg", "b.jpg", "--threshold", "5"],
        2,
        &["between -1 and 1"],
    );
    fails(
        at,
        &["train", "synthetic", "--device", "tpu"],
        2,
        &["cpu", "cuda:N"],
    );
    fails(
        at,
        &["train", "synthetic", "--device", "cuda"],
        2,
        &["no cuda"],
    );
    fails(
        at,
        &["train", "synthetic", "--set", "head.pol=3"],
        2,
        &["did you mean `pool`"],
    );
    fails(
        at,
        &["train", "synthetic", "--set", "head.pool=3"],
        2,
        &["head.pool", "48"],
    );
    fails(
        at,
        &["train", "synthetic", "--set", "head.pool"],
        2,
        &["key=value"],
    );
    fails(at, &["config", "check", "nothing"], 2, &["neither"]);
    fails(at, &["config", "show", "nothing"], 2, &["neither"]);
    fails(at, &["report", "nothing"], 2, &["is no run"]);
    // Nothing was begun.
    assert!(fs::read_dir(at).unwrap().next().is_none());
}

#[test]
fn wrong_paths() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let missing = "No such file";
    fails(at, &["train", "face-112"], 1, &["faces", missing]);
    fails(
        at,
        &["train", "--resume", "nothing"],
        1,
        &["nothing", "no run lies there"],
    );
    fails(
        at,
        &["eval", "no.safetensors", "x", "--random-pairs", "9"],
        1,
        &["no.safetensors", missing],
    );
    fails(
        at,
        &["embed", "no.safetensors", "x", "--out", "a.csv"],
        1,
        &["no.safetensors", missing],
    );
    fails(
        at,
        &["embed", "no.safetensors", "x", "--out", "a.txt"],
        2,
        &["a.txt", ".csv"],
    );
    fails(
        at,
        &["data", "inspect", "nothing"],
        1,
        &["nothing", missing],
    );
    fails(at, &["data", "index", "nothing"], 1, &["nothing", missing]);
    fails(
        at,
        &["export", "nothing", "--out", "a.safetensors"],
        1,
        &["nothing", missing],
    );
    assert!(fs::read_dir(at).unwrap().next().is_none());
}

/// Numbers that are out of range, or more than the pictures give, are wrong arguments.
#[test]
fn wrong_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    pictures(&folder);
    let weights = "run/last-gallery.safetensors";
    let eval = ["eval", weights, "people"];
    for (arguments, parts) in [
        (["--random-pairs", "3"], ["pairs is 3", "even"]),
        (["--random-pairs", "0"], ["pairs is 0", "even"]),
        (["--random-pairs", "8"], ["10 pairs", "are 8"]),
        (["--random-pairs", "1000"], ["500 pairs", "are 30"]),
        (["--random-pairs", "100000000"], ["pairs is", "2^24"]),
        (["--random-pairs", "-2"], ["unexpected argument", "-2"]),
        (["--random-pairs", "many"], ["--random-pairs", "many"]),
        (["--episodes", "1x1"], ["ways is 1", "2 to"]),
        (["--episodes", "2x0"], ["shots is 0", "1 to"]),
        (["--episodes", "3x1"], ["3 identities", "are 2"]),
        (["--episodes", "2x6"], ["2 identities", "are 0"]),
        (["--episodes", "2x-1"], ["2x-1", "20x1"]),
        (["--episodes", "20"], ["20", "20x1"]),
    ] {
        fails(at, &[&eval[..], &arguments].concat(), 2, &parts);
    }
    let pairs = [&eval[..], &["--random-pairs", "10"]].concat();
    let embed = ["embed", weights, "people", "--out", "a.csv"];
    for command in [&pairs[..], &embed] {
        for (argument, number, parts) in [
            ("--batch", "0", ["batch is 0", "1 to"]),
            ("--batch", "100000", ["batch is 100000", "65,536"]),
            ("--workers", "0", ["workers is 0", "1 to"]),
            ("--workers", "5000", ["workers is 5000", "1 to"]),
            ("--batch", "-1", ["unexpected argument", "-1"]),
        ] {
            fails(at, &[command, &[argument, number]].concat(), 2, &parts);
        }
    }
    assert!(!at.join("a.csv").exists());
}

#[test]
fn damaged_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let root = pictures(&folder);
    fs::write(root.join("bob/1.pgm"), b"P5\n16 16\n255\nshort").unwrap();
    let output = ffc(at, &["data", "inspect", "people", "--decode"]);
    assert_eq!(output.status.code(), Some(1));
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(found.contains("12 images of 2 identities"), "{found}");
    assert!(
        found.contains("1 images cannot be decoded") && found.contains("bob"),
        "{found}"
    );
    let mut arguments = train_on_pictures();
    arguments.extend([
        "--set",
        "data.path=people",
        "--set",
        "loader.batch=2",
        "--set",
        "training.length=20 steps",
    ]);
    fails(at, &arguments, 1, &["bob", "1.pgm"]);

    fs::create_dir(at.join("empty")).unwrap();
    fails(at, &["data", "inspect", "empty"], 1, &["empty"]);
}

#[test]
fn from_training_to_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let run = trained(at);
    pictures(&folder);
    let weights = "run/last-gallery.safetensors";

    works(at, &["embed", weights, "people", "--out", "all.csv"]);
    let mut table = csv::Reader::from_path(at.join("all.csv")).unwrap();
    // Image, identity, length and sharpness before them.
    assert_eq!(table.headers().unwrap().len(), 4 + 16);
    let rows: Vec<_> = table.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 12);
    assert!(rows[0][0].ends_with("ann/0.pgm") && &rows[0][1] == "ann");
    assert!(rows[11][0].ends_with("bob/5.pgm") && &rows[11][1] == "bob");

    works(
        at,
        &["embed", weights, "people", "--out", "all.safetensors"],
    );
    let bytes = fs::read(at.join("all.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("embeddings").unwrap().shape(), [12, 16]);
    let values: Vec<f32> = tensors
        .tensor("embeddings")
        .unwrap()
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let written: Vec<f32> = rows
        .iter()
        .flat_map(|row| row.iter().skip(4))
        .map(|value| value.parse().unwrap())
        .collect();
    assert_eq!(values, written);

    // A name with the separator in it.
    fs::create_dir_all(at.join("odd/smith, bob")).unwrap();
    fs::copy(
        at.join("people/bob/0.pgm"),
        at.join("odd/smith, bob/0, 1.pgm"),
    )
    .unwrap();
    works(at, &["embed", weights, "odd", "--out", "odd.csv"]);
    let mut table = csv::Reader::from_path(at.join("odd.csv")).unwrap();
    let row = table.records().next().unwrap().unwrap();
    assert_eq!((row.len(), &row[1]), (4 + 16, "smith, bob"));

    let found = works(at, &["eval", weights, "people", "--random-pairs", "10"]);
    assert!(
        found.contains("network: accuracy") && found.contains("raw pixels: accuracy"),
        "{found}"
    );

    // LFW's View 1: names and numbers, `<name>_0001`.
    for person in ["ann", "bob"] {
        fs::create_dir_all(at.join("lfw").join(person)).unwrap();
        for number in 0..2 {
            let from = at.join("people").join(person).join(format!("{number}.pgm"));
            let to = format!("{person}_{:04}.pgm", number + 1);
            fs::copy(from, at.join("lfw").join(person).join(to)).unwrap();
        }
    }
    fs::write(at.join("pairs.txt"), "1\nann\t1\t2\nann\t1\tbob\t1\n").unwrap();
    let view_1 = [
        "eval",
        weights,
        "lfw",
        "--pairs",
        "pairs.txt",
        "--train-pairs",
        "pairs.txt",
    ];
    let found = works(at, &view_1);
    assert!(found.contains("network: accuracy"), "{found}");

    works(at, &["export", "run", "--out", "out.safetensors"]);
    let [exported, last] =
        ["out.safetensors", weights].map(|name| fs::read(at.join(name)).unwrap());
    assert!(exported == last);

    works(
        at,
        &[
            "data",
            "sheet",
            "people",
            "--out",
            "sheet.png",
            "--size",
            "16",
        ],
    );
    assert!(
        fs::read(at.join("sheet.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );

    fs::remove_file(run.join("report.html")).unwrap();
    works(at, &["report", "run"]);
    assert!(run.join("report.html").exists());

    // A finished run has nothing left to do.
    works(at, &["--quiet", "train", "--resume", "run"]);
    // A damaged weight file, and one of another network.
    fs::write(at.join("cut.safetensors"), &last[..last.len() / 2]).unwrap();
    fails(
        at,
        &["embed", "cut.safetensors", "people", "--out", "b.csv"],
        1,
        &["cut.safetensors"],
    );
    fails(
        at,
        &[
            "embed",
            weights,
            "people",
            "--out",
            "b.csv",
            "--config",
            "run/nothing.toml",
        ],
        1,
        &["nothing.toml"],
    );
}

/// Several protocols at once, what cannot be shown, and thresholds beside the weights or where they are asked for.
#[test]
fn several_protocols_and_thresholds() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    pictures(&folder);
    let weights = "run/last-gallery.safetensors";
    let eval = |arguments: &[&str]| works(at, &[&["eval", weights, "people"], arguments].concat());
    let found = eval(&[
        "--random-pairs",
        "10",
        "--episodes",
        "2x1,2x2",
        "--tar-at-far=0.001,0.1",
        "--identification",
        "1",
        "--distractors",
        "0,6",
    ]);
    for part in [
        "network: accuracy, 10 random pairs ",
        "network: accuracy, 2-way 1-shot ",
        "network: accuracy, 2-way 2-shot ",
        "network: TAR@FAR 1e-1 ",
        "; reached FAR ",
        ", 30 same and 36 different pairs",
        "network: rank-1, 0 distractors ",
        "network: rank-1, 6 distractors ",
        "raw pixels: TAR@FAR 1e-1 ",
        "TAR@FAR 1e-3 is left out: 1000 pairs of different identities would show it, there are 36",
        "thresholds of the cosine, all pairs: 30 same and 36 different pairs",
        "FAR <= 1e-1 cosine ",
        "rough: ",
        "thresholds: run/last-gallery.thresholds.json",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let read = |name: &str| ffc_eval::ThresholdsFile::read(&at.join(name)).unwrap();
    let thresholds = read("run/last-gallery.thresholds.json");
    // The protocol with the most pairs.
    assert_eq!(thresholds.measured_on.pairs, "all pairs");
    assert_eq!(thresholds.measured_on.network, "last-gallery.safetensors");
    assert_eq!(thresholds.measured_on.weights_xxh3.unwrap().len(), 16);
    assert_eq!(thresholds.thresholds.same_pairs, 30);

    // Pairs by paths.
    let mut list = String::new();
    for number in 0..10 {
        let (a, b) = (number % 5, number % 5 + 1);
        let person = if number < 5 { "ann" } else { "bob" };
        // One path as it is on the machine, though the set is named from here.
        let first = at.join("people").join(person).display().to_string();
        list += &format!("{first}/{a}.pgm\t{person}/{b}.pgm\t1\n");
        list += &format!("ann/{a}.pgm\tbob/{}.pgm\t0\n", (number / 5) + a);
    }
    fs::write(at.join("own.txt"), list).unwrap();
    let found = eval(&[
        "--pairs",
        "own.txt",
        "--json",
        "--thresholds",
        "own.json",
        "--flip",
    ]);
    let evaluation: ffc_eval::Evaluation = serde_json::from_str(&found).unwrap();
    assert_eq!(evaluation.scores.unwrap().same.len(), 10);
    let thresholds = read("own.json");
    assert_eq!(thresholds.measured_on.pairs, "pairs of own.txt");
    assert!(thresholds.measured_on.flip);

    // Two labels that the folders contradict.
    let list = fs::read_to_string(at.join("own.txt")).unwrap();
    let swapped = list
        .replace("bob/3.pgm\tbob/4.pgm\t1", "bob/3.pgm\tbob/4.pgm\t0")
        .replace("ann/3.pgm\tbob/4.pgm\t0", "ann/3.pgm\tbob/4.pgm\t1");
    fs::write(at.join("swapped.txt"), swapped).unwrap();
    let output = ffc(at, &["eval", weights, "people", "--pairs", "swapped.txt"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("2 of 20 pairs contradict the set's identities"),
        "{message}"
    );

    for (arguments, parts) in [
        (&[][..], &["name what is measured", "--random-pairs"][..]),
        (&["--bin", "a.bin"], &["a.bin", "people"]),
        (
            &["--bin", "a.bin", "--random-pairs", "10"],
            &["a.bin", "only one"],
        ),
        (&["--tar-at-far=0.1,x"], &["0.1,x", "1e-4,1e-3"]),
        (&["--tar-at-far=1e-9"], &["1000000000 pairs", "are 36"]),
        (
            &["--random-pairs", "10", "--distractors", "3"],
            &["--identification"],
        ),
        (&["--templates", "a.txt"], &["pairs is missing"]),
    ] {
        let command = [&["eval", weights, "people"], arguments].concat();
        fails(at, &command, 2, parts);
    }
    fs::write(at.join("own.txt"), "ann/0.pgm\tann/9.pgm\t1\n").unwrap();
    let command = ["eval", weights, "people", "--pairs", "own.txt"];
    fails(at, &command, 1, &["own.txt, line 1", "ann/9.pgm", "people"]);
}

/// What is written takes the place of nothing that is read, and of no other kind of file.
#[test]
fn inputs_are_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    pictures(&folder);
    let weights = "run/last-gallery.safetensors";
    let kept = fs::read(at.join(weights)).unwrap();
    let embed = |out| ["embed", "run", "people", "--out", out];
    fails(at, &embed(weights), 2, &[weights, "another kind of file"]);
    let eval = |out| {
        let protocol = ["--random-pairs", "10", "--thresholds", out];
        [&["eval", weights, "people"], &protocol[..]].concat()
    };
    fails(at, &eval(weights), 2, &[weights, "is read here"]);
    let picture = "people/ann/0.pgm";
    fails(at, &eval(picture), 2, &[picture, "another kind of file"]);
    let export = ["export", "run", "--network", "probe", "--out", weights];
    fails(at, &export, 2, &[weights, "is read here"]);
    assert_eq!(fs::read(at.join(weights)).unwrap(), kept);
    // Their own files are.
    for _ in 0..2 {
        works(at, &embed("embeddings.safetensors"));
        works(at, &eval("thresholds.json"));
        works(at, &["export", "run", "--out", "exported.safetensors"]);
    }
}
