use burn::tensor::Tensor;

use crate::Result;

/// One half of a step's batch: the rows that the probe network and the gallery network embedded.
#[derive(Debug, Clone)]
pub struct Half {
    /// The probe network's embeddings, `[rows, dim]`, on an autodiff device if they are to learn.
    /// Their length does not matter: the head normalises.
    pub probe: Tensor<2>,
    /// The gallery network's embeddings of the same images, `[rows, dim]`. Take no gradient.
    pub gallery: Tensor<2>,
    /// The identity of each row.
    pub identities: Vec<u64>,
}

/// What a training loop gives a head: both halves of a dual batch, embedded by both networks.
///
/// With identity-loader batch (a, b, id) and instance-loader halves (i1, l1), (i2, l2):
/// x = \[a; i1\] with identities \[id; l1\], and y = \[b; i2\] with identities \[id; l2\].
#[derive(Debug, Clone)]
pub struct DualEmbeddings {
    /// Half x.
    pub x: Half,
    /// Half y.
    pub y: Half,
}

/// What a training loop gets from a head.
#[derive(Debug, Clone)]
pub struct HeadOutput {
    /// The step's loss, `[1]`: call `backward` on it. It is on an autodiff device if the probe
    /// embeddings are.
    pub loss: Tensor<1>,
    /// What happened.
    pub stats: HeadStats,
}

/// What happened in one step of a head.
#[derive(Debug, Clone)]
pub struct HeadStats {
    /// Probe rows of both halves.
    pub rows: usize,
    /// Probe rows whose identity had no class centre.
    pub fresh_rows: usize,
    /// Mean cosine between probe rows and the centres of their identities before the margin, `[1]`;
    /// `None` where all rows are fresh. Left on the device: reading it waits for the step.
    pub mean_target_cosine: Option<Tensor<1>>,
    /// Used slots after the step.
    pub pool_used: usize,
    /// Slots of the pool.
    pub pool_capacity: usize,
    /// Identities that lost their slots in this step.
    pub evictions: usize,
}

impl HeadStats {
    /// Share of probe rows whose identity had no class centre, from 0 to 1.
    pub fn fresh_share(&self) -> f64 {
        self.fresh_rows as f64 / self.rows as f64
    }

    /// Share of the pool's slots that are used, from 0 to 1.
    pub fn pool_fill(&self) -> f64 {
        self.pool_used as f64 / self.pool_capacity as f64
    }
}

/// What stands on the networks and turns a step's embeddings into a loss.
///
/// FFC is [`FfcHead`](crate::FfcHead); other ways to classify stand behind the same trait, so that one
/// training loop compares them.
pub trait Head {
    /// Computes the loss of a step and updates the head's own memory.
    ///
    /// # Errors
    ///
    /// Bad input, with the head unchanged.
    fn step(&mut self, batch: DualEmbeddings) -> Result<HeadOutput>;
}
