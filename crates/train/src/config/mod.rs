//! The configuration of a run.

mod data;
mod gallery;
mod head;
mod length;
mod load;
mod optimizer;
mod preset;
mod schedule;

use std::path::PathBuf;

use burn::tensor::DType;
use ffc_core::BatchForm;
use ffc_data::{
    AugmentConfig, Channels, Damaged, DualRows, InstanceOrderConfig, LoaderConfig, Normalisation,
};
use ffc_model::network::IResNetConfig;
use ffc_model::{BackboneConfig, ColourOrder, Preprocessing};
use serde::{Deserialize, Serialize};

pub use data::DataConfig;
pub use gallery::GalleryConfig;
pub use head::HeadConfig;
pub use length::Length;
pub use optimizer::OptimizerConfig;
pub use preset::Preset;
pub use schedule::{Decay, Schedule, ScheduleConfig};

use crate::{Error, Result, StepPictures, TrainerConfig};

/// Everything that decides a run. In a file every table may be left out, and nearly every key; [`Preset::REFERENCE`] lists
/// all with their defaults, which are the published training's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Length, seed, clipping and the like.
    pub training: TrainingConfig,
    /// The pictures to train on.
    pub data: DataConfig,
    /// How they are drawn and changed.
    pub loader: LoaderSettings,
    /// The network.
    pub backbone: BackboneConfig,
    /// The gallery network.
    pub gallery: GalleryConfig,
    /// The head.
    pub head: HeadConfig,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The learning rate over time.
    pub schedule: ScheduleConfig,
    /// When checkpoints are written and which are kept.
    pub checkpoint: CheckpointConfig,
    /// What is measured, before, during and after training. The first one's first measure decides which network is best.
    #[serde(rename = "evaluation")]
    pub evaluations: Vec<EvaluationConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            training: TrainingConfig::default(),
            data: DataConfig::default(),
            loader: LoaderSettings::default(),
            backbone: BackboneConfig::Iresnet(IResNetConfig::default()),
            gallery: GalleryConfig::default(),
            head: HeadConfig::default(),
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
            checkpoint: CheckpointConfig::default(),
            evaluations: Vec::new(),
        }
    }
}

/// The course of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// How long. Default: `"19 epochs"`, as published.
    pub length: Length,
    /// Seed of everything random. Default: 0.
    pub seed: u64,
    /// Weights to start from: a PyTorch or SafeTensors file. Default: random ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Whether only those of `weights` are taken that the network has too, with the same shape: to start from a network with another embedding or
    /// other pictures. What differs is said. Default: false, all must be there.
    pub weights_in_part: bool,
    /// Parts of the network that are not trained, by their names in PyTorch, such as `["layer1", "layer2"]`. Running statistics of their norms follow
    /// the pictures all the same. Default: none.
    pub frozen: Vec<String>,
    /// Preprocessing of the pictures: `"ffc"` (BGR, (v - 127.5) / 128), `"arcface"` (RGB, (v / 255 - 0.5) / 0.5) or `"ada_face"` (the same in BGR).
    /// Default: ffc.
    pub preprocessing: PreprocessingConfig,
    /// Longest global norm of the gradient; longer ones are shortened to it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Whether activations are computed again in the backward pass instead of kept. Default: false.
    pub gradient_checkpointing: bool,
    /// What the networks compute in, unless `gallery.precision` says otherwise of one: `"f32"`, or `"bf16"` where the device has it. Parameters, norms, pool and loss are `f32` in
    /// any case. Default: f32.
    pub precision: Precision,
    /// Groups of rows of a batch that the networks normalise by themselves, as so many ranks do with their shares. Default: 0, the batch as a whole; where
    /// several ranks begin a run, as many as they are.
    pub norm_groups: usize,
    /// How often a line of metrics is written. Default: `"50 steps"`.
    pub log: Length,
    /// How often the evaluations run; they also do before and after training. Default: `"1 epoch"`.
    pub evaluate: Length,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            length: Length::Epochs(19.0),
            seed: 0,
            weights: None,
            weights_in_part: false,
            frozen: Vec::new(),
            preprocessing: PreprocessingConfig::Ffc,
            clip_norm: None,
            gradient_checkpointing: false,
            precision: Precision::F32,
            norm_groups: 0,
            log: Length::Steps(50),
            evaluate: Length::Epochs(1.0),
        }
    }
}

/// From bytes to what the network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreprocessingConfig {
    /// BGR, (v - 127.5) / 128.
    Ffc,
    /// RGB, (v / 255 - 0.5) / 0.5.
    Arcface,
    /// BGR, (v / 255 - 0.5) / 0.5.
    AdaFace,
}

/// Number type of the networks' activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with the range of `F32`.
    Bf16,
}

impl From<Precision> for DType {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::BF16,
        }
    }
}

/// How pictures are drawn and changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoaderSettings {
    /// Batch size B, even: identities of an id batch, images of an instance batch. A step takes 3 B images. Several ranks have equal shares of it. Default: 64.
    pub batch: usize,
    /// Threads that decode. Default: 2.
    pub workers: usize,
    /// Batches that are held ready. Default: 2.
    pub queue: usize,
    /// Which loaders fill the 3 B images of FFC's step: `"both"`, `"instance"` or `"identity"` alone. Default: both.
    pub dual: DualRows,
    /// How the instance loader draws: `{ power = 1.0 }` as the data is, 0 every identity alike. Default: 1.
    pub order: InstanceOrderConfig,
    /// What is done to the pictures. Default: flip only.
    pub augment: AugmentConfig,
    /// What is done about images that cannot be read: `{ policy = "fail" }` or `{ policy = "skip", limit = 100 }`. Default: fail.
    pub damaged: Damaged,
}

impl Default for LoaderSettings {
    fn default() -> Self {
        let LoaderConfig {
            batch,
            workers,
            queue,
            dual,
            order,
            augment,
            damaged,
            ..
        } = LoaderConfig::default();
        Self {
            batch,
            workers,
            queue,
            dual,
            order,
            augment,
            damaged,
        }
    }
}

/// When checkpoints are written and which are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointConfig {
    /// How often one is written; one is at the end too. Default: `"1 epoch"`.
    pub every: Length,
    /// How many of the last are kept, 1 at least, beside the best. Default: 2.
    pub keep: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            every: Length::Epochs(1.0),
            keep: 2,
        }
    }
}

/// A measurement on a set of pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Its name in metrics and report.
    pub name: String,
    /// The pictures, of identities that are not trained on. Default: none, for protocols that bring their own.
    #[serde(default)]
    pub data: DataConfig,
    /// Whether embeddings of a picture and its mirror image are added. Default: false.
    #[serde(default)]
    pub flip: bool,
    /// What is done with the embeddings: a protocol, or a list of protocols, for which each picture is embedded once.
    pub protocol: ffc_eval::Protocols,
}

impl Config {
    /// Checks what needs no data and no device.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range or two do not fit.
    pub fn check(&self) -> Result<()> {
        if !self.loader.batch.is_multiple_of(2) || self.loader.batch == 0 {
            return Err(Error::setting(
                "loader.batch",
                self.loader.batch,
                "even and at least 2",
            ));
        }
        self.backbone.check().map_err(Error::in_backbone)?;
        let channels = self.backbone.input().channels;
        if ![1, 3].contains(&channels) {
            let expected = "3 for colour or 1 for grey";
            return Err(Error::setting("backbone.channels", channels, expected));
        }
        let loader = self.loader().check();
        loader.map_err(Error::in_loader)?;
        self.head.check(self.loader.batch)?;
        if self.loader.dual != DualRows::Both && self.head.needs(0).batch != BatchForm::Dual {
            let kind = self.head.kind();
            let value = format!("{:?} with head.kind = {kind}", self.loader.dual).to_lowercase();
            let expected = "both: only FFC's head takes dual batches";
            return Err(Error::setting("loader.dual", value, expected));
        }
        let groups = self.training.norm_groups;
        let (parts, rows) = (self.parts(), self.parts().iter().sum::<usize>());
        if groups > 0
            && (parts.iter().any(|part| !part.is_multiple_of(groups)) || rows < 2 * groups)
        {
            let expected = "0, or a divisor of the rows of each loader in a side of the batch, of which a group has two at least";
            return Err(Error::setting("training.norm_groups", groups, expected));
        }
        self.optimizer.check()?;
        // Its ranges; whether it fits the training's length is seen when the epoch's length is known.
        let schedule = self.schedule.init(u64::MAX, 1)?;
        self.trainer(schedule)?;
        if self.training.weights_in_part && self.training.weights.is_none() {
            let expected = "false where no training.weights are given";
            return Err(Error::setting("training.weights_in_part", true, expected));
        }
        if let Some(norm) = self.training.clip_norm
            && !(norm.is_finite() && norm > 0.0)
        {
            return Err(Error::setting(
                "training.clip_norm",
                norm,
                "a finite number above 0",
            ));
        }
        self.gallery.check(self.head.needs(0).batch)?;
        // What is less than half an epoch's step is seen when the epoch's length is known.
        for (setting, length) in [
            ("training.length", self.training.length),
            ("training.log", self.training.log),
            ("training.evaluate", self.training.evaluate),
            ("checkpoint.every", self.checkpoint.every),
        ] {
            if length.is_zero() {
                return Err(Error::setting(setting, length, "at least one step"));
            }
        }
        if self.checkpoint.keep == 0 {
            return Err(Error::setting("checkpoint.keep", 0, "at least 1"));
        }
        let mut names: Vec<_> = self
            .evaluations
            .iter()
            .map(|evaluation| &evaluation.name)
            .collect();
        names.sort_unstable();
        if let Some(name) = names.iter().find(|name| name.trim().is_empty()) {
            return Err(Error::setting(
                "evaluation.name",
                format!("{name:?}"),
                "not empty",
            ));
        }
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::setting("evaluation.name", pair[0], "given once"));
        }
        for (at, evaluation) in self.evaluations.iter().enumerate() {
            let checked = evaluation.protocol.check();
            checked.map_err(|error| Error::in_evaluation(at, &evaluation.name, error))?;
        }
        Ok(())
    }

    /// The loaders' settings for the network.
    pub fn loader(&self) -> LoaderConfig {
        let input = self.backbone.input();
        let LoaderSettings {
            batch,
            workers,
            queue,
            dual,
            order,
            augment,
            damaged,
        } = self.loader.clone();
        LoaderConfig {
            batch,
            workers,
            queue,
            dual,
            order,
            augment,
            damaged,
            height_px: input.height_px,
            width_px: input.width_px,
            channels: self.channels(),
            seed: self.training.seed,
            ..LoaderConfig::default()
        }
    }

    /// The loaders' settings for one of several ranks: its share of every batch.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where the batch has no equal shares of whole pairs, halves and groups.
    pub fn loader_of_rank(&self, rank: usize, ranks: usize) -> Result<LoaderConfig> {
        let whole = self.loader();
        let of_share = match self.head.needs(0).batch {
            BatchForm::Groups { images } => images.max(2),
            _ => 2,
        };
        if !whole.batch.is_multiple_of(ranks * of_share) {
            let expected = format!(
                "a multiple of {}: {ranks} ranks have equal shares of it",
                ranks * of_share
            );
            return Err(Error::setting("loader.batch", whole.batch, expected));
        }
        Ok(LoaderConfig {
            batch: whole.batch / ranks,
            rank,
            ranks,
            ..whole
        })
    }

    /// Fits it to so many ranks that begin a run: the networks' norms are over groups of rows, one for each rank where no number is set. With them another
    /// number of ranks can go on, that divides them.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where the ranks have no equal shares of the batch or of the groups.
    pub fn for_ranks(&mut self, ranks: usize) -> Result<()> {
        if ranks > 1 && self.training.norm_groups == 0 {
            self.training.norm_groups = ranks;
        }
        self.loader_of_rank(0, ranks)?;
        self.check()
    }

    /// How many pictures a step takes.
    pub fn pictures(&self) -> StepPictures {
        let LoaderSettings { batch, dual, .. } = self.loader;
        StepPictures::new(self.head.needs(0), batch, dual, &self.gallery)
    }

    /// Channels of the pictures.
    pub fn channels(&self) -> Channels {
        match self.backbone.input().channels {
            1 => Channels::Grey,
            _ => Channels::Rgb,
        }
    }

    /// From bytes to the network's input.
    pub fn normalisation(&self) -> Normalisation {
        match self.training.preprocessing {
            PreprocessingConfig::Ffc => Normalisation::FFC,
            PreprocessingConfig::Arcface => Normalisation::ARCFACE,
            PreprocessingConfig::AdaFace => Normalisation::ADA_FACE,
        }
    }

    /// The same, as weight files carry it.
    pub fn preprocessing(&self) -> Preprocessing {
        let input = self.backbone.input();
        let Normalisation { bgr, mean, scale } = self.normalisation();
        Preprocessing {
            height_px: input.height_px,
            width_px: input.width_px,
            colour: match (input.channels, bgr) {
                (1, _) => ColourOrder::Grey,
                (_, true) => ColourOrder::Bgr,
                (_, false) => ColourOrder::Rgb,
            },
            mean,
            scale,
        }
    }

    /// Rows of a batch, or of each of its sides, by the loader that they come from.
    fn parts(&self) -> Vec<usize> {
        let (dual, batch) = (self.loader.dual, self.loader.batch);
        match self.head.needs(0).batch {
            BatchForm::Dual => {
                let (pairs, instances) = dual.of_a_side(batch);
                vec![pairs, instances]
            }
            _ => vec![batch],
        }
    }

    /// How the networks train, with a schedule that knows the training's length.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range.
    pub fn trainer(&self, schedule: Schedule) -> Result<TrainerConfig> {
        Ok(TrainerConfig {
            optimizer: self.optimizer.clone(),
            schedule,
            average: self.gallery.average()?,
            gallery_reuse_up_to: self.gallery.reuse_up_to,
            gallery_precision: self
                .gallery
                .precision
                .unwrap_or(self.training.precision)
                .into(),
            clip_norm: self.training.clip_norm,
            frozen: self.training.frozen.clone(),
            normalisation: self.normalisation(),
            precision: self.training.precision.into(),
            seed: self.training.seed,
            parts: self.parts(),
            norm_groups: self.training.norm_groups,
        })
    }
}
