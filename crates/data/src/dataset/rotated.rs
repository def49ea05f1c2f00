use std::sync::Arc;

use super::Dataset;
use super::view::View;
use crate::channels::Channels;
use crate::decode::{Decoded, Size, decode};
use crate::fingerprint::FingerprintWriter;
use crate::source::{Content, ImageRef};
use crate::{Error, Result};

/// Turns that make an identity into four.
const TURNS: u64 = 4;

/// Another dataset, each identity four times over: as it is and turned by one, two and three quarters. Identity i, turned
/// by t quarters clockwise, is identity 4 i + t.
///
/// Made by [`Dataset::with_rotations`].
#[derive(Debug)]
struct Rotated {
    parent: Arc<Dataset>,
}

impl Dataset {
    /// Each identity four times over, turned by 0, 90, 180 and 270 degrees: further classes where turned pictures show
    /// something else, as characters do. Identity i turned by t quarters clockwise is identity 4 i + t. Its index is in
    /// memory.
    ///
    /// # Errors
    /// If there are too many images.
    pub fn with_rotations(self: Arc<Self>) -> Result<Self> {
        Self::of_view(Rotated { parent: self })
    }
}

impl View for Rotated {
    const NAME: &'static str = "rotated identities";

    fn parent(&self) -> &Arc<Dataset> {
        &self.parent
    }

    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        let index = self.parent.index();
        (0..index.identities() * TURNS).map(move |identity| {
            let images = index.images_of(identity / TURNS);
            images.end - images.start
        })
    }

    fn identity(&self, identity: u64) -> u64 {
        identity / TURNS
    }

    fn image(&self, image: &ImageRef<'_>) -> u64 {
        let identity = self.identity(image.identity());
        self.parent.index().images_of(identity).start + image.number()
    }

    fn settings(&self, _writer: &mut FingerprintWriter) -> Result<()> {
        Ok(())
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let original = self.image(image);
        let content = self.parent.read(original, buffer)?;
        let turns = image.identity() % TURNS;
        if turns == 0 {
            return Ok(content);
        }
        let (pixels, size) = match content {
            Content::Rgb { width, height } => (std::mem::take(buffer), Size { width, height }),
            Content::Encoded(range) => {
                let damaged = |problem| Error::Image {
                    image: image.image(),
                    origin: self.parent.origin(original),
                    problem,
                };
                let encoded = buffer.get(range).unwrap_or_default();
                let mut pixels = Vec::new();
                let wanted = self.parent.wanted(Channels::Rgb, None);
                match decode(encoded, wanted, &mut [], &mut pixels) {
                    Ok(Decoded::Other(size)) => (pixels, size),
                    Ok(Decoded::Target) => return Err(damaged("it has no size".into())),
                    Err(problem) => return Err(damaged(problem)),
                }
            }
        };
        let turned = turn(&pixels, size, turns, buffer);
        Ok(Content::Rgb {
            width: turned.width,
            height: turned.height,
        })
    }

    fn change(&self, identity: u64) -> Option<String> {
        let degrees = 90 * (identity % TURNS);
        (degrees > 0).then(|| format!("turned by {degrees} degrees"))
    }
}

/// Turns RGB pixels by 1 to 3 quarters clockwise.
fn turn(pixels: &[u8], size: Size, turns: u64, target: &mut Vec<u8>) -> Size {
    let Size { width, height } = size;
    let turned = match turns {
        2 => size,
        _ => Size {
            width: height,
            height: width,
        },
    };
    target.clear();
    for row in 0..turned.height {
        for column in 0..turned.width {
            let (y, x) = match turns {
                1 => (height - 1 - column, row),
                2 => (height - 1 - row, width - 1 - column),
                _ => (column, width - 1 - row),
            };
            let at = 3 * (y * width + x);
            target.extend_from_slice(&pixels[at..at + 3]);
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quarter turn clockwise moves the left column, read upwards, to the top row; four of them change nothing.
    #[test]
    fn quarter_turns() {
        let pixel = |value: u8| [value, value + 100, value + 200];
        let picture: Vec<u8> = (0..6).flat_map(pixel).collect();
        let size = Size {
            width: 3,
            height: 2,
        };
        let mut once = Vec::new();
        let turned = turn(&picture, size, 1, &mut once);
        assert_eq!((turned.width, turned.height), (2, 3));
        let expected: Vec<u8> = [3, 0, 4, 1, 5, 2].into_iter().flat_map(pixel).collect();
        assert_eq!(once, expected);

        let (mut twice, mut other) = (Vec::new(), Vec::new());
        turn(&once, turned, 1, &mut twice);
        turn(&picture, size, 2, &mut other);
        assert_eq!(twice, other);
        turn(&twice, size, 2, &mut other);
        assert_eq!(other, picture);
        turn(&once, turned, 3, &mut other);
        assert_eq!(other, picture);
    }
}
