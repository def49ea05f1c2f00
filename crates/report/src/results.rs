use std::fmt;

use ffc_train::format::percent;
use ffc_train::run::{BaselineMeasure, EvaluationMetrics};

use crate::escape::Escaped;
use crate::run_data::{Measured, RunData};
use crate::section;

/// Measures in large figures above the table.
const TILES: usize = 4;
/// Width and height of the picture of a row's intervals.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 26.0;
const MARGIN: f64 = 8.0;

/// What the evaluations found before and after training.
pub struct Results<'a>(pub &'a RunData);

impl fmt::Display for Results<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.measured();
        section::begin(f, "results", "Results")?;
        if all.is_empty() {
            section::missing(f, "Nothing was evaluated: metrics.jsonl has no evaluation.")?;
            return section::end(f);
        }

        let tiles = tiles(&all);
        if !tiles.is_empty() {
            f.write_str("<div class=\"tiles\">")?;
            for measured in tiles {
                tile(f, measured)?;
            }
            f.write_str("</div>")?;
        }

        let rows: Vec<Row<'_>> = all
            .iter()
            .map(|measured| Row::new(measured, self.0))
            .collect();
        let lowest = rows.iter().flat_map(Row::values).fold(1.0, f64::min);
        // Down to a tenth, with room to the left.
        let floor = ((lowest - 0.02) * 10.0).floor().clamp(0.0, 9.0) / 10.0;
        f.write_str("<div class=\"card rows\">")?;
        write!(
            f,
            "<div class=\"row head\"><span>evaluation</span><span>before</span><span>after</span><span class=\"ends\"><i>{}</i><i>100 %</i></span></div>",
            percent(floor, 0)
        )?;
        for row in &rows {
            row.write(f, floor)?;
        }
        f.write_str("<p class=\"note\">Lines are 95 % bootstrap intervals. <span class=\"key\"><svg viewBox=\"0 0 12 12\" class=\"c5\"><circle class=\"hollow\" cx=\"6\" cy=\"6\" r=\"4\"/></svg>before training</span> <span class=\"key\"><svg viewBox=\"0 0 12 12\" class=\"c0\"><circle cx=\"6\" cy=\"6\" r=\"4.5\"/></svg>after</span>")?;
        if rows.iter().any(|row| !row.baselines.is_empty()) {
            f.write_str(" <span class=\"key\"><svg viewBox=\"0 0 12 12\" class=\"c1\"><path class=\"diamond\" d=\"M6 1l5 5-5 5-5-5Z\"/></svg>simple method</span>")?;
        }
        f.write_str("</p></div></section>")
    }
}

/// The first measure of each evaluation. The gallery network is the one that is used after training.
fn tiles<'a>(all: &'a [Measured<'a>]) -> Vec<&'a Measured<'a>> {
    let is_first = |measured: &Measured<'_>| {
        let first = all.iter().find(|first| first.name == measured.name);
        first.is_some_and(|first| first.measure == measured.measure)
    };
    let mut tiles: Vec<&Measured<'_>> = all
        .iter()
        .filter(|measured| measured.after().is_some() && is_first(measured))
        .collect();
    tiles.sort_by_key(|measured| !measured.is_gallery());
    tiles.truncate(TILES);
    tiles
}

/// The last value in large figures.
fn tile(f: &mut fmt::Formatter<'_>, measured: &Measured<'_>) -> fmt::Result {
    let Some(after) = measured.after() else {
        return Ok(());
    };
    write!(
        f,
        "<div class=\"card tile\"><p>{} {}<i>{}</i></p><strong>{}</strong><p class=\"note\">95 % interval {}",
        Escaped(measured.name),
        Escaped(measured.measure),
        Escaped(measured.network),
        percent(after.value, 2),
        interval(after.low, after.high),
    )?;
    if let Some(before) = measured.before() {
        write!(
            f,
            "<br>before training {} ({})",
            percent(before.value, 2),
            interval(before.low, before.high)
        )?;
    }
    f.write_str("</p></div>")
}

fn interval(low: f64, high: f64) -> String {
    format!("{:.1} – {}", 100.0 * low, percent(high, 1))
}

/// A line of the table.
struct Row<'a> {
    measured: &'a Measured<'a>,
    baselines: Vec<&'a BaselineMeasure>,
}

impl<'a> Row<'a> {
    fn new(measured: &'a Measured<'a>, run: &'a RunData) -> Self {
        let scores = run.scores.as_ref();
        let scores = scores.and_then(|scores| scores.0.get(measured.name));
        let baselines = scores.into_iter().flat_map(|scores| &scores.baselines);
        Self {
            measured,
            baselines: baselines
                .filter(|baseline| baseline.measure == measured.measure)
                .collect(),
        }
    }

    /// All that has a place in the picture.
    fn values(&self) -> impl Iterator<Item = f64> {
        let metrics = [self.measured.before(), self.measured.after()];
        let metrics = metrics.into_iter().flatten();
        let baselines = self.baselines.iter().map(|baseline| baseline.low);
        metrics
            .flat_map(|metrics| [metrics.value, metrics.low])
            .chain(baselines)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, floor: f64) -> fmt::Result {
        write!(
            f,
            "<div class=\"row\"><span><b>{}</b> {} <i>{}</i>",
            Escaped(self.measured.name),
            Escaped(self.measured.measure),
            Escaped(self.measured.network)
        )?;
        for baseline in &self.baselines {
            write!(
                f,
                "<small>{}: {} ({})</small>",
                Escaped(&baseline.name),
                percent(baseline.value, 2),
                interval(baseline.low, baseline.high)
            )?;
        }
        f.write_str("</span>")?;
        for metrics in [self.measured.before(), self.measured.after()] {
            match metrics {
                Some(EvaluationMetrics {
                    value, low, high, ..
                }) => write!(
                    f,
                    "<span class=\"value\">{}<small>{}</small></span>",
                    percent(*value, 2),
                    interval(*low, *high)
                )?,
                None => f.write_str("<span class=\"value\">–</span>")?,
            }
        }
        self.picture(f, floor)?;
        f.write_str("</div>")
    }

    /// The intervals on an axis from `floor` to 1.
    fn picture(&self, f: &mut fmt::Formatter<'_>, floor: f64) -> fmt::Result {
        let place = |value: f64| {
            let share = ((value - floor) / (1.0 - floor)).clamp(0.0, 1.0);
            MARGIN + share * (WIDTH - 2.0 * MARGIN)
        };
        let y = HEIGHT / 2.0;
        write!(
            f,
            "<svg class=\"intervals\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"xMidYMid meet\" aria-hidden=\"true\"><path class=\"grid\" d=\"M{MARGIN} {y}H{}\"/>",
            WIDTH - MARGIN
        )?;
        if let (Some(before), Some(after)) = (self.measured.before(), self.measured.after()) {
            write!(
                f,
                "<path class=\"gain\" d=\"M{:.1} {y}H{:.1}\"/>",
                place(before.value),
                place(after.value)
            )?;
        }
        for baseline in &self.baselines {
            let x = place(baseline.value);
            write!(
                f,
                "<g class=\"c1\"><title>{}: {}</title><path class=\"line\" d=\"M{:.1} {y}H{:.1}\"/><path class=\"diamond\" d=\"M{x:.1} {}l5 5-5 5-5-5Z\"/></g>",
                Escaped(&baseline.name),
                percent(baseline.value, 2),
                place(baseline.low),
                place(baseline.high),
                y - 5.0
            )?;
        }
        let states = [
            (self.measured.before(), "c5", " class=\"hollow\"", "before"),
            (self.measured.after(), "c0", "", "after"),
        ];
        for (metrics, colour, circle, state) in states {
            if let Some(metrics) = metrics {
                write!(
                    f,
                    "<g class=\"{colour}\"><title>{state}: {}</title><path class=\"line\" d=\"M{:.1} {y}H{:.1}\"/><circle{circle} cx=\"{:.1}\" cy=\"{y}\" r=\"4.5\"/></g>",
                    percent(metrics.value, 2),
                    place(metrics.low),
                    place(metrics.high),
                    place(metrics.value)
                )?;
            }
        }
        f.write_str("</svg>")
    }
}
