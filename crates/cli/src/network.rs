use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use ffc_data::{Dataset, ImageCounts, Normalisation, SyntheticConfig};
use ffc_eval::{Embedder, EmbedderConfig, Embeddings};
use ffc_files::Hashed;
use ffc_model::weights::Description;
use ffc_model::{Backbone, ColourOrder, Preprocessing, Published};

use crate::arguments::{DescriptionArguments, NetworkArguments};
use crate::error::{Error, Result};
use crate::trained::{Trained, Wanted};

/// A network with its weights and what is done to its pictures.
pub struct Network {
    pub backbone: Backbone,
    pub preprocessing: Preprocessing,
    /// Of a run or checkpoint, which network of which step it is.
    pub step: Option<String>,
    /// Where its thresholds lie, if it has any.
    pub thresholds: PathBuf,
    /// Whether its pictures are left as they are stored, whatever their EXIF data say.
    pub as_stored: bool,
    device: Device,
    run: EmbedderConfig,
}

impl Network {
    /// Reads the weights that the arguments name, on their device: a file, or a run's or checkpoint's folder. A configuration is for files
    /// that do not tell their network.
    ///
    /// # Errors
    /// [`Error::Usage`] where nothing tells the network; where the weights do not fit.
    pub fn read(arguments: &NetworkArguments) -> Result<Self> {
        let (weights, (device, _)) = (&arguments.weights, arguments.device.open()?);
        let (mut step, mut as_stored) = (None, arguments.as_stored);
        let (backbone, preprocessing) = match weights.is_dir() {
            true => {
                arguments.description.refuse_published(weights)?;
                let wanted = Wanted {
                    config: arguments.description.config.as_deref(),
                    ..Wanted::default()
                };
                let trained = Trained::read(weights, wanted, &device)?;
                tracing::info!("{}: {}", weights.display(), trained.what);
                step = trained.has_step.then(|| trained.what.clone());
                as_stored |= trained.as_stored;
                (trained.backbone, trained.preprocessing)
            }
            false => {
                let of_file = OfFile::read(weights, &arguments.description, &device)?;
                as_stored |= of_file.as_stored;
                (of_file.backbone, of_file.preprocessing)
            }
        };
        Ok(Self {
            backbone,
            preprocessing,
            step,
            thresholds: thresholds_path(weights),
            as_stored,
            device,
            run: EmbedderConfig {
                batch: arguments.batch,
                workers: arguments.workers,
                flip: arguments.flip,
            },
        })
    }

    /// What makes its embeddings.
    ///
    /// # Errors
    /// Where the network takes neither colour nor grey pictures.
    pub fn embedder(&self) -> Result<Embedder<'_>> {
        let normalisation = Normalisation {
            bgr: self.preprocessing.colour == ColourOrder::Bgr,
            mean: self.preprocessing.mean,
            scale: self.preprocessing.scale,
        };
        Ok(Embedder::new(
            &self.backbone,
            &self.device,
            normalisation,
            self.run.clone(),
        )?)
    }

    /// What it makes of a picture that is always the same, a drawn face. Embeddings of networks that differ here, or of other settings, must
    /// not be compared.
    ///
    /// # Errors
    /// As [`embedder`](Self::embedder).
    pub fn reference(&self) -> Result<Vec<f32>> {
        // Whatever the defaults become, files that were written must find the same face.
        let face = SyntheticConfig {
            identities: 1,
            first_identity: 0,
            images: ImageCounts::Equal { images: 1 },
            size_px: 112,
            seed: 0,
        };
        let face = Arc::new(Dataset::synthetic(face)?);
        let embeddings = Embeddings::of_images(&face, &[0], &mut self.embedder()?)?;
        Ok(embeddings.row(0).to_vec())
    }
}

/// `<stem>.thresholds.json` beside a weight file, `thresholds.json` in a run's folder.
pub fn thresholds_path(weights: &Path) -> PathBuf {
    match weights.is_dir() {
        true => weights.join("thresholds.json"),
        false => weights.with_extension("thresholds.json"),
    }
}

/// A network of a weight file.
pub struct OfFile {
    pub backbone: Backbone,
    pub preprocessing: Preprocessing,
    /// As the configuration has it.
    pub as_stored: bool,
}

impl OfFile {
    /// Reads weights of the network that the arguments or the file tell.
    ///
    /// # Errors
    /// [`Error::Usage`] where nothing tells the network; where the weights do not fit.
    pub fn read(weights: &Path, told: &DescriptionArguments, device: &Device) -> Result<Self> {
        let config = match &told.config {
            Some(path) => Some(ffc_train::Config::load(path, &[])?),
            None => None,
        };
        let published = told.published.as_deref().and_then(Published::named);
        let of_file = Description::read(weights)?;
        let unknown = |what: &str| {
            Error::Usage(format!(
                "{} does not tell {what}; give --published with the name of a published network, or --config with a file that tells",
                weights.display()
            ))
        };
        let network = match (&config, published) {
            (Some(config), _) => Some(config.backbone.clone()),
            (None, Some(published)) => Some((published.network)()),
            (None, None) => of_file.network,
        };
        let network = network.ok_or_else(|| unknown("its network"))?;
        let expected = (config.as_ref().map(ffc_train::Config::preprocessing))
            .or_else(|| published.map(|published| published.preprocessing.clone()));
        let mut backbone = network.init(device)?;
        let told = backbone.read_weights(weights, expected.as_ref())?;
        if let (None, Some(assumed)) = (&told, &expected) {
            tracing::info!(
                "{} does not tell how its pictures are prepared; as the {} has it: {assumed}",
                weights.display(),
                if config.is_some() {
                    "configuration"
                } else {
                    "published network"
                }
            );
        }
        let preprocessing = told.or(expected);
        let preprocessing =
            preprocessing.ok_or_else(|| unknown("how its pictures are prepared"))?;
        Ok(Self {
            backbone,
            preprocessing,
            as_stored: config.is_some_and(|config| config.data.as_stored),
        })
    }
}

impl DescriptionArguments {
    /// Refuses a published network's name for a folder.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is one.
    pub fn refuse_published(&self, folder: &Path) -> Result<()> {
        match self.published {
            None => Ok(()),
            Some(_) => Err(Error::Usage(format!(
                "--published is for weight files; {} is a folder of a training, which tells its network",
                folder.display()
            ))),
        }
    }
}

/// XXH3-64 of a file.
pub fn hash(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hashed = Hashed::new(io::sink());
    io::copy(&mut file, &mut hashed).map_err(Error::io("read", path))?;
    Ok(format!("{:016x}", hashed.xxh3()))
}
