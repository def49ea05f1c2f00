//! What makes embeddings of pictures.

#[cfg(feature = "model")]
mod embedder;
mod raw_pixels;

use ffc_data::{ImageBatch, LoaderConfig};

#[cfg(feature = "model")]
pub use self::embedder::{Embedder, EmbedderConfig};
pub use self::raw_pixels::RawPixels;
use crate::Result;

/// What makes embeddings of pictures: any network, in any framework.
///
/// ```
/// use ffc_data::{Channels, ImageBatch, LoaderConfig};
/// use ffc_eval::{Embed, Error, Result};
///
/// struct Mine {
///     session: Session,
/// }
///
/// impl Embed for Mine {
///     fn pictures(&self) -> LoaderConfig {
///         LoaderConfig { batch: 32, height_px: 112, width_px: 112, channels: Channels::Rgb, ..Default::default() }
///     }
///
///     fn dim(&self) -> usize {
///         512
///     }
///
///     fn embed(&mut self, images: &ImageBatch) -> Result<Vec<f32>> {
///         let [rows, ..] = images.shape();
///         let pixels: Vec<f32> = images.pixels().iter().map(|&value| f32::from(value) / 255.0).collect();
///         self.session.run(rows, &pixels).map_err(Error::embed)
///     }
/// }
/// # // Stands for a runtime's session.
/// # struct Session;
/// # impl Session {
/// #     fn run(&self, rows: usize, _: &[f32]) -> std::result::Result<Vec<f32>, std::io::Error> {
/// #         Ok(vec![1.0; rows * 512])
/// #     }
/// # }
/// # use std::sync::Arc;
/// # use ffc_data::{Dataset, SyntheticConfig};
/// # let dataset = Arc::new(Dataset::synthetic(SyntheticConfig { identities: 20, ..Default::default() })?);
/// # let protocol = ffc_eval::Protocol::RandomPairs { pairs: 20, seed: 0 };
/// # protocol.run(&dataset, &mut Mine { session: Session })?;
/// # Ok::<(), Error>(())
/// ```
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
    /// If the network refuses the pictures or the device fails: [`Error::embed`](crate::Error::embed).
    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<f32>>;
}
