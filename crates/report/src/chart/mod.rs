//! Small charts as SVG.

mod axis;
mod svg;
mod thin;

pub(crate) use axis::{Axis, Scale, Unit};

/// A chart with its heading.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// A value worth to stand beside the title.
    pub(crate) headline: Option<String>,
    /// A line below the title.
    pub(crate) note: Option<String>,
    pub(crate) x: Axis,
    /// What the x axis shows.
    pub(crate) x_label: &'static str,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) marks: Vec<Mark>,
}

/// Points of one kind.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) style: Style,
    /// Number of the colour.
    pub(crate) colour: usize,
    /// Sorted by x.
    pub(crate) points: Vec<Point>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
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
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
    /// What the value lies in, lower end first.
    pub(crate) interval: Option<(f64, f64)>,
}

impl Point {
    pub(crate) fn new(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            interval: None,
        }
    }
}

/// A value of x that is pointed out.
pub(crate) struct Mark {
    pub(crate) x: f64,
    pub(crate) label: String,
}

/// Whether a value has a place in a chart: neither infinite nor so large that the axis would be.
pub(crate) fn is_drawable(value: f64) -> bool {
    value.abs() < 1e100
}
