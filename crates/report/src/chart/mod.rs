//! Small charts as SVG, which take their looks from a [`Page`](crate::Page).

mod axis;
mod svg;
mod thin;

pub use axis::{Axis, Scale, Unit};

/// A chart with its heading: HTML when it is shown.
pub struct Chart {
    /// The heading.
    pub title: String,
    /// A value worth to stand beside the title.
    pub headline: Option<String>,
    /// A line below the title.
    pub note: Option<String>,
    /// The axis from left to right.
    pub x: Axis,
    /// What the x axis shows.
    pub x_label: &'static str,
    /// The axis upwards.
    pub y: Axis,
    /// What is drawn, the first at the back.
    pub series: Vec<Series>,
    /// Values of x that are pointed out.
    pub marks: Vec<Mark>,
}

/// Points of one kind.
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// Number of the colour; there are eight, then they come again, dashed.
    pub colour: usize,
    /// Sorted by x.
    pub points: Vec<Point>,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Style {
    /// A line.
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
pub struct Point {
    /// Place on the x axis.
    pub x: f64,
    /// Place on the y axis.
    pub y: f64,
    /// What the value lies in, lower end first.
    pub interval: Option<(f64, f64)>,
}

impl Point {
    /// A value without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            interval: None,
        }
    }
}

/// A value of x that is pointed out.
pub struct Mark {
    /// The value.
    pub x: f64,
    /// What is written beside it.
    pub label: String,
}

/// Whether a value has a place in a chart: neither infinite nor so large that the axis would be.
pub fn is_drawable(value: f64) -> bool {
    value.abs() < 1e100
}
