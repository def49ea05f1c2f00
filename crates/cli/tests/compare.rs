//! A comparison that is killed, and ones that cannot be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tiny;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use ffc_train::RunFolder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tiny::TINY;

const PLAN: &str = r#"
title = "Two pools"
base = "base.toml"
seeds = [0, 1, 2]
length = { images = 4800 }
evaluations = 3

[grid]
"head.pool" = [12, 30]
"#;

const KILLS: usize = 20;

/// A folder with the base and a plan.
fn folder(plan: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("base.toml"), TINY).unwrap();
    fs::write(folder.path().join("plan.toml"), plan).unwrap();
    folder
}

fn ffc(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ffc"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn compare(folder: &Path, arguments: &[&str]) -> Output {
    let all = ["compare", "plan.toml", "--device", "cpu", "--out", "out"];
    ffc(folder, &[&all, arguments].concat()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The table of the cells, without what the clock says.
fn timeless(folder: &Path) -> Vec<BTreeMap<String, String>> {
    let mut table = csv::Reader::from_path(folder.join("out/results.csv")).unwrap();
    let rows = table.deserialize::<BTreeMap<String, String>>();
    rows.map(|row| {
        let mut row = row.unwrap();
        for name in [
            "training_s",
            "images_per_s",
            "embedded_per_s",
            "instances_per_s",
            "peak_memory_bytes",
        ] {
            assert!(!row.remove(name).unwrap().is_empty(), "{name}");
        }
        row
    })
    .collect()
}

/// Folders of the cells that have begun.
fn cells(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("out/cells")) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Killed at random, with two cells at a time, it ends with the same table. The processes of its cells save and stop by themselves.
#[test]
fn killed_and_called_again() {
    let whole = folder(PLAN);
    let output = compare(whole.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = timeless(whole.path());
    // Two columns, three seeds; before training and three times after.
    assert_eq!(expected.len(), 2 * 3 * 4);

    let killed = folder(PLAN);
    let mut rng = StdRng::seed_from_u64(17);
    for number in 0..KILLS {
        let all = ["compare", "plan.toml", "--device", "cpu", "--out", "out"];
        let mut running = ffc(killed.path(), &[&all[..], &["--jobs", "2"]].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_millis(rng.random_range(20..700));
        while Instant::now() < until && running.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(
            running.try_wait().unwrap().is_none(),
            "finished after {number} kills"
        );
        running.kill().unwrap();
        running.wait().unwrap();
        // The processes of its cells notice, save and stop.
        let until = Instant::now() + Duration::from_secs(20);
        while cells(killed.path())
            .iter()
            .any(|cell| RunFolder::is_held(cell))
        {
            assert!(
                Instant::now() < until,
                "a cell goes on after its comparison is gone"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let unfinished = |cell: &PathBuf| !cell.join("last-gallery.safetensors").exists();
    assert!(cells(killed.path()).iter().any(unfinished));
    let output = compare(killed.path(), &["--jobs", "2"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(timeless(killed.path()), expected);

    // There is nothing left to do; a further seed is all that a longer plan adds.
    let before = fs::read(killed.path().join("out/results.csv")).unwrap();
    let output = compare(killed.path(), &[]);
    assert!(
        stderr(&output).contains("6 of 6 cells are finished"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        fs::read(killed.path().join("out/results.csv")).unwrap(),
        before
    );
    let longer = PLAN.replace("[0, 1, 2]", "[0, 1, 2, 3]");
    fs::write(killed.path().join("plan.toml"), longer).unwrap();
    let output = compare(killed.path(), &[]);
    assert!(
        stderr(&output).contains("6 of 8 cells are finished"),
        "{}",
        stderr(&output)
    );
    assert_eq!(timeless(killed.path())[..18], expected[..18]);
    assert_eq!(timeless(killed.path()).len(), 8 * 4);

    // Cells of other settings stay as they are.
    let other = PLAN.replace("images = 4800", "images = 2400");
    fs::write(killed.path().join("plan.toml"), other).unwrap();
    let output = compare(killed.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    for part in [
        "pool-12-seed-0",
        "training.length from \"400 steps\" to \"200 steps\"",
        "--out",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

/// A cell that fails is named, the others go on, and it is tried again.
#[test]
fn a_cell_that_fails() {
    let plan = r#"
        title = "A path"
        base = "base.toml"
        seeds = [0]
        length = { steps = 4 }
        [[column]]
        name = "drawn"
        [[column]]
        name = "from a file"
        set = { data.path = "pictures" }
    "#;
    let folder = folder(plan);
    let output = compare(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["1 failed", "failed: from a file, seed 0: ", "pictures"] {
        assert!(table.contains(part), "{table}");
    }
    assert!(stderr(&output).contains("drawn, seed 0: finished"));
    for name in ["results.md", "results.html", "results.csv"] {
        assert!(folder.path().join("out").join(name).exists(), "{name}");
    }

    // Two identities with two pictures each.
    for (identity, level) in [("a", 10), ("b", 100)] {
        let of = folder.path().join("pictures").join(identity);
        fs::create_dir_all(&of).unwrap();
        for number in 0..2_u8 {
            let pixels = (0..64).map(|at| level + at * number).collect::<Vec<u8>>();
            let header = b"P5 8 8 255\n".to_vec();
            fs::write(of.join(format!("{number}.pgm")), [header, pixels].concat()).unwrap();
        }
    }
    let output = compare(folder.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 of 2 cells are finished"));
}

/// Plans that are wrong are refused before anything is trained.
#[test]
fn wrong_plans() {
    for (plan, parts) in [
        ("title = 3", &["plan.toml", "title"][..]),
        (
            "title = \"a\"\nbase = \"base.toml\"\nseed = [1]",
            &["unknown field `seed`"],
        ),
        (
            "title = \"a\"\nbase = \"other.toml\"",
            &["other.toml", "presets are"],
        ),
        (
            "title = \"a\"\nbase = \"base.toml\"\n[grid]\n\"head.pol\" = [3]",
            &["column pol 3", "head.pol", "did you mean `pool`?"],
        ),
        (
            "title = \"a\"\nbase = \"base.toml\"\n[grid]\n\"head.pool\" = [12, 3]",
            &["column pool 3", "at least"],
        ),
        (
            "title = \"a\"\nbase = \"base.toml\"\nlength = { instances = 10 }\n[grid]\n\"loader.dual\" = [\"identity\"]",
            &["dual identity", "no instances"],
        ),
        (
            "title = \"a\"\nbase = \"base.toml\"\nseeds = [1, 1]",
            &["seed 1 is given twice"],
        ),
        (
            "title = \"a\"\nbase = \"base.toml\"\nset = { training.seed = 4 }",
            &["column base.toml: it sets training.seed, which the plan's seeds decide"],
        ),
        (
            "title = \"a\"\nbase = \"base.toml\"\nlength = { steps = 9 }\nset = { training.length = \"4 steps\" }",
            &["it sets training.length"],
        ),
        (
            "title = \"a\"\nbase = \"base.toml\"\n[grid]\n\"loader.dual\" = [\"both\", \"instance\"]",
            &["an epoch is not as long in column dual instance as in column dual both"],
        ),
        (
            "title = \"a\"\nbase = \"reference\"",
            &["no [[evaluation]]"],
        ),
    ] {
        let folder = folder(plan);
        let output = compare(folder.path(), &[]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        for part in parts {
            assert!(message.contains(part), "`{message}` does not say `{part}`");
        }
        assert!(!message.contains("panicked"), "{message}");
        assert!(!folder.path().join("out").exists());
    }
    let folder = tempfile::tempdir().unwrap();
    let output = ffc(folder.path(), &["compare", "nothing"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("neither a file nor a plan"));
}

/// How long it takes is said, and nothing is written. Seconds decide the length then, the same for all seeds.
#[test]
fn seconds_of_training() {
    let folder = folder(&PLAN.replace("images = 4800", "seconds = 0.2"));
    let output = compare(folder.path(), &["--dry-run"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["pool 12: a step ", "6 cells to train: about "] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!folder.path().join("out").exists());

    let output = compare(folder.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let last_step = |row: &BTreeMap<String, String>| {
        (row["column"].clone(), row["step"].parse::<u64>().unwrap())
    };
    let mut lengths: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (column, step) in timeless(folder.path()).iter().map(last_step) {
        lengths.entry(column).or_default().push(step);
    }
    for steps in lengths.values() {
        let longest = *steps.iter().max().unwrap();
        assert_eq!(
            steps.iter().filter(|step| **step == longest).count(),
            3,
            "{lengths:?}"
        );
    }
    // What was timed once is not timed again.
    let output = compare(folder.path(), &[]);
    assert!(!stderr(&output).contains("timing"), "{}", stderr(&output));
}

/// A cell that lost its files is named, and so is one that was killed.
#[test]
fn a_cell_that_lost_its_files() {
    let plan = PLAN
        .replace("images = 4800", "steps = 4")
        .replace("[0, 1, 2]", "[0]");
    let folder = folder(&plan);
    assert!(compare(folder.path(), &[]).status.success());
    let lost = folder.path().join("out/cells/pool-30-seed-0/metrics.jsonl");
    fs::remove_file(&lost).unwrap();
    let output = compare(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["1 failed", "failed: pool 30, seed 0: "] {
        assert!(table.contains(part), "{table}");
    }
}
