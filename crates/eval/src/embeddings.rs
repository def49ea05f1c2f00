use std::sync::Arc;

use ffc_data::{Damaged, Dataset, ListLoader, LoaderConfig};

use crate::embed::Embed;
use crate::{Error, Result};

/// Embeddings of length 1, in the host's memory.
///
/// An embedding of zeros stays one: its cosine with everything is 0.
#[derive(Debug, Clone)]
pub struct Embeddings {
    dim: usize,
    values: Vec<f32>,
}

impl Embeddings {
    /// Normalises embeddings that lie one after the other.
    ///
    /// # Errors
    /// If a value is not finite, or the values are no whole embeddings.
    pub fn new(dim: usize, values: Vec<f32>) -> Result<Self> {
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(Error::setting(
                "dim",
                dim,
                "a divisor of the number of values",
            ));
        }
        let mut embeddings = Self { dim, values };
        for (row, values) in embeddings.values.chunks_exact_mut(dim).enumerate() {
            if !normalise(values) {
                return Err(Error::NotFinite {
                    origin: format!("row {row}"),
                });
            }
        }
        Ok(embeddings)
    }

    /// Takes embeddings that have the length 1, or 0, already, such as the [values](Self::values) of others.
    ///
    /// # Errors
    /// If one has another length or a value that is not finite; if the values are no whole embeddings.
    pub fn of_length_one(dim: usize, values: Vec<f32>) -> Result<Self> {
        let mut again = Self::new(dim, values.clone())?;
        let moved = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-4;
        if let Some(at) = again.values.iter().zip(&values).position(moved) {
            let value = format!("row {} of another length", at / dim);
            return Err(Error::setting("embeddings", value, "of length 1"));
        }
        again.values = values;
        Ok(again)
    }

    /// Embeddings of images, in their order. The pictures stream through: only the embeddings are kept.
    ///
    /// # Errors
    /// If an image cannot be read or embedded, or its embedding is not finite; if all embeddings are zeros.
    pub fn of_images(
        dataset: &Arc<Dataset>,
        images: &[u64],
        embed: &mut dyn Embed,
    ) -> Result<Self> {
        let dim = embed.dim();
        if dim == 0 {
            return Err(Error::setting("dim", dim, "at least 1"));
        }
        let mut values = Vec::with_capacity(images.len() * dim);
        let (mut zeros, mut first_zero) = (0, None);
        let config = LoaderConfig {
            // Another picture in the place of one would be scored as if it were it.
            damaged: Damaged::Fail,
            ..embed.pictures()
        };
        for batch in ListLoader::new(dataset.clone(), images.to_vec(), &config)? {
            let batch = batch?;
            let mut rows = embed.embed(&batch)?;
            if rows.len() != batch.images().len() * dim {
                return Err(Error::Count {
                    what: "values of embeddings",
                    expected: batch.images().len() * dim,
                    found: rows.len(),
                });
            }
            for (row, &image) in rows.chunks_exact_mut(dim).zip(batch.images()) {
                if !normalise(row) {
                    return Err(Error::NotFinite {
                        origin: dataset.origin(image),
                    });
                }
                if row.iter().all(|&value| value == 0.0) {
                    zeros += 1;
                    first_zero.get_or_insert(image);
                }
            }
            values.append(&mut rows);
        }
        if let Some(image) = first_zero {
            let origin = dataset.origin(image);
            if zeros == images.len() {
                return Err(Error::AllZero { count: zeros });
            }
            tracing::warn!(
                "{zeros} of {} embeddings are all zeros, first that of {origin}: they are like no other, their cosines are 0",
                images.len()
            );
        }
        Ok(Self { dim, values })
    }

    /// Number of embeddings.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Dimensions of an embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All of them, one after the other.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One embedding.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    /// The cosine of two embeddings.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn cosine(&self, a: usize, b: usize) -> f32 {
        dot(self.row(a), self.row(b))
    }
}

/// Embeddings of some images of a set, each made once.
pub(crate) struct ImageEmbeddings {
    /// In ascending order.
    images: Vec<u64>,
    embeddings: Embeddings,
}

impl ImageEmbeddings {
    /// `images` may come in any order and several times.
    pub(crate) fn new(
        dataset: &Arc<Dataset>,
        images: impl IntoIterator<Item = u64>,
        embed: &mut dyn Embed,
    ) -> Result<Self> {
        let mut images: Vec<u64> = images.into_iter().collect();
        images.sort_unstable();
        images.dedup();
        let embeddings = Embeddings::of_images(dataset, &images, embed)?;
        Ok(Self::of_sorted(images, embeddings))
    }

    /// `images` come in ascending order, each once, and the embeddings in theirs.
    pub(crate) fn of_sorted(images: Vec<u64>, embeddings: Embeddings) -> Self {
        Self { images, embeddings }
    }

    /// All embeddings, in ascending order of the images.
    pub(crate) fn rows(&self) -> &Embeddings {
        &self.embeddings
    }

    /// The embedding of one of the images that it was made of.
    pub(crate) fn of(&self, image: u64) -> &[f32] {
        let row = self.images.partition_point(|&other| other < image);
        debug_assert_eq!(self.images.get(row), Some(&image));
        self.embeddings.row(row)
    }
}

/// Makes the length 1. False if a value is not finite.
pub(crate) fn normalise(values: &mut [f32]) -> bool {
    if values.iter().any(|value| !value.is_finite()) {
        return false;
    }
    let square: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
    if square > 0.0 {
        let scale = square.sqrt().recip();
        for value in values {
            *value = (f64::from(*value) * scale) as f32;
        }
    }
    true
}

/// Sums that run side by side in [`dot`], for vector instructions.
const LANES: usize = 16;

/// The cosine of embeddings of length 1. Their values alone tell it, so that it can be computed anew instead of kept.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_parts, a_rest) = a.as_chunks::<LANES>();
    let (b_parts, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// The squared L2 distance of two embeddings.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    a.iter().zip(b).map(square).sum()
}
