//! A run that is killed at random moments and resumed ends as one that is left alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tiny;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tiny::TINY;

/// The heads, how often their runs are killed, and the networks that they have.
const HEADS: [(&str, usize, &[&str]); 2] = [
    ("pool = 12", 50, &["gallery", "probe"]),
    // With trained weights.
    (
        r#"kind = "partial"
sample_rate = 0.5"#,
        25,
        &["probe"],
    ),
];

/// How long a run is, and how often it is measured and saved.
const COURSE: &str = r#"
[training]
length = "60 steps"
log = "1 step"
evaluate = "10 steps"

[checkpoint]
every = "2 steps"
"#;

fn ffc(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ffc"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn finish(mut command: Command) {
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
}

/// The rows of a table, by the columns' names, without what the clock says.
fn timeless(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut table = csv::Reader::from_path(path).unwrap();
    let rows = table.deserialize::<BTreeMap<String, String>>();
    rows.map(|row| {
        let mut row = row.unwrap();
        for name in [
            "images_per_s",
            "data_wait_share",
            "elapsed_s",
            "peak_memory_bytes",
        ] {
            assert!(row.remove(name).is_some(), "{name}");
        }
        row
    })
    .collect()
}

/// Asserts that nothing that must not depend on kills does: weights, best weights, scores, and the metrics but for what the clock says.
fn assert_equal(run: &Path, whole: &Path, networks: &[&str], kills: usize) {
    let weights = networks
        .iter()
        .flat_map(|name| ["last", "best"].map(|when| format!("{when}-{name}.safetensors")));
    let tables = ["scores.json", "evaluations.csv"].map(str::to_owned);
    for name in weights.chain(tables) {
        let [run, whole] = [run, whole].map(|run| fs::read(run.join(&name)).unwrap());
        assert!(run == whole, "{name} after {kills} kills");
    }
    let [run, whole] = [run, whole].map(|run| timeless(&run.join("metrics.csv")));
    assert_eq!(run, whole, "after {kills} kills");
}

#[test]
fn killed_runs_end_as_undisturbed_ones() {
    for (head, kills, networks) in HEADS {
        kill(head, kills, networks);
    }
}

fn kill(head: &str, most: usize, networks: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tiny.toml");
    fs::write(&config, [&TINY.replace("pool = 12", head), COURSE].concat()).unwrap();
    let config = config.to_str().unwrap();
    let whole = folder.path().join("whole");
    let start = Instant::now();
    finish(ffc(&[
        "--quiet",
        "train",
        config,
        "--out",
        whole.to_str().unwrap(),
    ]));
    let mut duration = start.elapsed();

    let mut rng = StdRng::seed_from_u64(0);
    let (mut kills, mut runs) = (0, 0);
    while kills < most {
        let run = folder.path().join(format!("run-{runs}"));
        let path = run.to_str().unwrap();
        runs += 1;
        let mut command = ffc(&["--quiet", "train", config, "--out", path]);
        let mut is_whole = true;
        loop {
            // From the first moments to the last of what a process needs for the whole run.
            let wait = duration.mul_f64(rng.random_range(0.0..1.0));
            let mut process = command.spawn().unwrap();
            let begin = Instant::now();
            let mut ended = None;
            while ended.is_none() && begin.elapsed() < wait {
                std::thread::sleep(Duration::from_millis(1));
                ended = process.try_wait().unwrap();
            }
            match ended {
                Some(status) => {
                    assert!(status.success(), "after {kills} kills: {status}");
                    // Where the machine was busy at first, kills would come too late.
                    if is_whole {
                        duration = duration.min(begin.elapsed());
                    }
                    break;
                }
                None => {
                    // SIGKILL on Unix.
                    process.kill().unwrap();
                    process.wait().unwrap();
                    kills += 1;
                    is_whole = false;
                }
            }
            // Killed before there was a run, it begins once more.
            command = match run.join("config.toml").exists() {
                true => ffc(&["--quiet", "train", "--resume", path]),
                false => ffc(&["--quiet", "train", config, "--out", path]),
            };
        }
        assert_equal(&run, &whole, networks, kills);
    }
    println!("{head}: {kills} kills in {runs} runs");
}
