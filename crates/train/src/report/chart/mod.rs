//! Small charts as SVG.

mod axis;
mod svg;
mod thin;

pub(super) use axis::{Axis, Scale, Unit};

/// A chart with its heading.
pub(super) struct Chart {
    pub(super) title: String,
    /// A value worth to stand beside the title.
    pub(super) headline: Option<String>,
    /// A line below the title.
    pub(super) note: Option<String>,
    pub(super) x: Axis,
    /// What the x axis shows.
    pub(super) x_label: &'static str,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    pub(super) marks: Vec<Mark>,
}

/// Points of one kind.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) style: Style,
    /// Number of the colour.
    pub(super) colour: usize,
    /// Sorted by x.
    pub(super) points: Vec<Point>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Style {
    Line,
    /// A line in the background.
    Faint,
    /// A line with dots on it, for few points.
    Dots,
    /// The same, dashed.
    DashedDots,
    /// The area between the line and 0.
    Area,
}

/// A point; where `y` cannot be drawn the line has a gap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// What the value lies in, lower end first.
    pub(super) interval: Option<(f64, f64)>,
}

impl Point {
    pub(super) fn new(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            interval: None,
        }
    }
}

/// A value of x that is pointed out.
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) label: String,
}

/// Whether a value has a place in a chart: neither infinite nor so large that the axis would be.
pub(super) fn is_drawable(value: f64) -> bool {
    value.abs() < 1e100
}
