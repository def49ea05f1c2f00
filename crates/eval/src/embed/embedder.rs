use burn::tensor::{Device, Tensor};
use ffc_data::{Channels, ImageBatch, LoaderConfig, Normalisation};
use ffc_model::{Backbone, NormMode};
use serde::{Deserialize, Serialize};

use super::Embed;
use crate::{Error, Result};

/// How a network is run over pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbedderConfig {
    /// Pictures at once. Default: 64.
    pub batch: usize,
    /// Threads that decode. Default: 2.
    pub workers: usize,
    /// Adds the embedding of the mirrored picture, as insightface does. Default: false. Right for faces; letters are other letters
    /// when mirrored.
    pub flip: bool,
}

impl Default for EmbedderConfig {
    fn default() -> Self {
        Self {
            batch: 64,
            workers: 2,
            flip: false,
        }
    }
}

/// A network with what is done to its pictures: f(image), or f(image) + f(mirrored image).
///
/// The network runs with its running statistics. Of a network in training, give its `valid()` and a device without
/// differentiation, so that nothing is recorded for a gradient.
#[derive(Debug)]
pub struct Embedder<'a> {
    backbone: &'a Backbone,
    device: &'a Device,
    normalisation: Normalisation,
    channels: Channels,
    config: EmbedderConfig,
}

impl<'a> Embedder<'a> {
    /// # Errors
    /// If the network takes pictures that are neither colour nor grey.
    pub fn new(
        backbone: &'a Backbone,
        device: &'a Device,
        normalisation: Normalisation,
        config: EmbedderConfig,
    ) -> Result<Self> {
        let channels = match backbone.config().input().channels {
            1 => Channels::Grey,
            3 => Channels::Rgb,
            other => {
                let expected = "1 or 3 for pictures from a set";
                return Err(Error::setting("channels", other, expected));
            }
        };
        Ok(Self {
            backbone,
            device,
            normalisation,
            channels,
            config,
        })
    }

    fn forward(&self, images: Tensor<4>) -> Result<Tensor<2>> {
        let embeddings = self.backbone.forward(images, NormMode::Evaluate);
        embeddings.map_err(Error::embed)
    }
}

impl Embed for Embedder<'_> {
    fn pictures(&self) -> LoaderConfig {
        let input = self.backbone.config().input();
        LoaderConfig {
            batch: self.config.batch,
            height_px: input.height_px,
            width_px: input.width_px,
            channels: self.channels,
            workers: self.config.workers,
            ..Default::default()
        }
    }

    fn dim(&self) -> usize {
        self.backbone.config().embedding()
    }

    fn embed(&mut self, images: &ImageBatch) -> Result<Vec<f32>> {
        let images = images.to_device(self.device, &self.normalisation);
        let embeddings = if self.config.flip {
            let mirrored = images.clone().flip([3]);
            self.forward(images)? + self.forward(mirrored)?
        } else {
            self.forward(images)?
        };
        embeddings.try_into_vec_as::<f32>().map_err(Error::embed)
    }
}
