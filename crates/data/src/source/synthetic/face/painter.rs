//! Shapes on the face: outlines that follow the pose.

use super::canvas::{Canvas, Point, point};
use super::colour::Colour;
use super::identity::Identity;
use super::view::View;

/// Points on a circle.
const CORNERS: usize = 12;

/// The circle with radius 1.
const CIRCLE: [Point; CORNERS] = circle();

/// Weights of the control point before, of the control point itself and of the one after, for three points on a
/// parabola from the middle of the first two to the middle of the last two.
const SPLINE: [(f32, f32, f32); 3] = [
    (0.5, 0.5, 0.0),
    (2.0 / 9.0, 13.0 / 18.0, 1.0 / 18.0),
    (1.0 / 18.0, 13.0 / 18.0, 2.0 / 9.0),
];

/// Draws one person in one view.
pub(super) struct Painter<'a> {
    /// The picture so far.
    pub(super) canvas: Canvas<'a>,
    /// Who it is.
    pub(super) person: &'a Identity,
    /// How they appear.
    pub(super) view: &'a View,
    /// Kept between shapes to spare allocations.
    outline: Vec<Point>,
}

impl<'a> Painter<'a> {
    /// The canvas may hold anything: the background covers it.
    pub(super) fn new(canvas: Canvas<'a>, person: &'a Identity, view: &'a View) -> Self {
        Self {
            canvas,
            person,
            view,
            outline: Vec::with_capacity(128),
        }
    }

    /// Fills the quadratic spline that these places in the picture control.
    pub(super) fn curve(&mut self, control: &[Point], colour: Colour, opacity: f32) {
        self.outline.clear();
        for (i, &middle) in control.iter().enumerate() {
            let before = control[(i + control.len() - 1) % control.len()];
            let after = control[(i + 1) % control.len()];
            for (a, b, c) in SPLINE {
                self.outline.push(point(
                    a * before.x + b * middle.x + c * after.x,
                    a * before.y + b * middle.y + c * after.y,
                ));
            }
        }
        self.canvas.fill(&self.outline, colour, opacity);
    }

    /// Fills an ellipse on the face, `lift` in front of its smooth surface.
    pub(super) fn spot(
        &mut self,
        centre: Point,
        radii: Point,
        lift: f32,
        colour: Colour,
        opacity: f32,
    ) {
        self.outline.clear();
        for corner in CIRCLE {
            let at = point(centre.x + radii.x * corner.x, centre.y + radii.y * corner.y);
            self.outline.push(self.view.pose.surface(at, lift));
        }
        self.canvas.fill(&self.outline, colour, opacity);
    }

    /// Fills an ellipse in the picture.
    pub(super) fn ellipse(&mut self, centre: Point, radii: Point, colour: Colour, opacity: f32) {
        self.outline.clear();
        self.outline.extend(
            CIRCLE
                .map(|corner| point(centre.x + radii.x * corner.x, centre.y + radii.y * corner.y)),
        );
        self.canvas.fill(&self.outline, colour, opacity);
    }

    /// Draws a line through places in the picture. Its thickness in pixels goes from `first` to `last`.
    pub(super) fn stroke(&mut self, line: &[Point], first: f32, last: f32, colour: Colour) {
        self.outline.clear();
        let step = (last - first) / line.len().max(2).saturating_sub(1) as f32;
        for side in [1.0, -1.0] {
            for i in 0..line.len() {
                let i = if side > 0.0 { i } else { line.len() - 1 - i };
                let before = line[i.saturating_sub(1)];
                let after = line[(i + 1).min(line.len() - 1)];
                let along = point(after.x - before.x, after.y - before.y);
                let length = (along.x * along.x + along.y * along.y).sqrt().max(1e-3);
                let half = 0.5 * side * (first + step * i as f32) / length;
                self.outline.push(point(
                    line[i].x - along.y * half,
                    line[i].y + along.x * half,
                ));
            }
        }
        self.canvas.fill(&self.outline, colour, 1.0);
    }

    /// Fills a polygon in the picture.
    pub(super) fn polygon(&mut self, corners: &[Point], colour: Colour, opacity: f32) {
        self.canvas.fill(corners, colour, opacity);
    }

    /// Places on the face as places in the picture.
    pub(super) fn on_surface<const N: usize>(&self, lift: f32, face: [Point; N]) -> [Point; N] {
        face.map(|at| self.view.pose.surface(at, lift))
    }

    /// Places on the outline of the head as places in the picture.
    pub(super) fn on_outline<const N: usize>(&self, face: [Point; N]) -> [Point; N] {
        face.map(|at| self.view.pose.outline(at))
    }
}

const fn circle() -> [Point; CORNERS] {
    // Cosine and sine of a twelfth of a turn.
    let (cos, sin) = (0.866_025_4, 0.5);
    let mut points = [point(1.0, 0.0); CORNERS];
    let mut i = 1;
    while i < CORNERS {
        let last = points[i - 1];
        points[i] = point(last.x * cos - last.y * sin, last.x * sin + last.y * cos);
        i += 1;
    }
    points
}
