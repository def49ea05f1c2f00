use std::fs;
use std::sync::Arc;

use burn::tensor::Device;
use ffc_data::{
    BuildProgress, Channels, Dataset, ImageBatch, ListLoader, LoaderConfig, Normalisation, PairBin,
};
use ffc_eval::{Embed, Embedder, EmbedderConfig, Evaluation, Protocol, RawPixels};
use ffc_model::Backbone;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Config, EvaluationConfig};
use crate::progress::{EvaluationProgress, Progress};
use crate::run::{BaselineMeasure, EvaluationScores, Mistake, Picture};
use crate::{Error, Result};

/// The worst mistakes whose pictures the report shows.
const SHOWN_MISTAKES: usize = 24;

/// An evaluation of a configuration with its opened set.
pub(crate) struct Evaluator {
    config: EvaluationConfig,
    dataset: Arc<Dataset>,
    normalisation: Normalisation,
    embedder: EmbedderConfig,
}

impl Evaluator {
    /// Opens the sets of all evaluations and checks that the protocols fit them.
    pub(crate) fn all(
        config: &Config,
        building: &mut dyn FnMut(BuildProgress),
    ) -> Result<Vec<Self>> {
        let open = |evaluation: &EvaluationConfig| {
            let dataset = match &evaluation.protocol {
                // It brings its own pictures.
                Protocol::Bin { path } => Arc::new(Dataset::pairs(PairBin::open(path)?)?),
                _ => evaluation.data.open(building)?,
            };
            let evaluator = Self {
                config: evaluation.clone(),
                dataset,
                normalisation: config.normalisation(),
                embedder: EmbedderConfig {
                    batch: 64,
                    workers: config.loader.workers,
                    flip: evaluation.flip,
                },
            };
            // What is wrong shows now, not after the first epoch.
            let checked = evaluation.protocol.check(&evaluator.dataset);
            checked.map_err(|error| evaluator.failed(error))?;
            Ok(evaluator)
        };
        config.evaluations.iter().map(open).collect()
    }

    pub(crate) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// What tells it from others: its name, and a hash of what it does and of its pictures, wherever they lie.
    pub(crate) fn identity(&self) -> Result<String> {
        let EvaluationConfig {
            name,
            data: _,
            flip,
            protocol,
        } = &self.config;
        let pictures = self.dataset.fingerprint()?;
        let mut bytes = format!("{flip} {pictures} ").into_bytes();
        match protocol {
            Protocol::PairsFile { path, train } => {
                for list in [Some(path), train.as_ref()] {
                    // None and an empty list differ.
                    bytes.push(list.is_some().into());
                    if let Some(path) = list {
                        bytes.extend(fs::read(path).map_err(Error::io("read", path))?);
                    }
                }
            }
            // Its pictures are all of it.
            Protocol::Bin { path: _ } => bytes.extend(b"bin"),
            other => {
                let settings = serde_json::to_vec(other);
                bytes.extend(settings.map_err(|error| Error::format(name, error))?);
            }
        }
        Ok(format!("{name} {:016x}", xxh3_64(&bytes)))
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Runs it with a network in validation mode on a plain device.
    pub(crate) fn run(
        &self,
        network: &Backbone,
        device: &Device,
        progress: &Progress,
    ) -> Result<Evaluation> {
        let embedder = Embedder::new(network, device, self.normalisation, self.embedder.clone());
        let mut embed = Watched {
            embed: embedder.map_err(|error| self.failed(error))?,
            images: 0,
            progress: progress.evaluation(self.name(), self.dataset.index().images()),
        };
        self.protocol(&mut embed)
    }

    /// What raw pixels reach.
    pub(crate) fn baseline(&self) -> Result<Vec<BaselineMeasure>> {
        let measures = self.protocol(&mut RawPixels)?.measures;
        let measures = measures.into_iter().map(|measure| BaselineMeasure {
            name: "raw grey pixels, 32 x 32".into(),
            measure: measure.name,
            value: measure.value,
            low: measure.low,
            high: measure.high,
        });
        Ok(measures.collect())
    }

    fn protocol(&self, embed: &mut dyn Embed) -> Result<Evaluation> {
        let evaluation = self.config.protocol.run(&self.dataset, embed);
        evaluation.map_err(|error| self.failed(error))
    }

    /// The scores for the report, with pictures of the worst mistakes.
    pub(crate) fn scores(
        &self,
        evaluation: &Evaluation,
        network: &str,
        baselines: Vec<BaselineMeasure>,
    ) -> Result<EvaluationScores> {
        let scores = evaluation.scores.clone().unwrap_or_default();
        // Squared distance d of unit vectors is 2 - 2 cos. Folds have thresholds of their own: their mean is shown.
        let threshold = evaluation.decision.as_ref().map(|decision| {
            let folds = &decision.folds;
            let sum: f64 = folds.iter().map(|fold| fold.threshold).sum();
            (1.0 - sum / folds.len() as f64 / 2.0) as f32
        });
        let shown = &evaluation.mistakes[..evaluation.mistakes.len().min(SHOWN_MISTAKES)];
        let images = shown
            .iter()
            .flat_map(|mistake| [mistake.image_a, mistake.image_b]);
        let mut pictures = self.pictures(images.collect())?.into_iter();
        let mistakes = shown.iter().map_while(|mistake| {
            Some(Mistake {
                score: mistake.score,
                same: mistake.same,
                left: pictures.next()?,
                right: pictures.next()?,
            })
        });
        Ok(EvaluationScores {
            network: network.to_owned(),
            mistakes: mistakes.collect(),
            same: scores.same,
            different: scores.different,
            roc: Vec::new(),
            threshold,
            baselines,
        })
    }

    fn pictures(&self, images: Vec<u64>) -> Result<Vec<Picture>> {
        let config = LoaderConfig {
            batch: 16,
            channels: Channels::Rgb,
            ..Default::default()
        };
        let mut pictures = Vec::new();
        for batch in ListLoader::new(self.dataset.clone(), images, &config)? {
            let batch = batch?;
            let [_, height, width, channels] = batch.shape();
            let pixels = batch.pixels().chunks_exact(height * width * channels);
            for (pixels, &image) in pixels.zip(batch.images()) {
                let name = self.dataset.display_name(image)?;
                pictures.push(Picture {
                    png: png(pixels, height, width).map_err(|error| Error::format(&name, error))?,
                    name,
                });
            }
        }
        Ok(pictures)
    }

    fn failed(&self, error: ffc_eval::Error) -> Error {
        Error::Evaluation {
            name: self.config.name.clone(),
            source: error,
        }
    }
}

fn png(rgb: &[u8], height: usize, width: usize) -> image::ImageResult<Vec<u8>> {
    use image::ImageEncoder;
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes).write_image(
        rgb,
        width as u32,
        height as u32,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

/// Tells the progress how many images went through.
struct Watched<'a> {
    embed: Embedder<'a>,
    images: u64,
    progress: EvaluationProgress,
}

impl Embed for Watched<'_> {
    fn pictures(&self) -> LoaderConfig {
        self.embed.pictures()
    }

    fn dim(&self) -> usize {
        self.embed.dim()
    }

    fn embed(&mut self, images: &ImageBatch) -> ffc_eval::Result<Vec<f32>> {
        let embeddings = self.embed.embed(images)?;
        self.images += images.images().len() as u64;
        self.progress.update(self.images);
        Ok(embeddings)
    }
}
