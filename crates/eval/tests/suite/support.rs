use std::sync::Arc;

use ffc_data::{Dataset, ImageBatch, ImageCounts, LoaderConfig, SyntheticConfig};
use ffc_eval::{Embed, Embeddings, Result};

/// Synthetic identities with 12 images and fewer.
pub fn synthetic(identities: u64) -> Arc<Dataset> {
    let config = SyntheticConfig {
        identities,
        images: ImageCounts::Zipf {
            max: 12,
            min: 1,
            exponent: 0.4,
        },
        size_px: 16,
        ..Default::default()
    };
    Arc::new(Dataset::synthetic(config).unwrap())
}

/// Numbers from -1 to 1 that depend on the seed alone.
pub fn random(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Embeddings of images from a list, whatever they show.
pub struct Table {
    pub dim: usize,
    pub values: Vec<f32>,
    /// Images that were embedded.
    pub embedded: usize,
}

impl Table {
    pub fn new(dim: usize, values: Vec<f32>) -> Self {
        Self {
            dim,
            values,
            embedded: 0,
        }
    }

    /// Random embeddings; those of one identity have a part in common.
    pub fn random(dataset: &Dataset, dim: usize, common: f32) -> Self {
        let index = dataset.index();
        let mut values = Vec::new();
        let mut noise = random(1);
        for image in 0..index.images() {
            let mut identity = random(1_000 + index.identity_of(image));
            values.extend((0..dim).map(|_| common * identity() + noise()));
        }
        Self::new(dim, values)
    }

    /// The cosine of two images in double precision.
    pub fn cosine(&self, a: u64, b: u64) -> f64 {
        cosine(&self.row(a), &self.row(b))
    }

    pub fn row(&self, image: u64) -> Vec<f64> {
        let row = &self.values[image as usize * self.dim..][..self.dim];
        normalised(row.iter().map(|&value| f64::from(value)).collect())
    }
}

pub fn normalised(row: Vec<f64>) -> Vec<f64> {
    let norm = row.iter().map(|value| value * value).sum::<f64>().sqrt();
    row.into_iter().map(|value| value / norm).collect()
}

pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Embed for Table {
    fn pictures(&self) -> LoaderConfig {
        LoaderConfig {
            batch: 7,
            height_px: 16,
            width_px: 16,
            ..Default::default()
        }
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<f32>> {
        self.embedded += images.images().len();
        let row = |&image: &u64| self.values[image as usize * self.dim..][..self.dim].to_vec();
        Ok(images.images().iter().flat_map(row).collect())
    }
}

/// Random embeddings of some identities, of which pairs have few different cosines.
pub fn coarse(rows: usize, dim: usize, seed: u64) -> Embeddings {
    let mut random = random(seed);
    let values = (0..rows * dim).map(|_| (random() * 1.5).round());
    Embeddings::new(dim, values.collect()).unwrap()
}
