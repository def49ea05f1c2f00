use ffc_data::{Dataset, InstanceOrder, InstanceOrderConfig};

use crate::{Error, Result};

/// Pictures that are looked at.
const SAMPLE: u64 = 200;
/// Largest difference between a grey picture's channels: a JPEG of one has no more.
const GREY: u8 = 8;

/// What a set of pictures looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Identities.
    pub identities: u64,
    /// Their pictures.
    pub images: u64,
    /// Pictures of the identity that has most.
    pub most_images: u64,
    /// Pictures that were looked at, drawn from the set.
    pub sampled: u64,
    /// Of them, those that cannot be read.
    pub damaged: u64,
    /// Median width in pixels.
    pub width_px: usize,
    /// Median height in pixels.
    pub height_px: usize,
    /// Whether any of them has colour.
    pub colour: bool,
}

impl Look {
    /// Looks at some pictures of a set, the same ones each time.
    ///
    /// # Errors
    ///
    /// Where none of them can be read.
    pub fn at(dataset: &Dataset) -> Result<Self> {
        let index = dataset.index();
        let order = InstanceOrder::new(index, 0, InstanceOrderConfig::default())?;
        let sampled = index.images().min(SAMPLE);
        let (mut pixels, mut sizes, mut colour) = (Vec::new(), Vec::new(), false);
        let mut first_error = None;
        for draw in order.draws(0..sampled) {
            match dataset.picture(draw.image, &mut pixels) {
                Ok(size) => {
                    sizes.push(size);
                    colour |= has_colour(&pixels);
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        if let (true, Some(error)) = (sizes.is_empty(), first_error) {
            return Err(Error::Data(error));
        }
        let median = |side: usize| {
            let mut sides: Vec<usize> = sizes.iter().map(|size| size[side]).collect();
            sides.sort_unstable();
            sides[sides.len() / 2]
        };
        Ok(Self {
            identities: index.identities(),
            images: index.images(),
            most_images: index.max_images(),
            sampled,
            damaged: sampled - sizes.len() as u64,
            width_px: median(0),
            height_px: median(1),
            colour,
        })
    }
}

fn has_colour(rgb: &[u8]) -> bool {
    rgb.as_chunks::<3>().0.iter().any(|pixel| {
        let [least, most] = [pixel.iter().min(), pixel.iter().max()];
        matches!((least, most), (Some(least), Some(most)) if most - least > GREY)
    })
}

#[cfg(test)]
mod tests {
    use super::has_colour;

    #[test]
    fn grey_pictures_have_no_colour() {
        assert!(!has_colour(&[10, 10, 10, 200, 196, 203]));
        assert!(has_colour(&[10, 10, 10, 200, 180, 203]));
    }
}
