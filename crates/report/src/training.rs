use std::fmt;

use ffc_train::format::{percent, significant};
use ffc_train::run::StepMetrics;

use crate::chart::{Axis, Chart, Point, Scale, Series, Style, Unit, is_drawable};
use crate::curves::smooth;
use crate::run_data::{Measured, RunData};
use crate::section;

/// The metrics over the steps.
pub struct Training<'a>(pub &'a RunData);

impl fmt::Display for Training<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(run) = self;
        section::begin(f, "training", "Training")?;
        let charts = charts(run);
        let is_smoothed = |chart: &Chart| {
            let mut series = chart.series.iter();
            series.any(|series| series.style == Style::Faint)
        };
        if charts.iter().any(is_smoothed) {
            f.write_str("<p class=\"note lead\">Thin lines are values as logged, bold ones their running means.</p>")?;
        }
        f.write_str("<div class=\"charts\">")?;
        for chart in &charts {
            chart.fmt(f)?;
        }
        f.write_str("</div>")?;
        if run.steps.is_empty() {
            section::missing(f, "No steps in metrics.jsonl.")?;
        }
        section::end(f)
    }
}

fn charts(run: &RunData) -> Vec<Chart> {
    let mut charts = Vec::new();
    let all = run.measured();
    // A measure's chart has all evaluations and networks.
    let mut measures: Vec<&str> = Vec::new();
    for measured in &all {
        if !measures.contains(&measured.measure) {
            measures.push(measured.measure);
            charts.push(evaluation_chart(&all, measured.measure));
        }
    }
    if run.steps.is_empty() {
        return charts;
    }
    let of_steps = |(quantity, value): &OfSteps| {
        let values = run.steps.iter();
        let values = values.map(|metrics| Point::new(metrics.step as f64, value(metrics)));
        quantity.chart(values.collect())
    };
    charts.extend(OPTIMISATION.iter().map(of_steps));
    for (name, values) in run.head_values() {
        let values = values.into_iter();
        let points = values.map(|(step, value)| Point::new(step as f64, value));
        let title = name.replace('_', " ");
        charts.push(Quantity::of_head(name, &title).chart(points.collect()));
    }
    charts.extend(SPEED.iter().map(of_steps));
    charts
}

const STEP: Axis = Axis {
    scale: Scale::Linear,
    unit: Unit::Number,
    includes: &[0.0],
};

/// A measure over the steps, with its intervals.
fn evaluation_chart(all: &[Measured<'_>], measure: &str) -> Chart {
    let mut names: Vec<&str> = Vec::new();
    let mut series = Vec::new();
    let of_measure = || all.iter().filter(|measured| measured.measure == measure);
    for measured in of_measure() {
        // An evaluation has a colour; beside the gallery network, which is used after training, another one is dashed.
        let colour = names.iter().position(|name| *name == measured.name);
        let colour = colour.unwrap_or_else(|| {
            names.push(measured.name);
            names.len() - 1
        });
        let has_gallery =
            of_measure().any(|other| other.name == measured.name && other.is_gallery());
        let points = measured.metrics.iter().map(|metrics| Point {
            x: metrics.step as f64,
            y: metrics.value,
            interval: Some((metrics.low, metrics.high)),
        });
        series.push(Series {
            name: format!("{} {}", measured.name, measured.network),
            style: if has_gallery && !measured.is_gallery() {
                Style::DashedDots
            } else {
                Style::Dots
            },
            colour,
            points: points.collect(),
        });
    }
    let headline = match &series[..] {
        [only] => only.points.last().map(|point| percent(point.y, 2)),
        _ => None,
    };
    Chart {
        title: measure.to_owned(),
        headline,
        note: Some("with 95 % bootstrap intervals".to_owned()),
        x: STEP,
        x_label: "step",
        y: Axis {
            scale: Scale::Linear,
            unit: Unit::Percent,
            includes: &[],
        },
        series,
        marks: Vec::new(),
    }
}

/// How a quantity is drawn.
struct Quantity<'a> {
    title: &'a str,
    note: &'a str,
    /// Whether it is noisy and its running mean says more.
    smoothed: bool,
    scale: Scale,
    unit: Unit,
    /// Values that the axis reaches at least.
    includes: &'static [f64],
}

/// A noisy number on a linear axis from its lowest value.
const PLAIN: Quantity<'_> = Quantity {
    title: "",
    note: "",
    smoothed: true,
    scale: Scale::Linear,
    unit: Unit::Number,
    includes: &[],
};

/// A quantity that the steps of every training have, and its value.
type OfSteps = (Quantity<'static>, fn(&StepMetrics) -> f64);

const OPTIMISATION: &[OfSteps] = &[
    (
        Quantity {
            title: "Loss",
            scale: Scale::Wide,
            ..PLAIN
        },
        |metrics| metrics.loss,
    ),
    (
        Quantity {
            title: "Learning rate",
            smoothed: false,
            scale: Scale::Wide,
            ..PLAIN
        },
        |metrics| metrics.learning_rate,
    ),
    (
        Quantity {
            title: "Gradient norm",
            note: "before clipping",
            scale: Scale::Wide,
            ..PLAIN
        },
        |metrics| metrics.gradient_norm,
    ),
];

const SPEED: &[OfSteps] = &[
    (
        Quantity {
            title: "Throughput",
            note: "images through the probe network, a second",
            includes: &[0.0],
            ..PLAIN
        },
        |metrics| metrics.images_per_s,
    ),
    (
        Quantity {
            title: "Data wait",
            note: "share of the time spent waiting for the loader",
            unit: Unit::Percent,
            includes: &[0.0],
            ..PLAIN
        },
        |metrics| metrics.data_wait_share,
    ),
];

/// What quantities of heads mean, where their names do not say it all. A quantity that is not here has no note.
const MEANINGS: &[(&str, &str)] = &[
    (
        "target_cosine",
        "mean between probe rows and their centres, before the margin",
    ),
    ("fresh_share", "probe rows whose identity had no centre"),
    ("pool_fill", "used share of the pool's slots"),
    ("evictions", "identities that lost their slots, a step"),
];

impl<'a> Quantity<'a> {
    /// A quantity that a head names: the name's end tells shares from numbers.
    fn of_head(name: &str, title: &'a str) -> Self {
        let meaning = MEANINGS.iter().find(|(known, _)| *known == name);
        let plain = Self {
            title,
            note: meaning.map_or("", |(_, note)| note),
            ..PLAIN
        };
        if name.ends_with("_fill") {
            Self {
                smoothed: false,
                unit: Unit::Percent,
                includes: &[0.0, 1.0],
                ..plain
            }
        } else if name.ends_with("_share") {
            Self {
                unit: Unit::Percent,
                includes: &[0.0],
                ..plain
            }
        } else {
            plain
        }
    }

    fn chart(&self, points: Vec<Point>) -> Chart {
        let means = self.smoothed.then(|| smooth(&points)).flatten();
        // A run that ended with a loss that is no number says so.
        let last = points.last().map(|last| match &means {
            Some(means) if is_drawable(last.y) => means.last().unwrap_or(last),
            _ => last,
        });
        let headline = last.map(|point| match self.unit {
            Unit::Percent => percent(point.y, 1),
            Unit::Number => significant(point.y, 3),
        });
        let series = |name: &str, style, points| Series {
            name: name.to_owned(),
            style,
            colour: 0,
            points,
        };
        Chart {
            title: self.title.to_owned(),
            headline,
            note: (!self.note.is_empty()).then(|| self.note.to_owned()),
            x: STEP,
            x_label: "step",
            y: Axis {
                scale: self.scale,
                unit: self.unit,
                includes: self.includes,
            },
            series: match means {
                Some(means) => vec![
                    series("as logged", Style::Faint, points),
                    series("running mean", Style::Line, means),
                ],
                None => vec![series(self.title, Style::Line, points)],
            },
            marks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that no head of ours has.
    #[test]
    fn a_name_tells_how_a_quantity_is_drawn() {
        for (name, title, headline, reaches) in [
            ("sampled_share", "sampled share", "25.0 %", 0.0),
            ("queue_fill", "queue fill", "25.0 %", 1.0),
            ("active_triplets", "active triplets", "0.25", 0.25),
        ] {
            let shown = name.replace('_', " ");
            let chart = Quantity::of_head(name, &shown).chart(vec![Point::new(10.0, 0.25)]);
            assert_eq!(chart.title, title);
            assert_eq!(chart.headline.as_deref(), Some(headline));
            assert_eq!(chart.note, None);
            let ends = chart.y.includes;
            assert_eq!(ends.last().copied().unwrap_or(0.25), reaches, "{name}");
        }
    }
}
