//! Memory and time of heads over the number of identities: measured while it fits, by formula beyond.

use std::fs;
use std::path::{Path, PathBuf};

use ffc_core::HeadBytes;
use ffc_report::chart::{Axis, Chart, Point, Scale, Series, Style, Unit};
use ffc_report::{Page, Section, Table};
use ffc_train::format::{count, significant};
use ffc_train::{Config, StepPictures, Timing};
use serde::{Deserialize, Serialize};

use crate::program::Program;
use crate::summary::bytes;
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

/// A head at a number of identities.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The head.
    pub head: String,
    /// The number of identities.
    pub identities: u64,
    /// Whether it was measured; else time and peak are what follows from smaller numbers and the head's bytes.
    pub is_measured: bool,
    /// Why it could not be measured, where it was tried.
    pub problem: Option<String>,
    /// Pictures of a step.
    pub pictures: StepPictures,
    /// What the head keeps, by its settings.
    pub bytes: HeadBytes,
    /// The most memory of the whole process.
    pub peak_memory_bytes: Option<u64>,
    /// Seconds of the head alone.
    pub head_s: Option<f64>,
    /// Seconds of a step.
    pub step_s: Option<f64>,
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

/// What follows for a number of identities: bytes from the settings; the peak from the last one measured and the bytes that are added; time
/// along the line through the last two.
fn expected(head: &str, identities: u64, config: &Config, smaller: &[Measurement]) -> Measurement {
    let (dim, batch) = (config.backbone.embedding(), config.loader.batch);
    let bytes = config.head.bytes(identities, dim, batch);
    let mut measured = smaller.iter().rev().filter(|smaller| smaller.is_measured);
    let (last, before) = (measured.next(), measured.next());
    let beyond = |last: f64, before: f64, [from, to]: [u64; 2]| {
        let slope = (last - before) / (to - from).max(1) as f64;
        last + slope.max(0.0) * (identities - to) as f64
    };
    let head_s = match (last, before) {
        (Some(last), Some(before)) => last
            .head_s
            .zip(before.head_s)
            .map(|(to_s, from_s)| beyond(to_s, from_s, [before.identities, last.identities])),
        _ => None,
    };
    let step_s = last.and_then(|last| Some(last.step_s? - last.head_s? + head_s?));
    let added = |last: &Measurement| bytes.on_device().saturating_sub(last.bytes.on_device());
    Measurement {
        head: head.to_owned(),
        identities,
        is_measured: false,
        problem: None,
        pictures: config.pictures(),
        bytes,
        peak_memory_bytes: last.and_then(|last| Some(last.peak_memory_bytes? + added(last))),
        head_s,
        step_s,
    }
}

impl Measurement {
    fn measured(self, timing: &Timing) -> Self {
        Self {
            is_measured: true,
            peak_memory_bytes: timing.peak_memory_bytes,
            head_s: Some(timing.head_s),
            step_s: Some(timing.step_s),
            ..self
        }
    }

    /// Where its numbers come from, in words.
    pub fn how(&self) -> &'static str {
        match (self.is_measured, &self.problem) {
            (true, _) => "measured",
            (false, None) => "computed",
            (false, Some(_)) => "failed, computed",
        }
    }

    /// Images a second: through the trained network, through both, of the instance loader.
    pub fn images_per_s(&self) -> Option<[f64; 3]> {
        let StepPictures {
            trained,
            embedded,
            instances,
        } = self.pictures;
        let step_s = self.step_s?;
        Some([trained, embedded, instances].map(|images| images as f64 / step_s))
    }
}

/// A row for each head and number of identities.
pub fn table(measurements: &[Measurement]) -> Table {
    let mut table = Table::new([
        "head",
        "identities",
        "numbers",
        "rows",
        "momenta",
        "in a step",
        "in a file",
        "peak memory",
        "head, ms",
        "step, ms",
        "images/s: trained",
        "embedded",
        "instances",
    ]);
    let ms = |seconds: Option<f64>| match seconds {
        Some(seconds) => significant(1e3 * seconds, 3),
        None => "–".to_owned(),
    };
    for measurement in measurements {
        let per_s = |at: usize| match measurement.images_per_s() {
            Some(per_s) if per_s[at] > 0.0 => significant(per_s[at], 3),
            _ => "–".to_owned(),
        };
        let kept = measurement.bytes;
        table.rows.push(vec![
            measurement.head.clone(),
            count(measurement.identities),
            measurement.how().to_owned(),
            bytes(kept.rows),
            bytes(kept.momenta),
            bytes(kept.of_step),
            bytes(kept.in_file),
            measurement
                .peak_memory_bytes
                .map_or_else(|| "–".to_owned(), bytes),
            ms(measurement.head_s),
            ms(measurement.step_s),
            per_s(0),
            per_s(1),
            per_s(2),
        ]);
    }
    table
}

/// The same in plain numbers.
fn numbers(measurements: &[Measurement]) -> Table {
    let mut table = Table::new([
        "head",
        "identities",
        "numbers",
        "rows_bytes",
        "momenta_bytes",
        "step_bytes",
        "file_bytes",
        "peak_memory_bytes",
        "head_s",
        "step_s",
        "trained_per_s",
        "embedded_per_s",
        "instances_per_s",
    ]);
    let text = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
    for measurement in measurements {
        let kept = measurement.bytes;
        let peak = measurement.peak_memory_bytes;
        let mut row = vec![
            measurement.head.clone(),
            measurement.identities.to_string(),
            measurement.how().to_owned(),
        ];
        row.extend(
            [kept.rows, kept.momenta, kept.of_step, kept.in_file].map(|bytes| bytes.to_string()),
        );
        row.push(peak.map_or(String::new(), |peak| peak.to_string()));
        row.extend([measurement.head_s, measurement.step_s].map(text));
        row.extend((0..3).map(|at| text(measurement.images_per_s().map(|per_s| per_s[at]))));
        table.rows.push(row);
    }
    table
}

/// Writes `identities.md`, `identities.csv`, `identities.html` and each chart as `identities-<name>.svg` into the folder. Gives the page's path.
///
/// # Errors
///
/// [`Error::Io`].
pub fn write_results(folder: &Path, base: &str, measurements: &[Measurement]) -> Result<PathBuf> {
    let path = |name: &str| folder.join(name);
    let write = |name: &str, bytes: &[u8]| {
        let path = path(name);
        ffc_files::write(&path, bytes).map_err(Error::io("write", &path))
    };
    let table = table(measurements);
    write("identities.md", table.to_string().as_bytes())?;
    let csv = numbers(measurements).to_csv();
    let csv = csv.map_err(|error| Error::io("write", path("identities.csv"))(error.into()))?;
    write("identities.csv", &csv)?;
    for (name, chart) in charts(measurements) {
        if let Some(picture) = chart.picture() {
            write(&format!("identities-{name}.svg"), picture.as_bytes())?;
        }
    }
    write(
        "identities.html",
        page(base, measurements, table).as_bytes(),
    )?;
    Ok(path("identities.html"))
}

/// The charts, and the names of their files.
fn charts(measurements: &[Measurement]) -> [(&'static str, Chart); 6] {
    let gib = f64::from(1 << 30);
    let of = |title, value: &dyn Fn(&Measurement) -> Option<f64>| chart(measurements, title, value);
    [
        (
            "head-bytes",
            of("Head's state, GiB", &|of| {
                Some((of.bytes.on_device() + of.bytes.in_file) as f64 / gib)
            }),
        ),
        (
            "peak-memory",
            of("Peak memory of the process, GiB", &|of| {
                of.peak_memory_bytes.map(|bytes| bytes as f64 / gib)
            }),
        ),
        (
            "head-time",
            of("The head alone, ms a step", &|of| Some(1e3 * of.head_s?)),
        ),
        (
            "trained",
            of("Trained images a second", &|of| Some(of.images_per_s()?[0])),
        ),
        (
            "embedded",
            of("Embedded images a second", &|of| {
                Some(of.images_per_s()?[1])
            }),
        ),
        (
            "instances",
            of("Instances a second", &|of| Some(of.images_per_s()?[2])),
        ),
    ]
}

fn page(base: &str, measurements: &[Measurement], table: Table) -> String {
    let section = Section {
        title: "Over the number of identities".to_owned(),
        note: Some("Solid lines were measured, dashed ones are computed.".to_owned()),
        charts: charts(measurements)
            .into_iter()
            .map(|(_, chart)| chart)
            .collect(),
        table: Some(table),
    };
    Page {
        kind: "FFC heads",
        title: "Memory and time over identities",
        facts: vec![format!("{base}, on drawn identities")],
        sections: vec![&section],
        notes: vec![
            "Rows, momenta and copies are of the head by its settings. Peak memory is the process's high-water mark, the network and the loader \
             included. What is computed: bytes from the settings, the peak from the last one measured and the bytes added, time along the line \
             through the last two."
                .to_owned(),
        ],
    }
    .to_string()
}

/// A value over identities, both logarithmic: a solid line of what was measured, and a dashed one from its end.
fn chart(
    measurements: &[Measurement],
    title: &str,
    value: &dyn Fn(&Measurement) -> Option<f64>,
) -> Chart {
    const LOG: Axis = Axis {
        scale: Scale::Log,
        unit: Unit::Number,
        includes: &[],
    };
    let mut heads: Vec<&str> = Vec::new();
    for measurement in measurements {
        if !heads.contains(&measurement.head.as_str()) {
            heads.push(&measurement.head);
        }
    }
    let mut series = Vec::new();
    for (colour, head) in heads.into_iter().enumerate() {
        let points = |is_measured: bool| {
            let of_head = measurements.iter().filter(|of| of.head == head);
            let wanted = of_head.filter(|of| of.is_measured == is_measured);
            let points = wanted.filter_map(|of| {
                let value = value(of).filter(|value| *value > 0.0)?;
                Some(Point::new(of.identities as f64, value))
            });
            points.collect::<Vec<_>>()
        };
        let measured = points(true);
        let mut computed = points(false);
        if let (Some(&last), false) = (measured.last(), computed.is_empty()) {
            computed.insert(0, last);
        }
        for (name, style, points) in [
            (head.to_owned(), Style::Dots, measured),
            (format!("{head}, computed"), Style::DashedDots, computed),
        ] {
            if !points.is_empty() {
                series.push(Series {
                    name,
                    style,
                    colour,
                    points,
                });
            }
        }
    }
    Chart {
        title: title.to_owned(),
        headline: None,
        note: None,
        x: LOG,
        x_label: "identities",
        y: LOG,
        series,
        marks: Vec::new(),
    }
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
