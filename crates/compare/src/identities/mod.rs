//! Memory and time of heads over the number of identities: measured while it fits, by formula beyond.

mod measurement;
mod results;

use std::fs;
use std::path::Path;

use ffc_train::{Config, Timing};
use serde::{Deserialize, Serialize};

pub use measurement::Measurement;
use measurement::expected;
pub use results::{table, write_results};

use crate::program::Program;
use crate::{Error, Result};

/// What was measured so far.
const MEASURED: &str = "measured.json";
/// Entries of the queue that is published, of which whole batches are taken.
const QUEUE: usize = 8192;
/// The key of the identities' number.
const IDENTITIES: &str = "data.source.identities";

/// Heads that are compared, with their settings. Each step has as many trained pictures as one of FFC's.
pub const HEADS: [(&str, &[&str]); 8] = [
    ("FFC", &["head.kind=ffc"]),
    ("full", &["head.kind=full"]),
    ("Partial FC 0.1", &["head.kind=partial"]),
    (
        "Partial FC 0.1 dense",
        &["head.kind=partial", "head.update=dense"],
    ),
    ("Virtual FC", &["head.kind=virtual", "head.images=4"]),
    ("queue", &["head.kind=queue"]),
    ("triplet", &["head.kind=triplet"]),
    ("pairs", &["head.kind=pairs"]),
];

/// How heads are measured.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// A configuration of drawn identities: a preset or a path.
    pub base: String,
    /// Settings of all heads, `key=value`.
    pub overrides: Vec<String>,
    /// Numbers of identities, ascending.
    pub identities: Vec<u64>,
    /// Names of [`HEADS`].
    pub heads: Vec<String>,
    /// Steps that are timed.
    pub steps: usize,
    /// What a process may hold: what would need more is not made.
    pub memory_bytes: u64,
    /// What a step of the head may take: where the time so far makes more expected, it is not made.
    pub head_s: f64,
}

/// A measurement as it is kept, with what it depends on.
#[derive(Serialize, Deserialize)]
struct Kept {
    config: String,
    device: String,
    steps: usize,
    timing: Timing,
}

impl Sweep {
    /// Measures what is not in the folder yet and fits, and gives all, head by head.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`] where a head is not known or the base has no drawn identities; where a program fails.
    pub fn run(
        &self,
        folder: &Path,
        program: &Program,
        tell: &mut dyn FnMut(&Measurement),
    ) -> Result<Vec<Measurement>> {
        // All of them, before hours are spent on the first.
        let mut columns = Vec::new();
        for name in &self.heads {
            let mut of_head = Vec::new();
            for &identities in &self.identities {
                let overrides = self.overrides(settings(name)?, identities)?;
                let config = Config::named(&self.base, &overrides)?;
                of_head.push((identities, overrides, config));
            }
            columns.push((name, of_head));
        }
        fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
        let mut kept = read(folder)?;
        let mut all = Vec::new();
        for (name, points) in columns {
            let mut of_head: Vec<Measurement> = Vec::new();
            for (identities, overrides, config) in points {
                let mut measurement = expected(name, identities, &config, &of_head);
                let text = config.to_toml()?;
                let known = kept.iter().find(|kept| {
                    kept.config == text && kept.device == program.device && kept.steps == self.steps
                });
                if let Some(known) = known {
                    measurement = measurement.measured(&known.timing);
                } else if self.fits(&measurement, &of_head) {
                    match program.time(&self.base, &overrides, self.steps, false) {
                        Ok(timing) => {
                            measurement = measurement.measured(&timing);
                            kept.push(Kept {
                                config: text,
                                device: program.device.clone(),
                                steps: self.steps,
                                timing,
                            });
                            write(folder, &kept)?;
                        }
                        // A process that the system ended for its memory is no reason to leave the others out.
                        Err(error) => measurement.problem = Some(error.to_string()),
                    }
                }
                tell(&measurement);
                of_head.push(measurement);
            }
            all.extend(of_head);
        }
        Ok(all)
    }

    /// The settings of a head at a number of identities: batches of as many trained pictures as FFC's, a queue of whole batches.
    fn overrides(&self, settings: &[&str], identities: u64) -> Result<Vec<String>> {
        let with = |settings: &[&str]| {
            let mut all = self.overrides.clone();
            all.extend(settings.iter().map(|&setting| setting.to_owned()));
            all.push(format!("{IDENTITIES}={identities}"));
            all
        };
        let trained = Config::named(&self.base, &with(&["head.kind=ffc"]))?
            .pictures()
            .trained;
        let mut all = with(settings);
        if !settings.contains(&"head.kind=ffc") {
            all.push(format!("loader.batch={trained}"));
        }
        if settings.contains(&"head.kind=queue") {
            let batches = (QUEUE / trained).max(1);
            all.push(format!("head.queue={}", batches * trained));
        }
        Ok(all)
    }

    /// Whether a head shall be made. After one that was not, none larger is.
    fn fits(&self, expected: &Measurement, smaller: &[Measurement]) -> bool {
        smaller.iter().all(|smaller| smaller.is_measured)
            && expected
                .peak_memory_bytes
                .unwrap_or(expected.bytes.on_device())
                <= self.memory_bytes
            && expected.head_s.is_none_or(|head_s| head_s <= self.head_s)
    }
}

fn settings(head: &str) -> Result<&'static [&'static str]> {
    let known = HEADS.into_iter().find(|(name, _)| *name == head);
    known
        .map(|(_, settings)| settings)
        .ok_or_else(|| Error::Plan {
            origin: format!("head {head:?}"),
            problem: format!(
                "is not known; heads are {}",
                HEADS.map(|(name, _)| name).join(", ")
            ),
        })
}

fn read(folder: &Path) -> Result<Vec<Kept>> {
    let path = folder.join(MEASURED);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read(&path).map_err(Error::io("read", &path))?;
    serde_json::from_slice(&text).map_err(|error| Error::Plan {
        origin: path.display().to_string(),
        problem: format!("{error}; remove it to measure anew"),
    })
}

fn write(folder: &Path, kept: &[Kept]) -> Result<()> {
    let path = folder.join(MEASURED);
    let text = serde_json::to_vec_pretty(kept).unwrap_or_default();
    ffc_files::write(&path, &text).map_err(Error::io("write", &path))
}

#[cfg(test)]
mod tests {
    use super::results::numbers;
    use super::*;

    fn config(identities: u64, settings: &[&str]) -> Config {
        let mut overrides: Vec<String> = settings.iter().map(|&text| text.to_owned()).collect();
        overrides.push(format!("{IDENTITIES}={identities}"));
        Config::named("synthetic", &overrides).unwrap()
    }

    #[test]
    fn every_head_fits_the_built_in_job() {
        for (name, settings) in HEADS {
            let sweep = Sweep {
                base: "synthetic".into(),
                overrides: Vec::new(),
                identities: Vec::new(),
                heads: Vec::new(),
                steps: 1,
                memory_bytes: 0,
                head_s: 0.0,
            };
            let overrides = sweep.overrides(settings, 10_000).unwrap();
            let config = Config::named("synthetic", &overrides).unwrap();
            assert_eq!(config.pictures().trained, 96, "{name}");
        }
    }

    /// Beyond what was measured: bytes from the settings, time along a line, the peak by the bytes that are added.
    #[test]
    fn computed_beyond_what_fits() {
        let mut smaller = Vec::new();
        for (identities, head_s) in [(10_000, 0.010), (20_000, 0.020)] {
            let config = config(identities, &["head.kind=full"]);
            let expected = expected("full", identities, &config, &smaller);
            smaller.push(Measurement {
                is_measured: true,
                head_s: Some(head_s),
                step_s: Some(head_s + 0.1),
                peak_memory_bytes: Some(1_000_000_000),
                ..expected
            });
        }
        let config = config(50_000, &["head.kind=full"]);
        let found = expected("full", 50_000, &config, &smaller);
        assert!(!found.is_measured);
        assert_eq!(found.bytes.on_device(), 2 * 50_000 * 128 * 4);
        assert!((found.head_s.unwrap() - 0.050).abs() < 1e-9);
        assert!((found.step_s.unwrap() - 0.150).abs() < 1e-9);
        let added = 2 * 30_000 * 128 * 4;
        assert_eq!(found.peak_memory_bytes, Some(1_000_000_000 + added));
        // What was tried and failed is told from what was not tried.
        let failed = Measurement {
            problem: Some("ffc: signal: 9 (SIGKILL)".into()),
            ..found.clone()
        };
        let rows = table(&[smaller[0].clone(), found.clone(), failed.clone()]).rows;
        let how: Vec<&str> = rows.iter().map(|row| row[2].as_str()).collect();
        assert_eq!(how, ["measured", "computed", "failed, computed"]);
        assert_eq!(numbers(&[failed]).rows[0][2], "failed, computed");

        let sweep = Sweep {
            base: "synthetic".into(),
            overrides: Vec::new(),
            identities: Vec::new(),
            heads: Vec::new(),
            steps: 1,
            memory_bytes: 1_000_000_000 + added,
            head_s: 0.051,
        };
        assert!(sweep.fits(&found, &smaller));
        assert!(
            !Sweep {
                head_s: 0.049,
                ..sweep.clone()
            }
            .fits(&found, &smaller)
        );
        assert!(
            !Sweep {
                memory_bytes: 1_000_000_000,
                ..sweep
            }
            .fits(&found, &smaller)
        );
    }
}
