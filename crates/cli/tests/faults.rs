//! Faults of the machine and of files, interruptions: what is left, and what is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod command;

use std::fs;
use std::path::Path;
use std::process::Command;

use command::{TRAIN, fails, ffc, pictures, train_on_pictures, trained, works};

/// The newest checkpoint is damaged: the one before it is taken, and the message says so.
#[test]
fn a_damaged_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut arguments = TRAIN.to_vec();
    arguments.extend(["--out", "run", "--set", "checkpoint.every=1 step"]);
    works(at, &arguments);
    let newest = at.join("run/checkpoints/step-0000000002/pool.bpk");
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&newest, bytes).unwrap();
    let output = ffc(at, &["train", "--resume", "run"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{message}");
    for part in [
        "passed over",
        "step-0000000002",
        "pool.bpk",
        "step-0000000001",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

/// A failed run has its report too. Where none can be written that is said, and a failed run's own error stays.
#[test]
fn reports_of_failed_runs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let arguments = |out| [&TRAIN[1..], &["--out", out]].concat();
    let diverges = [
        "--set",
        "optimizer={ kind = \"sgd\", learning_rate = 1e30, momentum = 0.0, nesterov = false }",
        "--set",
        "training.length=8 steps",
    ];
    let failing = |out| [&arguments(out)[..], &diverges].concat();
    fails(at, &failing("run"), 1, &["at step", "learning rate"]);
    let page = fs::read_to_string(at.join("run/report.html")).unwrap();
    assert!(page.contains("<h2>Training</h2>"));

    for out in ["failed", "finished"] {
        fs::create_dir_all(at.join(out).join("report.html/in the way")).unwrap();
    }
    let parts = [
        "error: the loss",
        "at step",
        "no report: cannot write failed/report.html",
    ];
    fails(at, &failing("failed"), 1, &parts);
    let parts = ["error: cannot write finished/report.html"];
    fails(at, &arguments("finished"), 1, &parts);
    assert!(at.join("finished/last-gallery.safetensors").exists());
}

/// Where the disk is full the run ends with a message and the checkpoint from before is whole.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let small = at.join("small");
    fs::create_dir(&small).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(&small)
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        println!("skipped: no right to mount a small disk");
        return;
    }
    let mut arguments = TRAIN.to_vec();
    arguments.extend([
        "--out",
        "small/run",
        "--set",
        "checkpoint.every=1 step",
        "--set",
        "checkpoint.keep=100",
        "--set",
        "training.length=100 steps",
    ]);
    let output = ffc(at, &arguments);
    let resumed = ffc(at, &["export", "small/run", "--out", "kept.safetensors"]);
    let _ = Command::new("umount").arg(&small).output();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("No space left"), "{message}");
    assert!(
        resumed.status.success(),
        "{}",
        String::from_utf8_lossy(&resumed.stderr)
    );
}

/// Whoever reads must not take a part for the whole.
#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_cannot_be_written() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(["config", "show", "synthetic"])
        .stdout(full)
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("standard output"), "{message}");
}

/// Waits for the first lines of metrics, which tell that a run trains.
#[cfg(unix)]
fn wait_for(metrics: &Path) {
    let begin = std::time::Instant::now();
    while fs::metadata(metrics).map_or(0, |metadata| metadata.len()) == 0 {
        assert!(begin.elapsed().as_secs() < 60, "it does not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Ctrl-C saves a checkpoint and stops; the run goes on from there.
#[cfg(unix)]
#[test]
fn ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut arguments = TRAIN.to_vec();
    arguments.extend([
        "--out",
        "run",
        "--set",
        "training.length=1000000 steps",
        "--set",
        "training.log=1 step",
        "--set",
        "training.evaluate=1000000 steps",
        "--set",
        "checkpoint.every=1000000 steps",
    ]);
    let process = Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(&arguments)
        .current_dir(at)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = at.join("run/metrics.jsonl");
    wait_for(&metrics);
    // Built into every shell.
    let kill = format!("kill -INT {}", process.id());
    let asked = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(asked.success());
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("ffc train --resume run"), "{text}");
    assert!(text.contains("report: run/report.html"), "{text}");
    assert!(at.join("run/report.html").exists());

    let checkpoints: Vec<_> = fs::read_dir(at.join("run/checkpoints")).unwrap().collect();
    // That of the start, and that of the stop.
    assert_eq!(checkpoints.len(), 2);
    let steps = text.split("stopped after ").nth(1).unwrap();
    let steps: u64 = steps.split(' ').next().unwrap().parse().unwrap();
    let length = format!("training.length={} steps", steps + 2);
    let resume = ["--quiet", "train", "--resume", "run", "--set", &length];
    let log = "checkpoint.every=1 step";
    works(at, &[&resume[..], &["--set", log]].concat());
    let lines = fs::read_to_string(&metrics).unwrap();
    assert_eq!(lines.lines().count() as u64, steps + 2);
}

/// A resumed run that is at its end is told so, and no file is touched; with another length it goes on.
#[test]
fn a_finished_run_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    let files = || {
        let mut files = Vec::new();
        let mut folders = vec![at.join("run")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push((fs::read(&path).unwrap(), path)),
                }
            }
        }
        files.sort();
        files
    };
    let before = files();
    let told = works(at, &["train", "--resume", "run"]);
    assert!(told.contains("nothing to do"), "{told}");
    assert!(files() == before);
    let longer = ["--set", "training.length=9 steps"];
    let longer = [&["--quiet", "train", "--resume", "run"], &longer[..]].concat();
    works(at, &longer);
    assert!(files() != before);
}

/// A process that does not outlive its test.
#[cfg(unix)]
struct Alive(std::process::Child);

#[cfg(unix)]
impl Drop for Alive {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A mapped index that is cut off while a training uses it ends that with a message, not without a word.
#[cfg(unix)]
#[test]
fn an_index_that_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(&folder);
    let mut arguments = train_on_pictures();
    arguments.extend([
        "--out",
        "run",
        "--set",
        "data.path=people",
        "--set",
        "loader.batch=2",
        "--set",
        "training.length=1000000 steps",
        "--set",
        "training.log=1 step",
        "--set",
        "training.evaluate=1000000 steps",
    ]);
    let errors = at.join("errors");
    let process = Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(&arguments)
        .current_dir(at)
        .stdout(std::process::Stdio::null())
        .stderr(fs::File::create(&errors).unwrap())
        .spawn();
    let mut process = Alive(process.unwrap());
    wait_for(&at.join("run/metrics.jsonl"));
    let begin = std::time::Instant::now();
    fs::OpenOptions::new()
        .write(true)
        .open(at.join("people.ffc-index"))
        .unwrap()
        .set_len(0)
        .unwrap();
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed().as_secs() < 120, "it goes on");
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    let message = fs::read_to_string(errors).unwrap();
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(
        message.contains("a file that is mapped into memory"),
        "{message}"
    );
}
