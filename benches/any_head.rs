//! Any head at work: embeddings drawn at random, in the form of batch that it needs.

use std::error::Error;

use burn::tensor::{Device, Distribution, Tensor};
use ffc_core::{
    BatchForm, DualEmbeddings, EmbeddingBatch, Head, HeadContext, HeadInput, StepContext,
    WeightStorage,
};
use ffc_train::config::HeadConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::head_work::{DIM, SEED};
use crate::settings::list;

/// The heads that are compared, with their published sizes, and Partial FC from a file with a thousandth: a name and the settings.
pub const HEADS: [(&str, &str); 10] = [
    ("ffc", r#"{ "kind": "ffc", "pool": 30000 }"#),
    ("full", r#"{ "kind": "full" }"#),
    ("partial 0.1", r#"{ "kind": "partial" }"#),
    (
        "partial 0.1 dense",
        r#"{ "kind": "partial", "update": "dense" }"#,
    ),
    (
        "partial 0.1 bf16",
        r#"{ "kind": "partial", "storage": "bf16" }"#,
    ),
    (
        "partial 0.001 file",
        r#"{ "kind": "partial", "sample_rate": 0.001, "storage": { "file": "<new>" } }"#,
    ),
    ("virtual", r#"{ "kind": "virtual", "images": 4 }"#),
    ("queue", r#"{ "kind": "queue" }"#),
    ("triplet", r#"{ "kind": "triplet" }"#),
    ("pairs", r#"{ "kind": "pairs" }"#),
];

/// Numbers of identities that `FFC_BENCH_IDENTITIES` names, separated by commas.
///
/// # Errors
///
/// If one cannot be read.
pub fn identities() -> Result<Vec<u64>, Box<dyn Error>> {
    list("FFC_BENCH_IDENTITIES", "10000,100000,1000000")
}

/// Batch size B of the loaders that `FFC_BENCH_BATCH` names.
///
/// # Errors
///
/// If it cannot be read.
pub fn batch() -> Result<usize, Box<dyn Error>> {
    let batches = list("FFC_BENCH_BATCH", "128")?;
    batches
        .first()
        .copied()
        .ok_or_else(|| "FFC_BENCH_BATCH is empty".into())
}

/// The heads of [`HEADS`] that `FFC_BENCH_KINDS` names, separated by commas; all without it.
///
/// # Errors
///
/// If there is none of a name.
pub fn heads() -> Result<Vec<(&'static str, HeadConfig)>, Box<dyn Error>> {
    let all = HEADS.map(|(name, _)| name).join(",");
    let names: Vec<String> = list("FFC_BENCH_KINDS", &all)?;
    let heads = names.iter().map(|wanted| -> Result<_, Box<dyn Error>> {
        let found = HEADS.into_iter().find(|(name, _)| name == wanted);
        let (name, settings) =
            found.ok_or_else(|| format!("no head {wanted}; expected some of {all}"))?;
        Ok((name, serde_json::from_str(settings)?))
    });
    heads.collect()
}

/// A head and the batches that train it.
pub struct AnyHead {
    /// The head.
    pub head: Box<dyn Head>,
    context: StepContext,
    batch: usize,
    identities: u64,
    rng: StdRng,
    device: Device,
    /// A head's file of weights, as long as the head is in use.
    _folder: TempDir,
}

impl AnyHead {
    /// `batch` is B of the loaders.
    ///
    /// # Errors
    ///
    /// As [`HeadConfig::init`]; if no folder for a file of weights can be made.
    pub fn new(
        config: &HeadConfig,
        identities: u64,
        batch: usize,
        device: &Device,
    ) -> Result<Self, Box<dyn Error>> {
        let device = device.clone().autodiff();
        let (mut config, folder) = (config.clone(), TempDir::new()?);
        if let HeadConfig::Partial(partial) = &mut config
            && let WeightStorage::File(path) = &mut partial.storage
        {
            *path = folder.path().join("class-weights");
        }
        config.check(batch)?;
        let head = config.init(&HeadContext {
            identities,
            dim: DIM,
            batch,
            seed: SEED,
            device: &device,
            ranks: None,
        })?;
        Ok(Self {
            head,
            context: StepContext {
                step: 0,
                learning_rate: 0.1,
            },
            batch,
            identities,
            rng: StdRng::seed_from_u64(SEED),
            device,
            _folder: folder,
        })
    }

    /// Rows that go through the trained network in a step.
    pub fn rows(&self) -> usize {
        match self.head.needs().batch {
            BatchForm::Dual => 3 * self.batch,
            _ => self.batch,
        }
    }

    /// What the next step gets.
    pub fn input(&mut self) -> HeadInput {
        match self.head.needs().batch {
            BatchForm::Dual => {
                let shared = self.draw(self.batch);
                let [x, y] = [(); 2].map(|()| {
                    let mut identities = shared.clone();
                    identities.extend(self.draw(self.batch / 2));
                    self.embed(identities)
                });
                DualEmbeddings { x, y }.into()
            }
            BatchForm::Groups { images } => {
                let groups = self.draw(self.batch / images);
                let rows = groups.iter().flat_map(|&identity| vec![identity; images]);
                self.embed(rows.collect()).into()
            }
            _ => {
                let identities = self.draw(self.batch);
                self.embed(identities).into()
            }
        }
    }

    /// The whole step of a head: loss, backward to the embeddings, update.
    ///
    /// # Errors
    ///
    /// The head's.
    pub fn step(&mut self, input: HeadInput) -> ffc_core::Result<()> {
        let output = self.head.step(input, &self.context)?;
        self.head
            .learn(&mut output.loss.backward(), &self.context)?;
        self.context.step += 1;
        Ok(())
    }

    fn embed(&self, identities: Vec<u64>) -> EmbeddingBatch {
        let plain = self.device.clone().without_autodiff();
        let rows = identities.len();
        let random = || Tensor::<2>::random([rows, DIM], Distribution::Normal(0.0, 1.0), &plain);
        EmbeddingBatch {
            probe: random().autodiff().require_grad(),
            gallery: self.head.needs().gallery.then(random),
            identities,
        }
    }

    /// Different identities, as the loaders give them.
    fn draw(&mut self, count: usize) -> Vec<u64> {
        let mut drawn = std::collections::BTreeSet::new();
        while drawn.len() < count.min(self.identities as usize) {
            drawn.insert(self.rng.random_range(0..self.identities));
        }
        drawn.into_iter().collect()
    }
}
