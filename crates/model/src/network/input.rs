use crate::{Error, Result};

/// The pictures that a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputShape {
    /// 3 for colour, 1 for grey.
    pub channels: usize,
    /// Height in pixels.
    pub height_px: usize,
    /// Width in pixels.
    pub width_px: usize,
}

impl InputShape {
    /// Whether a network can be built for it. `multiple` is what height and width are multiples of.
    pub(super) fn check(self, multiple: usize, expected: &'static str) -> Result<()> {
        for (setting, size) in [("height_px", self.height_px), ("width_px", self.width_px)] {
            if size == 0 || !size.is_multiple_of(multiple) || size > 1024 {
                return Err(Error::Setting {
                    setting,
                    value: size.to_string(),
                    expected,
                });
            }
        }
        between("channels", self.channels, 1, 16, "1 to 16")
    }
}

/// A setting's range.
pub(super) fn between(
    setting: &'static str,
    value: usize,
    low: usize,
    high: usize,
    expected: &'static str,
) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting {
        setting,
        value: value.to_string(),
        expected,
    })
}

/// The range of an embedding's dimensions.
pub(super) fn check_embedding(embedding: usize) -> Result<()> {
    between("embedding", embedding, 1, 65_536, "1 to 65,536")
}

/// The range of a width multiplier.
pub(super) fn check_width(width: f64) -> Result<()> {
    if (0.1..=8.0).contains(&width) {
        return Ok(());
    }
    Err(Error::Setting {
        setting: "width",
        value: width.to_string(),
        expected: "0.1 to 8",
    })
}
