use ffc_data::{Channels, ImageBatch, LoaderConfig};

use super::Embed;
use crate::Result;

/// Side of the pictures in pixels.
const SIDE_PX: usize = 32;

/// The pixels themselves, grey, 32 x 32, less their mean: the baseline that a network must beat. Their cosine is the correlation of
/// the two pictures.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawPixels;

impl Embed for RawPixels {
    fn pictures(&self) -> LoaderConfig {
        LoaderConfig {
            height_px: SIDE_PX,
            width_px: SIDE_PX,
            channels: Channels::Grey,
            ..Default::default()
        }
    }

    fn dim(&self) -> usize {
        SIDE_PX * SIDE_PX
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(images.pixels().len());
        for picture in images.pixels().chunks_exact(SIDE_PX * SIDE_PX) {
            let sum: u32 = picture.iter().map(|&value| u32::from(value)).sum();
            let mean = sum as f32 / picture.len() as f32;
            values.extend(picture.iter().map(|&value| f32::from(value) - mean));
        }
        Ok(values)
    }
}
