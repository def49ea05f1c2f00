//! The command as its tests call it, and what they train and measure on.
#![allow(dead_code, reason = "each of the tests uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub fn ffc(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("FFC_DETECTOR")
        .output()
        .unwrap()
}

#[track_caller]
pub fn fails(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = ffc(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    for part in parts {
        assert!(
            message.contains(part),
            "{arguments:?}: `{message}` does not say `{part}`"
        );
    }
    for word in ["panicked", "backtrace", "Error {", "\x1b"] {
        assert!(!message.contains(word), "{arguments:?}: {message}");
    }
    says_once(&message);
}

/// A cause is told once, not by the error and by its source.
#[track_caller]
fn says_once(message: &str) {
    for line in message.lines() {
        let mut parts: Vec<_> = line.split(": ").map(str::trim).collect();
        let all = parts.len();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), all, "said twice: `{line}`");
    }
}

#[track_caller]
pub fn works(folder: &Path, arguments: &[&str]) -> String {
    let output = ffc(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    assert!(!message.contains('\x1b'), "colours in a pipe: {message}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with two people, six grey pictures of 16 x 16 each.
pub fn pictures(folder: &TempDir) -> PathBuf {
    let root = folder.path().join("people");
    for (person, shade) in [("ann", 40u8), ("bob", 200)] {
        fs::create_dir_all(root.join(person)).unwrap();
        for number in 0..6u8 {
            let mut file = b"P5\n16 16\n255\n".to_vec();
            file.extend((0..=255u8).map(|at| (at.wrapping_mul(number + 3) / 2) ^ shade));
            fs::write(root.join(person).join(format!("{number}.pgm")), file).unwrap();
        }
    }
    root
}

pub const TRAIN: &[&str] = &[
    "--quiet",
    "train",
    "synthetic",
    "--set",
    "training.length=2 steps",
    "--set",
    "data.source.size_px=16",
    "--set",
    "schedule.warm_up=0 steps",
    "--set",
    "evaluation=[]",
    "--set",
    "backbone={ network = \"compact\", width = 0.25, embedding = 16, height_px = 16, width_px = 16 }",
];

/// The same training without the size of drawn pictures: others have their own.
pub fn train_on_pictures() -> Vec<&'static str> {
    let drawn = |pair: &&[&str]| !pair.contains(&"data.source.size_px=16");
    let (command, settings) = TRAIN.split_at(3);
    let settings = settings.chunks(2).filter(drawn).flatten().copied();
    command.iter().copied().chain(settings).collect()
}

/// A run of two steps.
pub fn trained(folder: &Path) -> PathBuf {
    let mut arguments = TRAIN.to_vec();
    arguments.extend(["--out", "run"]);
    works(folder, &arguments);
    folder.join("run")
}
