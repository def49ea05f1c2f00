//! Boxes of candidates, in 32 bits as the reference has them: what is truncated depends on the last of them.

use super::area::Region;

/// Left, top, right and bottom.
pub(super) type Bounds = [f32; 4];

/// A box that may hold a face.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) bounds: Bounds,
    pub(super) score: f32,
    /// What the network says of each side, in shares of width and height.
    pub(super) shifts: [f32; 4],
}

/// How two boxes' overlap is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Overlap {
    /// Intersection over union.
    Union,
    /// Intersection over the smaller area; sides count their last pixel.
    Smaller,
}

/// Non-maximum suppression: of boxes that overlap by more than `threshold` those with lower scores fall. The numbers of those that stay, by
/// their scores.
pub(super) fn suppress(candidates: &[Candidate], threshold: f32, overlap: Overlap) -> Vec<usize> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| candidates[b].score.total_cmp(&candidates[a].score));
    let mut kept: Vec<usize> = Vec::new();
    for number in order {
        let bounds = &candidates[number].bounds;
        let falls = |&other: &usize| overlap.of(bounds, &candidates[other].bounds) > threshold;
        if !kept.iter().any(falls) {
            kept.push(number);
        }
    }
    kept
}

impl Overlap {
    fn of(self, a: &Bounds, b: &Bounds) -> f32 {
        let extra = match self {
            Self::Union => 0.0,
            Self::Smaller => 1.0,
        };
        let side = |from: f32, to: f32| (to - from + extra).max(0.0);
        let area =
            |[left, top, right, bottom]: &Bounds| (right - left + extra) * (bottom - top + extra);
        let both = side(a[0].max(b[0]), a[2].min(b[2])) * side(a[1].max(b[1]), a[3].min(b[3]));
        match self {
            Self::Union => both / (area(a) + area(b) - both),
            Self::Smaller => both / area(a).min(area(b)),
        }
    }
}

/// Moves each side by its share of width and height, to which `extra` pixels are added first.
pub(super) fn shifted(bounds: Bounds, shifts: [f32; 4], extra: f32) -> Bounds {
    let [left, top, right, bottom] = bounds;
    let (width, height) = (right - left + extra, bottom - top + extra);
    [
        left + shifts[0] * width,
        top + shifts[1] * height,
        right + shifts[2] * width,
        bottom + shifts[3] * height,
    ]
}

/// The square around the same centre whose side is the longer one.
pub(super) fn squared([left, top, right, bottom]: Bounds) -> Bounds {
    let (width, height) = (right - left, bottom - top);
    let side = width.max(height);
    let left = left + width * 0.5 - side * 0.5;
    let top = top + height * 0.5 - side * 0.5;
    [left, top, left + side, top + side]
}

/// The part of a picture that a box covers; none where it lies outside.
pub(super) fn cut(bounds: Bounds, width: usize, height: usize) -> Option<Region> {
    // Counted from 1, as the reference's ancestor in MATLAB does.
    let [left, top] = [bounds[0], bounds[1]].map(|value| (value.trunc() as i64).max(1) - 1);
    let right = (bounds[2].trunc() as i64).min(width as i64);
    let bottom = (bounds[3].trunc() as i64).min(height as i64);
    (left < right && top < bottom).then(|| Region {
        left: left as usize,
        top: top as usize,
        width: (right - left) as usize,
        height: (bottom - top) as usize,
    })
}
