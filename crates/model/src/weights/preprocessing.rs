use std::fmt;

use serde::{Deserialize, Serialize};

/// What was done to the pictures that weights were trained on. Without it weights are of little use, so files carry it.
///
/// A byte v becomes (v - `mean`) / `scale`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Height in pixels.
    pub height_px: usize,
    /// Width in pixels.
    pub width_px: usize,
    /// Order of the channels.
    pub colour: ColourOrder,
    /// Subtracted from every value.
    pub mean: f32,
    /// Divides every value then.
    pub scale: f32,
}

/// Order of the channels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColourOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Luma alone.
    Grey,
}

impl ColourOrder {
    /// How many channels there are.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }
}

impl Preprocessing {
    /// insightface's and ModelScope's: RGB, (v / 255 - 0.5) / 0.5.
    pub const ARCFACE: Self = Self {
        height_px: 112,
        width_px: 112,
        colour: ColourOrder::Rgb,
        mean: 127.5,
        scale: 127.5,
    };

    /// FFC's: BGR, (v - 127.5) / 128.
    pub const FFC: Self = Self {
        height_px: 112,
        width_px: 112,
        colour: ColourOrder::Bgr,
        mean: 127.5,
        scale: 128.0,
    };

    /// AdaFace's: BGR, (v / 255 - 0.5) / 0.5.
    pub const ADA_FACE: Self = Self {
        colour: ColourOrder::Bgr,
        ..Self::ARCFACE
    };

    /// Whether every byte becomes a number that a network can take.
    pub(super) fn is_sensible(&self) -> bool {
        let becomes = |byte: f32| (byte - self.mean) / self.scale;
        // A square of it must be a number too.
        let is_number = |value: f32| (value * value).is_finite();
        self.scale != 0.0
            && self.scale.is_finite()
            && [0.0, 255.0]
                .map(becomes)
                .iter()
                .all(|&value| is_number(value))
    }

    /// Channels, height and width of the pictures.
    pub(super) fn shape(&self) -> [usize; 3] {
        [self.colour.channels(), self.height_px, self.width_px]
    }
}

impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colour = match self.colour {
            ColourOrder::Rgb => "RGB",
            ColourOrder::Bgr => "BGR",
            ColourOrder::Grey => "grey",
        };
        let Self {
            height_px,
            width_px,
            mean,
            scale,
            ..
        } = self;
        write!(f, "{height_px}x{width_px} {colour}, (v - {mean}) / {scale}")
    }
}
