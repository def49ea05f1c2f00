//! Tables of what criterion measured.

use std::path::{Path, PathBuf};

/// Where criterion is to write: `CRITERION_HOME`, or `criterion` in the target folder.
///
/// By itself it takes a relative `CARGO_TARGET_DIR`, or `target` where cargo did not start the bench, from the working folder, which is
/// this package's and not the workspace's.
pub fn criterion_folder() -> PathBuf {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return home.into();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    workspace.join(target).join("criterion")
}

/// Median seconds of a finished bench, from criterion's own files.
pub fn median_seconds(group: &str, function: &str, parameter: &str) -> Option<f64> {
    let path = criterion_folder()
        .join(group)
        .join(function)
        .join(parameter)
        .join("new/estimates.json");
    let text = std::fs::read_to_string(path).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(estimates["median"]["point_estimate"].as_f64()? / 1e9)
}
