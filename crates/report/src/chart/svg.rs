use std::fmt;

use serde_json::json;

use super::axis::Range;
use super::thin::thin;
use super::{Chart, Point, Series, Style, Unit, is_drawable};
use crate::escape::Escaped;

/// Points of a series that are drawn at most.
const MAX_POINTS: usize = 500;
/// Colours in the style sheet.
const COLOURS: usize = 8;

/// The picture and the plot in it, in units of the picture.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 210.0;

impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series: Vec<Series> = self.series.iter().map(thinned).collect();
        let title = Escaped(&self.title);
        write!(
            f,
            "<figure class=\"card chart\"><figcaption><h3><span>{title}</span>"
        )?;
        if let Some(headline) = &self.headline {
            write!(f, " <b>{}</b>", Escaped(headline))?;
        }
        f.write_str("</h3>")?;
        if let Some(note) = &self.note {
            write!(f, "<p class=\"note\">{}</p>", Escaped(note))?;
        }
        f.write_str("</figcaption>")?;
        let named = series.iter().filter(|series| series.style != Style::Faint);
        if named.clone().count() > 1 {
            f.write_str("<ul class=\"legend\">")?;
            for series in named {
                write!(
                    f,
                    "<li><svg viewBox=\"0 0 24 10\" class=\"{}\" aria-hidden=\"true\"><path class=\"line\" d=\"M1 5H23\"/></svg>{}</li>",
                    class(series),
                    Escaped(&series.name)
                )?;
            }
            f.write_str("</ul>")?;
        }
        match self.plot(&series, true) {
            Some(plot) => plot.fmt(f)?,
            None => f.write_str("<p class=\"missing\">No value can be drawn.</p>")?,
        }
        let gaps = self.series.iter().flat_map(|series| &series.points);
        let gaps = gaps.filter(|point| !is_drawable(point.y)).count();
        if gaps > 0 {
            write!(
                f,
                "<p class=\"warning\">Values that are not finite and have no place here: {gaps}.</p>"
            )?;
        }
        f.write_str("</figure>")
    }
}

/// A plot below its heading and a legend whose entries go on in a new line where one is full.
fn picture(title: &str, series: &[Series], plot: &Plot<'_>) -> String {
    // A letter of the legend is about as wide, and a line as high.
    const LETTER: f64 = 6.6;
    const LINE: f64 = 18.0;
    let (mut x, mut y) = (12.0, 42.0);
    let mut legend = String::new();
    let named = series.iter().filter(|series| series.style != Style::Faint);
    for series in named {
        let width = 40.0 + LETTER * series.name.chars().count() as f64;
        if x > 12.0 && x + width > WIDTH {
            (x, y) = (12.0, y + LINE);
        }
        legend += &format!(
            "<g class=\"{}\"><path class=\"line\" d=\"M{x:.1} {:.1}h22\"/></g><text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            class(series),
            y - 4.0,
            x + 28.0,
            Escaped(&series.name)
        );
        x += width;
    }
    let top = y + 6.0;
    let height = top + HEIGHT;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\
         <style>{}text {{ font-family: system-ui, sans-serif; }} .title {{ fill: var(--text); font-size: 15px; font-weight: 600; }}</style>\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"12\" fill=\"var(--card)\"/>\
         <text class=\"title\" x=\"12\" y=\"22\">{}</text>{legend}<svg y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\">{plot}</svg></svg>\n",
        include_str!("style.css"),
        Escaped(title)
    )
}

/// With few enough points that a long run makes no large file.
fn thinned(series: &Series) -> Series {
    Series {
        name: series.name.clone(),
        points: thin(&series.points, MAX_POINTS),
        ..*series
    }
}

fn class(series: &Series) -> String {
    let style = match series.style {
        // The second round of the colours.
        Style::Line | Style::Dots if !(series.colour / COLOURS).is_multiple_of(2) => " dashed",
        Style::Line | Style::Dots => "",
        Style::Faint => " faint",
        Style::DashedDots => " dashed",
        Style::Area => " area",
    };
    format!("c{}{style}", series.colour % COLOURS)
}

impl Chart {
    /// The chart as a file of its own, with heading and legend; none where nothing can be drawn.
    pub fn picture(&self) -> Option<String> {
        let series: Vec<Series> = self.series.iter().map(thinned).collect();
        let plot = self.plot(&series, false)?;
        Some(picture(&self.title, &series, &plot))
    }

    /// The plot of what can be drawn, if anything can; with what a page's script needs.
    fn plot<'a>(&'a self, series: &'a [Series], for_script: bool) -> Option<Plot<'a>> {
        let points = || {
            let points = series.iter().flat_map(|series| &series.points);
            points.filter(|point| is_drawable(point.x) && is_drawable(point.y))
        };
        let y = points().flat_map(|point| {
            let (low, high) = interval(point).unwrap_or((point.y, point.y));
            [point.y, low, high]
        });
        let (x_low, x_high) = ends(points().map(|point| point.x))?;
        let (y_low, y_high) = ends(y)?;
        Some(Plot {
            chart: self,
            series,
            for_script,
            x: Range::new(&self.x, x_low, x_high, false),
            y: Range::new(&self.y, y_low, y_high, true),
        })
    }
}

/// The interval of a point, if it can be drawn.
fn interval(point: &Point) -> Option<(f64, f64)> {
    point
        .interval
        .filter(|(low, high)| is_drawable(*low) && is_drawable(*high))
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// Axes, lines and what the script needs for its tooltips.
struct Plot<'a> {
    chart: &'a Chart,
    series: &'a [Series],
    for_script: bool,
    x: Range,
    y: Range,
}

impl fmt::Display for Plot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\"",
            Escaped(&format!(
                "{} against {}",
                self.chart.title, self.chart.x_label
            )),
        )?;
        if self.for_script {
            write!(f, " data-chart=\"{}\"", Escaped(&self.data()))?;
        }
        f.write_str(">")?;
        self.grid(f)?;
        for series in self.series {
            write!(f, "<g class=\"{}\">", class(series))?;
            self.band(f, series)?;
            self.lines(f, series)?;
            f.write_str("</g>")?;
        }
        for mark in &self.chart.marks {
            let Some(x) = self.px_x(mark.x).filter(|x| (LEFT..=RIGHT).contains(x)) else {
                continue;
            };
            let (anchor, shift) = if x > (LEFT + RIGHT) / 2.0 {
                ("end", -5.0)
            } else {
                ("start", 5.0)
            };
            write!(
                f,
                "<path class=\"mark\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/><text class=\"label\" x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                x + shift,
                TOP + 10.0,
                Escaped(&mark.label)
            )?;
        }
        if self.for_script {
            f.write_str("<g class=\"pointer\"></g>")?;
        }
        f.write_str("</svg>")
    }
}

impl Plot<'_> {
    /// Place of a value from the left; none where the axis has no place for it.
    fn px_x(&self, x: f64) -> Option<f64> {
        Some(LEFT + self.x.place(x)? * (RIGHT - LEFT))
    }

    fn px_y(&self, y: f64) -> Option<f64> {
        Some(BOTTOM - self.y.place(y)? * (BOTTOM - TOP))
    }

    fn px(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let is_drawable = is_drawable(x) && is_drawable(y);
        is_drawable.then(|| Some((self.px_x(x)?, self.px_y(y)?)))?
    }

    fn grid(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (value, label) in self.y.ticks() {
            if let Some(y) = self.px_y(value) {
                write!(
                    f,
                    "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                    LEFT - 8.0,
                    y + 4.0
                )?;
            }
        }
        write!(f, "<path class=\"axis\" d=\"M{LEFT} {BOTTOM}H{RIGHT}\"/>")?;
        for (value, label) in self.x.ticks() {
            if let Some(x) = self.px_x(value) {
                // Labels at the ends stay inside the picture.
                let anchor = if x > RIGHT - 16.0 { "end" } else { "middle" };
                write!(
                    f,
                    "<path class=\"axis\" d=\"M{x:.1} {BOTTOM}v4\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>",
                    BOTTOM + 18.0
                )?;
            }
        }
        write!(
            f,
            "<text class=\"label\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 35.0,
            Escaped(self.chart.x_label)
        )
    }

    /// The intervals as an area.
    fn band(&self, f: &mut fmt::Formatter<'_>, series: &Series) -> fmt::Result {
        let ends: Vec<_> = series
            .points
            .iter()
            .filter_map(|point| {
                let (low, high) = interval(point)?;
                let (x, low) = self.px(point.x, low)?;
                Some((x, low, self.px_y(high)?))
            })
            .collect();
        match ends[..] {
            [] => Ok(()),
            [(x, low, high)] => {
                write!(
                    f,
                    "<path class=\"whisker\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>"
                )
            }
            [..] => {
                let there = ends.iter().map(|(x, low, _)| (*x, *low));
                let back = ends.iter().rev().map(|(x, _, high)| (*x, *high));
                let outline: Vec<_> = there.chain(back).collect();
                write!(f, "<path class=\"band\" d=\"{}Z\"/>", path(&outline))
            }
        }
    }

    fn lines(&self, f: &mut fmt::Formatter<'_>, series: &Series) -> fmt::Result {
        let places: Vec<_> = series
            .points
            .iter()
            .map(|point| self.px(point.x, point.y))
            .collect();
        for line in places.split(Option::is_none) {
            let line: Vec<_> = line.iter().copied().flatten().collect();
            let [(first, _), .., (last, _)] = line[..] else {
                if let [(x, y)] = line[..] {
                    write!(f, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>")?;
                }
                continue;
            };
            let path = path(&line);
            if series.style == Style::Area {
                let floor = self.px_y(0.0).unwrap_or(BOTTOM);
                write!(
                    f,
                    "<path class=\"band\" d=\"{path}L{last:.1} {floor:.1}L{first:.1} {floor:.1}Z\"/>"
                )?;
            }
            write!(f, "<path class=\"line\" d=\"{path}\"/>")?;
        }
        if matches!(series.style, Style::Dots | Style::DashedDots) {
            for (x, y) in places.iter().flatten() {
                write!(f, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>")?;
            }
        }
        Ok(())
    }

    /// What the script needs: where the plot lies, its ranges and the values.
    fn data(&self) -> String {
        let range = |range: &Range, unit| {
            json!({
                "low": range.low,
                "high": range.high,
                "log": range.is_log,
                "percent": unit == Unit::Percent,
            })
        };
        let series: Vec<_> = self
            .series
            .iter()
            .map(|series| {
                let points: Vec<_> = series
                    .points
                    .iter()
                    .filter(|point| is_drawable(point.x) && is_drawable(point.y))
                    .map(|point| {
                        let mut values = vec![rounded(point.x, 8), rounded(point.y, 5)];
                        if let Some((low, high)) = interval(point) {
                            values.extend([rounded(low, 5), rounded(high, 5)]);
                        }
                        values
                    })
                    .collect();
                json!({
                    "name": series.name,
                    "colour": series.colour % COLOURS,
                    "points": points,
                })
            })
            .collect();
        json!({
            "plot": [LEFT, RIGHT, TOP, BOTTOM],
            "label": self.chart.x_label,
            "x": range(&self.x, self.chart.x.unit),
            "y": range(&self.y, self.chart.y.unit),
            "series": series,
        })
        .to_string()
    }
}

/// With so many significant digits, which saves room in the file.
fn rounded(value: f64, digits: usize) -> f64 {
    let text = format!("{value:.*e}", digits - 1);
    text.parse().unwrap_or(value)
}

/// A path through places, at a tenth of a unit.
fn path(places: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in places.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        path += &format!("{letter}{x:.1} {y:.1}");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Scale};

    /// A picture needs nothing around it: it has its looks and a legend, and no data for a script.
    #[test]
    fn a_picture_stands_alone() {
        let axis = || Axis {
            scale: Scale::Linear,
            unit: Unit::Number,
            includes: &[],
        };
        let series = |name: &str, points: &[f64]| Series {
            name: name.into(),
            style: Style::Dots,
            colour: 7,
            points: (0..)
                .zip(points)
                .map(|(x, &y)| Point::new(f64::from(x), y))
                .collect(),
        };
        let mut chart = Chart {
            title: "A < B".into(),
            headline: None,
            note: None,
            x: axis(),
            x_label: "steps",
            y: axis(),
            series: vec![
                series("one", &[1.0, 2.0]),
                // The same colour in the second round.
                Series {
                    colour: 15,
                    ..series(&"long ".repeat(20), &[2.0, 1.0])
                },
            ],
            marks: Vec::new(),
        };
        let picture = chart.picture().unwrap();
        for part in [
            "<svg xmlns=\"http://www.w3.org/2000/svg\"",
            "A &lt; B",
            "class=\"c7\"",
            "class=\"c7 dashed\"",
            "--c7: ",
            ">one</text>",
            // The second entry is in a line of its own.
            "y=\"60.0\">long long",
        ] {
            assert!(picture.contains(part), "{part}: {picture}");
        }
        assert!(!picture.contains("data-chart") && !picture.contains("pointer"));
        assert_eq!(
            picture.matches("<svg").count(),
            picture.matches("</svg>").count()
        );
        chart.series.clear();
        assert_eq!(chart.picture(), None);
    }
}
