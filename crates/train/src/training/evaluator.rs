use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use ffc_core::collective::Collective;
use ffc_data::{
    BuildProgress, Channels, Dataset, ImageBatch, ListLoader, LoaderConfig, Normalisation, PairBin,
};
use ffc_eval::{
    Embed, Embedder, EmbedderConfig, Embeddings, Evaluation, MeasuredOn, Prepared, Protocol,
    RawPixels, ThresholdsFile,
};
use ffc_model::Backbone;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Config, EvaluationConfig};
use crate::progress::{EvaluationProgress, Progress};
use crate::run::{BaselineMeasure, EvaluationScores, Mistake, Picture};
use crate::{Error, Result};

/// The worst mistakes of each kind whose pictures the report shows.
const SHOWN_MISTAKES: usize = 12;

/// An evaluation of a configuration with its opened set.
pub(crate) struct Evaluator {
    config: EvaluationConfig,
    prepared: Prepared,
    normalisation: Normalisation,
    embedder: EmbedderConfig,
}

impl Evaluator {
    /// Opens the sets of all evaluations and checks that the protocols fit them.
    pub(crate) fn all(
        config: &Config,
        building: &mut dyn FnMut(BuildProgress),
    ) -> Result<Vec<Self>> {
        let open = |(at, evaluation): (usize, &EvaluationConfig)| {
            let dataset = match evaluation.protocol.list() {
                // It brings its own pictures.
                [Protocol::Bin { path }] => Arc::new(Dataset::pairs(PairBin::open(path)?)?),
                _ => {
                    let key = format!("evaluation.{at}.data");
                    evaluation.data.open_in(&key, building)?
                }
            };
            // What is wrong shows now, not after the first epoch.
            let prepared = evaluation.protocol.prepare(&dataset);
            Ok(Self {
                config: evaluation.clone(),
                prepared: prepared.map_err(|error| failed(evaluation, error))?,
                normalisation: config.normalisation(),
                embedder: EmbedderConfig {
                    batch: 64,
                    workers: config.loader.workers,
                    flip: evaluation.flip,
                },
            })
        };
        config.evaluations.iter().enumerate().map(open).collect()
    }

    pub(crate) fn dataset(&self) -> &Dataset {
        self.prepared.dataset()
    }

    /// What tells it from others: its name, and a hash of what it does and of its pictures, wherever they lie.
    pub(crate) fn identity(&self) -> Result<String> {
        let EvaluationConfig {
            name,
            data: _,
            flip,
            protocol,
        } = &self.config;
        let pictures = self.dataset().fingerprint()?;
        let mut bytes = format!("{flip} {pictures} ").into_bytes();
        for (number, protocol) in protocol.list().iter().enumerate() {
            if number > 0 {
                bytes.push(b'\n');
            }
            add_protocol(name, protocol, &mut bytes)?;
        }
        Ok(format!("{name} {:016x}", xxh3_64(&bytes)))
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Runs it with a network in validation mode on a plain device: what each of its protocols finds. Each of several ranks embeds its share of the
    /// pictures, whole batches, so that the embeddings are those of a single process; the first one measures, the others find nothing.
    pub(crate) fn run(
        &self,
        network: &Backbone,
        device: &Device,
        progress: &Progress,
        ranks: &dyn Collective,
    ) -> Result<Option<Vec<Evaluation>>> {
        let share = share(self.prepared.images(), self.embedder.batch, ranks);
        let embedder = Embedder::new(network, device, self.normalisation, self.embedder.clone());
        let mut embed = Watched {
            embed: embedder.map_err(|error| self.failed(error))?,
            images: 0,
            progress: progress.evaluation(self.name(), share.len() as u64),
        };
        if ranks.ranks() == 1 {
            return self.measure(&mut embed).map(Some);
        }
        // The first rank may have measured what was embedded before, and pictures may be read at other speeds.
        ranks.barrier()?;
        let own = match share {
            // A set of fewer batches than ranks.
            [] => Vec::new(),
            _ => {
                let own = Embeddings::of_images(self.prepared.dataset(), share, &mut embed);
                own.map_err(|error| self.failed(error))?.values().to_vec()
            }
        };
        let own: Vec<u8> = own.iter().flat_map(|value| value.to_le_bytes()).collect();
        ranks.barrier()?;
        let all = ranks.all_gather(&own)?;
        if ranks.rank() > 0 {
            return Ok(None);
        }
        let values = all.concat();
        let values = values.as_chunks::<4>().0.iter();
        let values = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let found = Embeddings::of_length_one(embed.dim(), values)
            .and_then(|embeddings| self.prepared.measure(embeddings));
        found.map(Some).map_err(|error| self.failed(error))
    }

    /// What raw pixels reach.
    pub(crate) fn baseline(&self) -> Result<Vec<BaselineMeasure>> {
        let found = self.measure(&mut RawPixels)?;
        let measures = found.into_iter().flat_map(|found| found.measures);
        let measures = measures.map(|measure| BaselineMeasure {
            name: "raw grey pixels, 32 x 32".into(),
            measure: measure.name,
            value: measure.value,
            low: measure.low,
            high: measure.high,
        });
        Ok(measures.collect())
    }

    fn measure(&self, embed: &mut dyn Embed) -> Result<Vec<Evaluation>> {
        let found = self.prepared.run(embed);
        found.map_err(|error| self.failed(error))
    }

    /// The scores for the report, with pictures of the worst mistakes: of the first protocol that has pairs.
    pub(crate) fn scores(
        &self,
        found: &[Evaluation],
        network: &str,
        baselines: Vec<BaselineMeasure>,
    ) -> Result<EvaluationScores> {
        let verification = found.iter().find(|found| found.scores.is_some());
        let scores = verification.and_then(|found| found.scores.clone());
        let scores = scores.unwrap_or_default();
        let curve = found.iter().find(|found| !found.roc.is_empty());
        let mistakes = verification.map_or(&[][..], |found| &found.mistakes);
        // Squared distance d of unit vectors is 2 - 2 cos. Folds have thresholds of their own: their mean is shown.
        let decision = verification.and_then(|found| found.decision.as_ref());
        let threshold = decision.map(|decision| {
            let folds = &decision.folds;
            let sum: f64 = folds.iter().map(|fold| fold.threshold).sum();
            (1.0 - sum / folds.len() as f64 / 2.0) as f32
        });
        let worst = |same| {
            let of_kind = mistakes.iter().filter(move |mistake| mistake.same == same);
            of_kind.take(SHOWN_MISTAKES)
        };
        let shown: Vec<_> = worst(true).chain(worst(false)).collect();
        let images = shown
            .iter()
            .flat_map(|mistake| [mistake.image_a, mistake.image_b]);
        let mut pictures = self.pictures(images.collect())?.into_iter();
        let mistakes = shown.into_iter().map_while(|mistake| {
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
            roc: match (verification, curve) {
                (None, Some(found)) => found.roc.clone(),
                _ => Vec::new(),
            },
            threshold,
            baselines,
        })
    }

    /// The thresholds of the protocol with the most pairs, which show the lowest rates.
    pub(crate) fn thresholds(
        &self,
        found: &[Evaluation],
        network: String,
    ) -> Option<ThresholdsFile> {
        let protocols = self.config.protocol.list().iter().zip(found);
        let (pairs, thresholds) = protocols
            .filter(|(protocol, _)| protocol.compares_pictures())
            .filter_map(|(protocol, found)| Some((protocol.label(), found.thresholds.clone()?)))
            .max_by_key(|(_, thresholds)| thresholds.different_pairs)?;
        let measured_on = MeasuredOn {
            network,
            weights_xxh3: None,
            data: self.dataset().source().path().display().to_string(),
            pairs,
            flip: self.config.flip,
            aligned: false,
        };
        Some(ThresholdsFile {
            measured_on,
            thresholds,
        })
    }

    fn pictures(&self, images: Vec<u64>) -> Result<Vec<Picture>> {
        let config = LoaderConfig {
            batch: 16,
            channels: Channels::Rgb,
            ..Default::default()
        };
        let mut pictures = Vec::new();
        for batch in ListLoader::new(self.prepared.dataset().clone(), images, &config)? {
            let batch = batch?;
            let [_, height, width, channels] = batch.shape();
            let pixels = batch.pixels().chunks_exact(height * width * channels);
            for (pixels, &image) in pixels.zip(batch.images()) {
                let name = self.dataset().display_name(image)?;
                pictures.push(Picture {
                    png: png(pixels, height, width).map_err(|error| Error::format(&name, error))?,
                    name,
                });
            }
        }
        Ok(pictures)
    }

    fn failed(&self, error: ffc_eval::Error) -> Error {
        failed(&self.config, error)
    }
}

/// A rank's share of images: consecutive ones, whole batches.
fn share<'a>(images: &'a [u64], batch: usize, ranks: &dyn Collective) -> &'a [u64] {
    let batches = images.len().div_ceil(batch);
    let begin = |rank: usize| (rank * batches / ranks.ranks() * batch).min(images.len());
    &images[begin(ranks.rank())..begin(ranks.rank() + 1)]
}

fn failed(evaluation: &EvaluationConfig, error: ffc_eval::Error) -> Error {
    Error::Evaluation {
        name: evaluation.name.clone(),
        source: error,
    }
}

/// What a protocol does, wherever its lists lie.
fn add_protocol(evaluation: &str, protocol: &Protocol, bytes: &mut Vec<u8>) -> Result<()> {
    let mut add_list = |path: Option<&PathBuf>| -> Result<()> {
        // None and an empty list differ.
        bytes.push(path.is_some().into());
        if let Some(path) = path {
            bytes.extend(fs::read(path).map_err(Error::io("read", path))?);
        }
        Ok(())
    };
    match protocol {
        Protocol::PairsFile { path, train } => {
            add_list(Some(path))?;
            add_list(train.as_ref())?;
        }
        // Its pictures are all of it.
        Protocol::Bin { path: _ } => bytes.extend(b"bin"),
        Protocol::Templates(templates) => {
            add_list(Some(&templates.media))?;
            add_list(templates.pairs.as_ref())?;
            for gallery in &templates.galleries {
                add_list(Some(gallery))?;
            }
            add_list(templates.probes.as_ref())?;
            bytes.extend(format!("templates {:?}", templates.targets).bytes());
        }
        Protocol::Videos { path } => {
            add_list(Some(path))?;
            bytes.extend(b"videos");
        }
        other => {
            let settings = serde_json::to_vec(other);
            bytes.extend(settings.map_err(|error| Error::format(evaluation, error))?);
        }
    }
    Ok(())
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
