use crate::{Error, Result};

/// A picture in memory: RGB, a byte a channel, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    width: usize,
    height: usize,
    rgb: &'a [u8],
}

impl<'a> Picture<'a> {
    /// Takes `height` rows of `width` pixels.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] where these are not as many bytes.
    pub fn new(width: usize, height: usize, rgb: &'a [u8]) -> Result<Self> {
        let bytes = width
            .checked_mul(height)
            .and_then(|pixels| pixels.checked_mul(3));
        if bytes != Some(rgb.len()) {
            return Err(Error::Shape {
                width,
                height,
                bytes: rgb.len(),
            });
        }
        Ok(Self { width, height, rgb })
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All bytes.
    pub fn rgb(&self) -> &'a [u8] {
        self.rgb
    }

    /// The bytes of a row.
    pub(crate) fn row(&self, row: usize) -> &'a [u8] {
        &self.rgb[row * self.width * 3..][..self.width * 3]
    }
}
