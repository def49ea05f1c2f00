//! Trainings that are started as several processes, and what they leave.
#![allow(dead_code, reason = "each of the tests uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tiny::TINY;

/// How long the end of one process may take to end all.
pub const MOST: Duration = Duration::from_secs(60);

const COURSE: &str = r#"
[training]
length = "60 steps"
log = "1 step"
evaluate = "10 steps"
norm_groups = 4

[checkpoint]
every = "5 steps"
"#;

/// The configuration in a file of its own.
pub fn course(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("tiny.toml");
    let text = TINY
        .replace("batch = 4", "batch = 16")
        .replace("pool = 12", "pool = 24");
    fs::write(&path, [&text, COURSE].concat()).unwrap();
    path
}

pub fn train(ranks: usize, arguments: &[&str]) -> Command {
    let ffc = env!("CARGO_BIN_EXE_ffc");
    let mut command = match ranks {
        1 => Command::new(ffc),
        _ => {
            let mut command = Command::new("mpirun");
            command.args(["--oversubscribe", "--bind-to", "none"]);
            command.args(["-n", &ranks.to_string(), ffc]);
            command
        }
    };
    as_rank(&mut command);
    command
        .args(["--quiet", "train"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

pub fn finish(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A column of a table.
pub fn column(table: &Path, name: &str) -> Vec<f64> {
    let mut table = csv::Reader::from_path(table).unwrap();
    let at = table
        .headers()
        .unwrap()
        .iter()
        .position(|header| header == name);
    let value = |row: csv::Result<csv::StringRecord>| row.unwrap()[at.unwrap()].parse().unwrap();
    table.records().map(value).collect()
}

/// Losses agree but for rounding, which grows from step to step, and so does what was measured before the first. Later measures hang on few pairs.
#[track_caller]
pub fn assert_near(found: &Path, expected: &Path) {
    let columns = |table: &str, name: &str| {
        let [found, expected] = [found, expected].map(|run| column(&run.join(table), name));
        assert_eq!(found.len(), expected.len(), "{table}");
        found.into_iter().zip(expected).enumerate()
    };
    for (step, (found, expected)) in columns("metrics.csv", "loss") {
        let error = (found - expected).abs() / expected.abs();
        let most = if step < 5 { 1e-4 } else { 0.1 };
        assert!(error < most, "loss {step}: {found} is not {expected}");
    }
    let before = columns("evaluations.csv", "value").next();
    assert!(
        before.is_some_and(|(_, (found, expected))| found == expected),
        "{before:?}"
    );
}

#[track_caller]
pub fn assert_same(found: &Path, expected: &Path) {
    for name in [
        "last-gallery.safetensors",
        "last-probe.safetensors",
        "evaluations.csv",
    ] {
        let [found, expected] = [found, expected].map(|run| fs::read(run.join(name)).unwrap());
        assert!(found == expected, "{name}");
    }
}

/// Waits until something is so.
pub fn until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < MOST, "it did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What processes need that share a machine with others, and with tests.
pub fn as_rank(command: &mut Command) {
    command
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .env("OMPI_MCA_mpi_yield_when_idle", "1")
        // As many as there are processes share the cores.
        .env("RAYON_NUM_THREADS", "1");
}
