use std::fmt;

use ffc_train::format::{percent, significant};
use ffc_train::run::StepMetrics;

use crate::chart::{Axis, Chart, Point, Scale, Series, Style, Unit, is_drawable};
use crate::curves::smooth;
use crate::page::{missing, section};
use crate::run_data::{Kind, RunData};

/// The metrics over the steps.
pub(crate) struct Training<'a>(pub(crate) &'a RunData);

impl fmt::Display for Training<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(run) = self;
        section(f, "training", "Training")?;
        if !run.steps.is_empty() {
            f.write_str("<p class=\"note lead\">Thin lines are values as measured, bold ones their running means.</p>")?;
        }
        f.write_str("<div class=\"charts\">")?;
        let kinds = run.kinds();
        // A measure's chart has all evaluations and networks.
        let mut measures: Vec<&str> = Vec::new();
        for kind in &kinds {
            if !measures.contains(&kind.measure) {
                measures.push(kind.measure);
                evaluation_chart(&kinds, kind.measure).fmt(f)?;
            }
        }
        if !run.steps.is_empty() {
            for quantity in QUANTITIES {
                quantity.chart(&run.steps).fmt(f)?;
            }
        }
        f.write_str("</div>")?;
        if run.steps.is_empty() {
            missing(f, "No steps in metrics.jsonl.")?;
        }
        f.write_str("</section>")
    }
}

const STEP: Axis = Axis {
    scale: Scale::Linear,
    unit: Unit::Number,
    includes: &[0.0],
};

/// A measure over the steps, with its intervals.
fn evaluation_chart(kinds: &[Kind<'_>], measure: &str) -> Chart {
    let mut names: Vec<&str> = Vec::new();
    let mut series = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.measure == measure) {
        // An evaluation has a colour; the network that is not used after training is dashed.
        let colour = names.iter().position(|name| *name == kind.name);
        let colour = colour.unwrap_or_else(|| {
            names.push(kind.name);
            names.len() - 1
        });
        let points = kind.metrics.iter().map(|metrics| Point {
            x: metrics.step as f64,
            y: metrics.value,
            interval: Some((metrics.low, metrics.high)),
        });
        series.push(Series {
            name: format!("{} {}", kind.name, kind.network),
            style: if kind.is_gallery() {
                Style::Dots
            } else {
                Style::DashedDots
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

/// A quantity of [`StepMetrics`] and how it is drawn.
struct Quantity {
    title: &'static str,
    note: &'static str,
    /// Whether it is noisy and its running mean says more.
    smoothed: bool,
    scale: Scale,
    unit: Unit,
    /// Values that the axis reaches at least.
    includes: &'static [f64],
    value: fn(&StepMetrics) -> Option<f64>,
}

/// A noisy number on a linear axis from its lowest value.
const PLAIN: Quantity = Quantity {
    title: "",
    note: "",
    smoothed: true,
    scale: Scale::Linear,
    unit: Unit::Number,
    includes: &[],
    value: |_| None,
};

const QUANTITIES: &[Quantity] = &[
    Quantity {
        title: "Loss",
        scale: Scale::Wide,
        value: |metrics| Some(metrics.loss),
        ..PLAIN
    },
    Quantity {
        title: "Learning rate",
        smoothed: false,
        scale: Scale::Wide,
        value: |metrics| Some(metrics.learning_rate),
        ..PLAIN
    },
    Quantity {
        title: "Gradient norm",
        note: "before clipping",
        scale: Scale::Wide,
        value: |metrics| Some(metrics.gradient_norm),
        ..PLAIN
    },
    Quantity {
        title: "Target cosine",
        note: "mean between probe rows and their centres, before the margin",
        value: |metrics| metrics.head.get("target_cosine"),
        ..PLAIN
    },
    Quantity {
        title: "Fresh rows",
        note: "share of probe rows whose identity had no centre",
        unit: Unit::Percent,
        includes: &[0.0],
        value: |metrics| metrics.head.get("fresh_share"),
        ..PLAIN
    },
    Quantity {
        title: "Pool fill",
        note: "used share of the pool's slots",
        smoothed: false,
        unit: Unit::Percent,
        includes: &[0.0, 1.0],
        value: |metrics| metrics.head.get("pool_fill"),
        ..PLAIN
    },
    Quantity {
        title: "Evictions",
        note: "identities that lost their slots, a step",
        includes: &[0.0],
        value: |metrics| metrics.head.get("evictions"),
        ..PLAIN
    },
    Quantity {
        title: "Throughput",
        note: "images through the probe network, a second",
        includes: &[0.0],
        value: |metrics| Some(metrics.images_per_s),
        ..PLAIN
    },
    Quantity {
        title: "Data wait",
        note: "share of the time spent waiting for the loader",
        unit: Unit::Percent,
        includes: &[0.0],
        value: |metrics| Some(metrics.data_wait_share),
        ..PLAIN
    },
];

impl Quantity {
    fn chart(&self, steps: &[StepMetrics]) -> Chart {
        let points: Vec<Point> = steps
            .iter()
            .filter_map(|metrics| Some(Point::new(metrics.step as f64, (self.value)(metrics)?)))
            .collect();
        let means = self.smoothed.then(|| smooth(&points));
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
                    series("as measured", Style::Faint, points),
                    series("running mean", Style::Line, means),
                ],
                None => vec![series(self.title, Style::Line, points)],
            },
            marks: Vec::new(),
        }
    }
}
