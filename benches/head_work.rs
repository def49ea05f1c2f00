//! The work of a head: pool, identities and embeddings of a training run in its steady state.

use std::error::Error;

use burn::tensor::{Device, Distribution, Tensor};
use ffc_core::margin::CosFace;
use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, FfcHead, Storage,
    UpdateRule,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::settings::list;

/// Dimension of the embeddings.
pub const DIM: usize = 512;
const DEFAULT: &str = "1000:64,1000:256,10000:64,10000:256,30000:64,30000:256,100000:64,100000:256";
/// Seed of everything random.
pub const SEED: u64 = 0;

/// Pool sizes Q and batch sizes B of the id loader that `FFC_BENCH_HEADS` names, as Q:B separated by commas. A side of a dual
/// batch has 1.5 B rows.
///
/// # Errors
///
/// If a size cannot be read.
pub fn sizes() -> Result<Vec<[usize; 2]>, Box<dyn Error>> {
    let names: Vec<String> = list("FFC_BENCH_HEADS", DEFAULT)?;
    let sizes = names.iter().map(|name| -> Result<_, Box<dyn Error>> {
        let size = name
            .split_once(':')
            .and_then(|(capacity, batch)| Some([capacity.parse().ok()?, batch.parse().ok()?]));
        // A side of a batch must find room.
        let fits = |size: &[usize; 2]| 3 * size[1] / 2 <= size[0];
        let expected = "expected Q:B, with Q of 1.5 B or more";
        Ok(size
            .filter(fits)
            .ok_or(format!("FFC_BENCH_HEADS: {name:?}: {expected}"))?)
    });
    sizes.collect()
}

/// How many identities there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identities {
    /// As many as slots: every row has a centre. The most work.
    AsSlots,
    /// Ten times as many: most rows of the instance loader are fresh, as in large training sets.
    TenfoldSlots,
}

impl Identities {
    /// Both cases.
    pub const ALL: [Self; 2] = [Self::AsSlots, Self::TenfoldSlots];

    /// For the id of a bench.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsSlots => "N=Q",
            Self::TenfoldSlots => "N=10Q",
        }
    }
}

/// Settings of the pools.
pub fn pool_config(capacity: usize) -> ClassPoolConfig {
    ClassPoolConfig {
        capacity,
        dim: DIM,
        update: UpdateRule::TwoLayer,
        storage: Storage::F32,
    }
}

/// A head with a full pool, and the batches that train it.
pub struct HeadWork {
    /// The head.
    pub head: FfcHead,
    batch: usize,
    identities: u64,
    rng: StdRng,
    device: Device,
}

impl HeadWork {
    /// `batch` is B of the id loader.
    pub fn new(
        capacity: usize,
        batch: usize,
        identities: Identities,
        config: FfcConfig,
        device: &Device,
    ) -> ffc_core::Result<Self> {
        let mut pool = ClassPool::new(pool_config(capacity), device)?;
        let features = Tensor::random([capacity, DIM], Distribution::Normal(0.0, 1.0), device);
        let all: Vec<u64> = (0..capacity as u64).collect();
        pool.prefill(features, &all)?;
        Ok(Self {
            head: FfcHead::new(pool, CosFace::new(0.4)?, config)?,
            batch,
            identities: match identities {
                Identities::AsSlots => capacity as u64,
                Identities::TenfoldSlots => 10 * capacity as u64,
            },
            rng: StdRng::seed_from_u64(SEED),
            device: device.clone().autodiff(),
        })
    }

    /// Rows of one half.
    pub fn rows(&self) -> usize {
        self.batch + self.batch / 2
    }

    /// A dual batch, embedded. The probe embeddings are leaves of the autodiff graph.
    pub fn batch(&mut self) -> DualEmbeddings {
        let shared = self.draw(self.batch);
        let [x, y] = [(); 2].map(|()| {
            let mut identities = shared.clone();
            identities.extend(self.draw(self.batch / 2));
            EmbeddingBatch {
                probe: self.embeddings().autodiff().require_grad(),
                gallery: Some(self.embeddings()),
                identities,
            }
        });
        DualEmbeddings { x, y }
    }

    fn draw(&mut self, count: usize) -> Vec<u64> {
        let identities = self.identities;
        let rng = &mut self.rng;
        (0..count)
            .map(|_| rng.random_range(0..identities))
            .collect()
    }

    fn embeddings(&self) -> Tensor<2> {
        let device = self.device.clone().inner();
        Tensor::random([self.rows(), DIM], Distribution::Normal(0.0, 1.0), &device)
    }
}
