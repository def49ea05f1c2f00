//! The FFC head: its loss against the class pool, and the pool's edit.

mod config;
mod hard_negatives;
mod head;
mod head_config;
mod margin_softmax;
mod means;
mod pass;
mod pool_scan;
mod stats;
mod top_k;

pub use config::FfcConfig;
pub use head_config::FfcHeadConfig;
pub use means::Means;
pub use stats::FfcStats;

use burn::tensor::Tensor;

use crate::embeddings::{Matrix, UnitRows};
use crate::error::Embeddings;
use crate::head::{DualEmbeddings, with_gradient};
use crate::margin::Margin;
use crate::upload::indices;
use crate::{ClassPool, Error, GallerySides, Result};
use means::Groups;
use pass::Pass;
use pool_scan::PoolScan;

/// Loss of some rows and its gradient by their unit embeddings.
struct RowLoss {
    /// `[1]`.
    value: Tensor<1>,
    /// `[rows, dim]`.
    gradient: Tensor<2>,
}

/// The FFC head (F2C, CVPR 2022, arXiv:2105.10375): margin softmax against a [`ClassPool`] of recent
/// gallery features, for any number of identities.
///
/// A step takes the two sides x and y of a dual batch through two passes:
///
/// - pass A edits the pool tentatively with y's gallery features and scores x's probe features;
/// - pass B edits the pool for good with x's gallery features and scores y's probe features.
///
/// A probe row whose identity has a centre adds its margin cross-entropy against the pool; one whose
/// identity has none ("fresh") adds the mean of its k largest cosines, cut off at 0. A pass averages
/// each kind over its rows and adds the two; the step's loss is the sum of both passes and, where the
/// pool has two layers, of both layers' terms.
///
/// # Cost
///
/// Most centres are the same in all passes and terms, so one product `[3 B, D] x [D, Q]` scores them
/// all, and the few that a batch changes are scored apart. The pool takes no gradient, so that of the
/// loss has a closed form, one more product; autodiff sees only sum(embedding * gradient). The pool is
/// gone through chunk by chunk with a running log-sum-exp: memory grows with rows * chunk, not with Q.
///
/// # Synchronisation
///
/// With [`FfcConfig::check_embeddings`] a step reads the embeddings' lengths back from the device,
/// before the loss is computed. Without it a step reads nothing back: which slots are written follows
/// from the identities, which the host knows. Of a pool in parts a step waits for the device and the other ranks.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::margin::CosFace;
/// use ffc_core::{ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, FfcHead};
///
/// let device = Device::flex().autodiff();
/// let pool = ClassPool::new(ClassPoolConfig { capacity: 8, dim: 2, ..Default::default() }, &device)?;
/// let mut head = FfcHead::new(pool, CosFace::new(0.4)?, FfcConfig::default())?;
///
/// let probe = Tensor::<2>::from_data([[1.0, 0.2], [-0.3, 1.0]], &device).require_grad();
/// let side = EmbeddingBatch {
///     probe: probe.clone(),
///     gallery: Some(probe.clone()),
///     identities: vec![5, 6],
/// };
/// let output = head.step(DualEmbeddings { x: side.clone(), y: side })?;
///
/// let gradients = output.loss.backward();
/// assert_eq!(probe.grad(&gradients).unwrap().dims(), [2, 2]);
/// assert_eq!(output.stats.pool_used, 2);
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct FfcHead {
    pool: ClassPool,
    margin: Box<dyn Margin>,
    config: FfcConfig,
    /// Identities whose features are wanted before the first step.
    prefill: u64,
    /// Of the rows of a side, where means are taken by them.
    groups: Groups,
}

/// What [`FfcHead::step`] gives.
#[derive(Debug, Clone)]
pub struct FfcOutput {
    /// The step's loss, `[1]`: call `backward` on it. It is on an autodiff device if the probe
    /// embeddings are.
    pub loss: Tensor<1>,
    /// What happened.
    pub stats: FfcStats,
}

impl FfcHead {
    /// A head on `pool`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where a setting is outside its range.
    pub fn new(pool: ClassPool, margin: impl Margin + 'static, config: FfcConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            pool,
            margin: Box::new(margin),
            config,
            prefill: 0,
            groups: Groups::default(),
        })
    }

    /// The group memory.
    pub fn pool(&self) -> &ClassPool {
        &self.pool
    }

    /// The group memory, to [`prefill`](ClassPool::prefill) it, or to load a saved one.
    pub fn pool_mut(&mut self) -> &mut ClassPool {
        &mut self.pool
    }

    /// All matrices at unit length, in the order probe x, probe y, gallery x, gallery y.
    fn unit_rows(&self, batch: &DualEmbeddings) -> Result<UnitRows> {
        let DualEmbeddings { x, y } = batch;
        let dim = self.pool.config().dim;
        let matrix = |what, rows: Option<&Tensor<2>>, identities| {
            let rows = rows.ok_or(Error::NoGallery { what })?;
            Matrix::new(what, rows.clone(), identities, dim)
        };
        let mut matrices = vec![
            matrix(Embeddings::ProbeX, Some(&x.probe), &x.identities)?,
            matrix(Embeddings::ProbeY, Some(&y.probe), &y.identities)?,
            matrix(Embeddings::GalleryX, x.gallery.as_ref(), &x.identities)?,
        ];
        if self.config.gallery_sides == GallerySides::Both {
            matrices.push(matrix(
                Embeddings::GalleryY,
                y.gallery.as_ref(),
                &y.identities,
            )?);
        }
        self.pool
            .check_rows(x.identities.len().max(y.identities.len()))?;
        if self.config.check_embeddings {
            UnitRows::checked(matrices)
        } else {
            Ok(UnitRows::unchecked(matrices))
        }
    }

    /// Computes the loss of a step and edits the pool.
    ///
    /// # Errors
    ///
    /// Bad input, with the head unchanged; of a pool in parts, where a device or a rank fails.
    pub fn step(&mut self, batch: DualEmbeddings) -> Result<FfcOutput> {
        let units = self.unit_rows(&batch)?;
        let DualEmbeddings { x, y } = batch;
        let (x_rows, y_rows) = (x.identities.len(), y.identities.len());
        self.groups.check(x_rows)?;
        self.groups.check(y_rows)?;
        let rows = x_rows + y_rows;
        let probe = units.slice(0..rows);
        let gallery_x = units.slice(rows..rows + x_rows).unit;
        let (entering, features) = match self.config.gallery_sides {
            GallerySides::Both => (&y.identities[..], units.slice(rows + x_rows..2 * rows).unit),
            // A loss needs centres.
            GallerySides::One if self.pool.slots().is_empty() => {
                (&x.identities[..], gallery_x.clone())
            }
            GallerySides::One => (&[][..], gallery_x.clone()),
        };

        if let Some(state) = self.margin.state_mut() {
            state.observe(&probe.length);
        }

        let slots = self.pool.slots();
        let tentative = slots.plan(entering);
        let lasting = slots.plan(&x.identities);
        let tentative_revision = self.pool.revise(&tentative, features)?;
        let lasting_revision = self.pool.revise(&lasting, gallery_x)?;

        // What the other side writes in the published step; the pool's own where it writes nothing.
        let scored = y
            .identities
            .iter()
            .filter_map(|&identity| slots.get(identity));
        let scan = PoolScan::new(
            &self.pool,
            &[&tentative, &lasting],
            scored,
            self.config.chunk,
        )?;
        let passes = [
            Pass::new(&scan, &tentative, &tentative_revision, &x.identities, 0)?,
            Pass::new(&scan, &lasting, &lasting_revision, &y.identities, x_rows)?,
        ];

        let existing: Vec<u32> = passes
            .iter()
            .flat_map(|pass| pass.existing_rows())
            .collect();
        let fresh: Vec<u32> = passes.iter().flat_map(|pass| pass.fresh_rows()).collect();
        let rows_of = |matrix: &Tensor<2>, rows: &[u32]| {
            matrix.clone().select(0, indices(rows, self.pool.device()))
        };

        let mut losses = Vec::new();
        let mut mean_target_cosine = None;
        if !existing.is_empty() {
            let (loss, cosine) = self.margin_softmax(
                rows_of(&probe.unit, &existing),
                &rows_of(&probe.length, &existing),
                &scan,
                &passes,
            )?;
            losses.push(loss);
            mean_target_cosine = Some(cosine);
        }
        if !fresh.is_empty() {
            losses.push(self.hard_negatives(rows_of(&probe.unit, &fresh), &scan, &passes)?);
        }
        let stats = FfcStats {
            rows,
            fresh_rows: fresh.len(),
            mean_target_cosine,
            pool_used: lasting.used_after(),
            pool_capacity: slots.capacity(),
            evictions: lasting.evicted().len(),
        };

        // Put the rows' gradients back into the order of the batch.
        let mut position = vec![0; rows];
        for (at, &row) in existing.iter().chain(&fresh).enumerate() {
            position[row as usize] = at as u32;
        }
        let (values, gradients): (Vec<_>, Vec<_>) = losses
            .into_iter()
            .map(|loss| (loss.value, loss.gradient))
            .unzip();
        let gradient = Tensor::cat(gradients, 0).select(0, indices(&position, self.pool.device()));
        let gradient = probe.backward(gradient);
        let value = Tensor::cat(values, 0).sum();

        self.pool.commit(&lasting, lasting_revision)?;
        let loss = with_gradient(
            value,
            [
                (x.probe, gradient.clone().slice_dim(0, 0..x_rows)),
                (y.probe, gradient.slice_dim(0, x_rows..rows)),
            ],
        );
        Ok(FfcOutput { loss, stats })
    }
}
