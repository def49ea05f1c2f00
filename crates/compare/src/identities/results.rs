use std::path::{Path, PathBuf};

use ffc_report::chart::{Axis, Chart, Point, Scale, Series, Style, Unit};
use ffc_report::{Page, Section, Table};
use ffc_train::format::{count, significant};

use super::measurement::Measurement;
use crate::summary::bytes;
use crate::{Error, Result};

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
pub(super) fn numbers(measurements: &[Measurement]) -> Table {
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
