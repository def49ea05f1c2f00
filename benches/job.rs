//! Trainings that are measured, their data in memory.

use std::error::Error;

use burn::tensor::{DType, Device, Distribution, Tensor};
use ffc_core::{FfcHead, FfcHeadConfig};
use ffc_data::{DualBatch, DualLoader, ImageBatch, ImageCounts, SourceConfig, SyntheticConfig};
use ffc_model::Backbone;
use ffc_train::config::{HeadConfig, Preset};
use ffc_train::{Config, Trainer};

use crate::settings;

/// Identities are so many times the slots of the pool: most rows of the instance loader are fresh, as in large sets.
const IDENTITIES_PER_SLOT: u64 = 2;

/// Network, batch, precision and pool of a training.
pub struct Job {
    /// For tables.
    pub name: String,
    /// The training.
    pub config: Config,
    identities: u64,
}

impl Job {
    /// `synthetic`, the built-in job, or `network:batch:precision:pool`, where the batch is B of the id loader.
    ///
    /// # Errors
    ///
    /// If the text is neither.
    pub fn new(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut config = Preset::SYNTHETIC.config(&[])?;
        if text == "synthetic" {
            let identities = 10_000;
            return Ok(Self {
                name: text.into(),
                config,
                identities,
            });
        }
        let [name, batch, precision, pool] = text.split(':').collect::<Vec<_>>()[..] else {
            return Err(format!("{text}: expected network:batch:precision:pool").into());
        };
        config.backbone = settings::network(name)?;
        config.loader.batch = batch.parse()?;
        let head = FfcHeadConfig {
            pool: pool.parse()?,
            ..ffc(&config)?.clone()
        };
        config.training.precision = settings::precision(precision)?;
        let identities = IDENTITIES_PER_SLOT * (head.pool as u64);
        config.head = HeadConfig::Ffc(head);
        config.data.source = Some(SourceConfig::Synthetic(SyntheticConfig {
            identities,
            images: ImageCounts::Equal { images: 2 },
            size_px: config.backbone.input().height_px,
            ..Default::default()
        }));
        Ok(Self {
            name: text.replace(':', ","),
            config,
            identities,
        })
    }

    /// Pictures of a step through the probe network: 3 B.
    pub fn pictures(&self) -> usize {
        3 * self.config.loader.batch
    }

    /// Bytes of the pool's two layers of centres.
    pub fn pool_bytes(&self) -> u64 {
        let slots = ffc(&self.config).map_or(0, |head| head.pool);
        let values = 2 * slots * self.config.backbone.embedding();
        (values * size_of::<f32>()) as u64
    }

    /// The first batches.
    ///
    /// # Errors
    ///
    /// If they cannot be drawn.
    pub fn batches(&self, count: usize) -> Result<Vec<DualBatch>, Box<dyn Error>> {
        let dataset = self.config.data.open(&mut |_| {})?;
        let loader = DualLoader::new(dataset, self.config.loader(), 0)?;
        Ok(loader.take(count).collect::<Result<_, _>>()?)
    }

    /// Pictures on the device as the networks take them.
    pub fn upload(&self, images: &ImageBatch, device: &Device) -> Tensor<4> {
        let pictures = images.to_device(device, &self.config.normalisation());
        pictures.cast(DType::from(self.config.training.precision))
    }

    /// A trainer whose pool is full, as after some time.
    ///
    /// # Errors
    ///
    /// If the device lacks memory or precision.
    pub fn trainer(&self, device: &Device) -> Result<Trainer, Box<dyn Error>> {
        let schedule = self.config.schedule.init(1_000, 1_000)?;
        let mut trainer = Trainer::from_config(&self.config, self.identities, schedule, device)?;
        let slots = ffc(&self.config)?.pool;
        let shape = [slots, self.config.backbone.embedding()];
        let centres = Tensor::random(shape, Distribution::Normal(0.0, 1.0), device);
        // The last identities, of which the first batches draw as many as of others.
        let identities: Vec<u64> = (self.identities - slots as u64..self.identities).collect();
        ffc_head(&mut trainer)?
            .pool_mut()
            .prefill(centres, &identities)?;
        Ok(trainer)
    }
}

fn ffc(config: &Config) -> Result<&FfcHeadConfig, Box<dyn Error>> {
    match &config.head {
        HeadConfig::Ffc(head) => Ok(head),
        head => Err(format!("{head:?} is no FFC head").into()),
    }
}

/// The FFC head of a trainer.
///
/// # Errors
///
/// If it has another.
pub fn ffc_head(trainer: &mut Trainer) -> Result<&mut FfcHead, Box<dyn Error>> {
    trainer.head_as_mut().ok_or("no FFC head".into())
}

/// The gallery network of a trainer.
///
/// # Errors
///
/// If its head needs none.
pub fn gallery(trainer: &Trainer) -> Result<&Backbone, Box<dyn Error>> {
    trainer.gallery().ok_or("no gallery network".into())
}
