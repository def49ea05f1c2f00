//! What makes embeddings of pictures.

mod embedder;
mod raw_pixels;

use ffc_data::{ImageBatch, LoaderConfig};

pub use self::embedder::{Embedder, EmbedderConfig};
pub use self::raw_pixels::RawPixels;
use crate::Result;

/// What makes embeddings of pictures.
pub trait Embed {
    /// The pictures that it takes: size, channels, batch, and the workers that load them.
    fn pictures(&self) -> LoaderConfig;

    /// Dimensions of an embedding.
    fn dim(&self) -> usize;

    /// Embeddings, row by row; they need not be normalised.
    ///
    /// # Shapes
    /// `[rows, height, width, channels]` to `rows * dim` values.
    ///
    /// # Errors
    /// If the network refuses the pictures or the device fails.
    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<f32>>;
}
