//! Fills outlines with anti-aliased colour.

use super::colour::Colour;

/// A place in the picture in pixels, or on the face in half heads: x to the right, y down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// To the right.
    pub(super) x: f32,
    /// Down.
    pub(super) y: f32,
}

/// Short for a [`Point`].
pub(super) const fn point(x: f32, y: f32) -> Point {
    Point { x, y }
}

/// Both parts of an outline, one after the other.
pub(super) fn joined<const N: usize>(first: &[Point], second: &[Point]) -> [Point; N] {
    let mut all = [point(0.0, 0.0); N];
    for (to, from) in all.iter_mut().zip(first.iter().chain(second)) {
        *to = *from;
    }
    all
}

/// An RGB picture that is being drawn.
pub(super) struct Canvas<'a> {
    size: usize,
    pixels: &'a mut [u8],
    /// For each row the change of coverage from column to column. All zero between two calls of [`Canvas::fill`].
    change: Vec<f32>,
}

impl<'a> Canvas<'a> {
    /// The picture has `size * size` pixels of three bytes.
    pub(super) fn new(size: usize, pixels: &'a mut [u8]) -> Self {
        Self {
            size,
            pixels,
            // An edge on the right border writes to two columns beyond the picture.
            change: vec![0.0; size * (size + 2)],
        }
    }

    /// The rows of the picture.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.pixels.chunks_exact_mut(self.size * 3)
    }

    /// Fills the closed outline. Each pixel is covered by the exact area that lies inside.
    pub(super) fn fill(&mut self, outline: &[Point], colour: Colour, opacity: f32) {
        let Some(&last) = outline.last() else {
            return;
        };
        let (mut low, mut high) = (last, last);
        let mut from = last;
        for &to in outline {
            low = point(low.x.min(to.x), low.y.min(to.y));
            high = point(high.x.max(to.x), high.y.max(to.y));
            if from.y < to.y {
                self.add_edge(from, to, 1.0);
            } else {
                self.add_edge(to, from, -1.0);
            }
            from = to;
        }
        // A cast from float to integer saturates, so that what lies outside ends at the border.
        let first_row = low.y as usize;
        let end_row = (high.y as usize).saturating_add(1).min(self.size);
        let first_column = (low.x as usize).min(self.size);
        let end_column = (high.x as usize).saturating_add(1).min(self.size);
        let colour = colour.bytes();
        for row in first_row..end_row {
            self.blend(row, first_column, end_column, colour, opacity);
        }
    }

    /// Adds the area to the right of the edge, row by row. `top` is not below `bottom`.
    fn add_edge(&mut self, top: Point, bottom: Point, direction: f32) {
        let slope = (bottom.x - top.x) / (bottom.y - top.y).max(1e-6);
        let border = self.size as f32;
        let least = top.x.min(bottom.x).clamp(0.0, border);
        let most = top.x.max(bottom.x).clamp(0.0, border);
        let first = top.y as usize;
        let end = (bottom.y as usize).saturating_add(1).min(self.size);
        for row in first..end {
            let start = top.y.max(row as f32);
            let stop = bottom.y.min((row + 1) as f32);
            if stop <= start {
                continue;
            }
            let a = (top.x + slope * (start - top.y)).clamp(least, most);
            let b = (top.x + slope * (stop - top.y)).clamp(least, most);
            let base = row * (self.size + 2);
            let cells = &mut self.change[base..base + self.size + 2];
            add_segment(cells, a.min(b), a.max(b), (stop - start) * direction);
        }
    }

    /// Adds up the changes of one row, clears them, and mixes the colour in.
    fn blend(&mut self, row: usize, first: usize, end: usize, colour: [u8; 3], opacity: f32) {
        let base = row * (self.size + 2);
        let cells = &mut self.change[base..base + self.size + 2];
        let pixels = &mut self.pixels[row * self.size * 3..(row + 1) * self.size * 3];
        let pixels = pixels.as_chunks_mut::<3>().0;
        let full = opacity * 256.0;
        let mut coverage = 0.0f32;
        let mut column = first;
        while column < end {
            coverage += std::mem::take(&mut cells[column]);
            // Between two edges the coverage stays the same.
            let rest = &cells[column + 1..end];
            let run = 1 + rest.iter().take_while(|change| **change == 0.0).count();
            let weight = (coverage.abs().min(1.0) * full + 0.5) as i32;
            mix(&mut pixels[column..column + run], colour, weight);
            column += run;
        }
        // An edge writes to the column after its own as well.
        for cell in cells.iter_mut().skip(end).take(2) {
            *cell = 0.0;
        }
    }
}

/// Mixes the colour in with a weight from 0 to 256.
fn mix(pixels: &mut [[u8; 3]], colour: [u8; 3], weight: i32) {
    if weight >= 256 {
        pixels.fill(colour);
    } else if weight > 0 {
        for pixel in pixels {
            for (old, new) in pixel.iter_mut().zip(colour) {
                let step = ((i32::from(new) - i32::from(*old)) * weight) >> 8;
                *old = (i32::from(*old) + step) as u8;
            }
        }
    }
}

/// Adds the area to the right of a segment that crosses a part `height` of one row between `left` and `right`.
fn add_segment(cells: &mut [f32], left: f32, right: f32, height: f32) {
    let first = left as usize;
    let last = right as usize;
    let middle = 0.5 * (left + right);
    if first == last {
        let covered = (first + 1) as f32 - middle;
        cells[first] += height * covered;
        cells[first + 1] += height * (1.0 - covered);
        return;
    }
    let steepness = 0.5 / (right - left);
    let mut area = 0.0;
    let mut covered = 0.0;
    for (column, cell) in (first..).zip(&mut cells[first..=last]) {
        // Mean over the segment of the distance from it to the right side of this column.
        let side = (column + 1) as f32;
        let total = if side >= right {
            side - middle
        } else {
            (side - left) * (side - left) * steepness
        };
        *cell += height * (total - area - covered);
        covered = total - area;
        area = total;
    }
    cells[last + 1] += height * (1.0 - covered);
}
