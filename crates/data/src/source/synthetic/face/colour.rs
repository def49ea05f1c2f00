//! Colours as three floats.

use ffc_random::CounterRng;

/// Red, green and blue from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour(pub(super) [f32; 3]);

impl Colour {
    /// Any colour.
    pub(super) fn any(rng: &mut CounterRng) -> Self {
        Self(std::array::from_fn(|_| rng.between(0.0, 255.0)))
    }

    /// A colour of the polyline through `anchors`.
    pub(super) fn between(anchors: &[Self], position: f32) -> Self {
        let scaled = position * anchors.len().saturating_sub(1) as f32;
        let first = scaled as usize;
        let from = anchors.get(first).or(anchors.last());
        let to = anchors.get(first + 1).or(anchors.last());
        match (from, to) {
            (Some(from), Some(to)) => from.mixed(*to, scaled - first as f32),
            _ => Self([0.0; 3]),
        }
    }

    /// This colour for `weight` 0, `other` for 1.
    pub(super) fn mixed(self, other: Self, weight: f32) -> Self {
        Self(std::array::from_fn(|i| {
            self.0[i] + (other.0[i] - self.0[i]) * weight
        }))
    }

    /// Brighter for a factor above 1, darker below.
    pub(super) fn scaled(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }

    /// With something added to each channel.
    pub(super) fn shifted(self, by: [f32; 3]) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + by[i]))
    }

    /// Rounded to bytes.
    pub(super) fn bytes(self) -> [u8; 3] {
        self.0.map(|value| (value + 0.5) as u8)
    }
}
