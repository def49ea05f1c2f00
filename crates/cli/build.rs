//! Tells the command which commit it was built from: a package says so itself, a checkout by git.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What cargo writes into a package.
const PACKAGED: &str = ".cargo_vcs_info.json";
const CHECKOUT: &str = "../../.git";

fn main() {
    let commit = if let Ok(info) = fs::read_to_string(PACKAGED) {
        println!("cargo::rerun-if-changed={PACKAGED}");
        packaged(&info)
    } else if Path::new(CHECKOUT).exists() {
        // HEAD names a branch; what was committed stands in its log.
        for file in ["HEAD", "logs/HEAD"] {
            println!("cargo::rerun-if-changed={CHECKOUT}/{file}");
        }
        described()
    } else {
        // Git would describe whatever holds the folder.
        println!("cargo::rerun-if-changed=build.rs");
        None
    };
    println!("cargo::rustc-env=FFC_COMMIT={}", commit.unwrap_or_default());
}

/// `{ "git": { "sha1": "...", "dirty": true }, ... }`, the latter where it is.
fn packaged(info: &str) -> Option<String> {
    let mut parts = info.split('"').skip_while(|part| *part != "sha1");
    let commit = parts.nth(2)?.get(..12)?;
    let dirty = if info.contains("\"dirty\": true") {
        "-dirty"
    } else {
        ""
    };
    Some(format!("{commit}{dirty}"))
}

fn described() -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
