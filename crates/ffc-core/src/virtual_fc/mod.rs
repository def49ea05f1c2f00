//! Virtual FC: few trained rows stand for many identities, each for some of them in turn.

mod anchors;
mod config;
mod head;
mod initial_rows;
mod joint;
mod lent_rows;

pub use anchors::{Anchors, VisitingOrder};
pub use config::VirtualHeadConfig;
pub use joint::JointConfig;

use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, IndexingUpdateOp, Tensor};

use crate::class_weights::Rows;
use crate::embeddings::{Matrix, UnitRows};
use crate::error::Embeddings;
use crate::head::{EmbeddingBatch, HeadOutput, Quantity, StepContext, with_gradient};
use crate::labels::Labels;
use crate::margin::{ArcFace, Margin, Reshaped};
use crate::softmax::{HIDDEN, softmax_with_sum, softplus};
use crate::upload::indices;
use crate::{Error, Result};
use joint::Joint;
use lent_rows::LentRows;

/// Virtual FC (Li et al., CVPR 2021): a classifier of V rows for N >> V identities, of which identity c owns row c mod V.
///
/// A step goes
///
/// 1. put back what the rows held that the step before lent;
/// 2. let the batch's identities choose rows ([`Anchors`]); each row that is chosen is overwritten by the sum of the raw embeddings of
///    its identity, for good where the identity owns it, and until the next step where it is lent;
/// 3. take the cross-entropy of the scaled cosines with all V rows, with ArcFace's margin and its fallback beyond theta = pi - m on the
///    target. Rows that stand for nobody are negatives;
/// 4. train all rows by SGD on the same loss. Their momentum stays through every overwriting.
///
/// The rows' gradient has a closed form, so they are trained within the step; the step makes a matrix `[rows of the batch, V]`. It does
/// not wait for the device: which rows are chosen follows from the identities, which the host knows.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::{EmbeddingBatch, Head, HeadContext, StepContext, VirtualHeadConfig};
///
/// let device = Device::flex().autodiff();
/// let config = VirtualHeadConfig { rows: 8, images: 2, ..Default::default() };
/// let mut head = config.init(&HeadContext { identities: 100, dim: 2, batch: 4, seed: 0, device: &device, ranks: None })?;
///
/// let probe = Tensor::<2>::from_data([[1.0, 0.2], [1.0, 0.3], [-0.3, 1.0], [0.1, 0.9]], &device).require_grad();
/// let batch = EmbeddingBatch { probe: probe.clone(), gallery: None, identities: vec![5, 5, 13, 13] };
/// let output = head.step(batch.into(), &StepContext { step: 0, learning_rate: 0.1 })?;
/// assert!(probe.grad(&output.loss.backward()).is_some());
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct VirtualHead {
    /// `[V, dim]`, of any length.
    rows: Tensor<2>,
    /// `[V, dim]`.
    momentum: Tensor<2>,
    /// What the rows held that the step before lent.
    lent: Option<LentRows>,
    /// ArcFace with its fallback.
    margin: ArcFace,
    config: VirtualHeadConfig,
    /// The full layer of a joint training.
    joint: Option<Joint>,
}

impl VirtualHead {
    /// The rows as the last step left them, `[V, dim]`, before lent ones are put back.
    pub fn rows(&self) -> Tensor<2> {
        self.rows.clone()
    }

    /// The rows' momentum, `[V, dim]`.
    pub fn momentum(&self) -> Tensor<2> {
        self.momentum.clone()
    }

    /// A step with the identities visited in a given order, to follow a run of the published code, whose order is that of a set in
    /// Python. [`Head::step`](crate::Head::step) visits them in the order of the batch.
    ///
    /// # Errors
    ///
    /// Bad input, [`Error::TooFewVirtualRows`] and [`Error::VisitingOrder`], with the head unchanged.
    pub fn step_in_order(
        &mut self,
        batch: EmbeddingBatch,
        order: &VisitingOrder,
        context: &StepContext,
    ) -> Result<HeadOutput> {
        let EmbeddingBatch {
            probe, identities, ..
        } = batch;
        let [count, dim] = self.rows.dims();
        let matrix = Matrix::new(Embeddings::Probe, probe.clone(), &identities, dim)?;
        let units = UnitRows::unchecked(vec![matrix]);
        let anchors = Anchors::assign(order, count)?;
        let own = own_rows(&anchors, &identities)?;

        let (rows, lent) = self.choose(&anchors, &identities, probe.clone());
        let scored = self.score(&units.unit, UnitRows::of(rows.clone()), &own);
        self.descend(rows, scored.by_rows, context.learning_rate);
        self.lent = lent;

        let late = anchors.free().len();
        Ok(HeadOutput {
            loss: with_gradient(scored.loss, [(probe, units.backward(scored.by_units))]),
            quantities: vec![
                Quantity::Host(late as f64),
                Quantity::Host(late as f64 / anchors.len() as f64),
                Quantity::Device(scored.target_cosine),
            ],
        })
    }

    /// The rows of this step, and what it lends: steps 1 and 2.
    fn choose(
        &self,
        anchors: &Anchors,
        identities: &[u64],
        embeddings: Tensor<2>,
    ) -> (Tensor<2>, Option<LentRows>) {
        let mut rows = self.rows.clone();
        if let Some(lent) = &self.lent {
            rows = lent.put_back(rows);
        }
        let lent = LentRows::of(&rows, anchors.free().iter().map(|&(_, row)| row).collect());

        let device = rows.device();
        let labels = Labels::new(identities);
        let numbers: Vec<u32> = labels.rows().iter().map(|&number| number as u32).collect();
        let sums = Tensor::zeros([labels.distinct(), rows.dims()[1]], &device).select_assign(
            0,
            indices(&numbers, &device),
            embeddings.inner().cast(DType::F32),
            IndexingUpdateOp::Add,
        );
        let first_seen = VisitingOrder::of_batch(identities).identities;
        let chosen: Vec<u32> = (first_seen.iter())
            .filter_map(|&identity| anchors.row(identity))
            .collect();
        let chosen = indices(&chosen, &device);
        let rows = rows.select_assign(0, chosen, sums, IndexingUpdateOp::Assign);
        (rows, lent)
    }

    /// Loss and gradients of step 3. With target logit z and log-sum-exp r of all other rows an embedding's loss is softplus(r - z);
    /// its derivative by s cos is sigmoid(r - z) times the share among the others, or minus the margin's slope for the target.
    fn score(&self, units: &Tensor<2>, rows: UnitRows, own: &[u32]) -> Scored {
        let VirtualHeadConfig {
            scale, loss_factor, ..
        } = self.config;
        let count = own.len();
        let own = indices(own, &units.device()).reshape([count, 1]);
        let cosine = units.clone().matmul(rows.unit.clone().transpose());
        let target = cosine.clone().gather(1, own.clone());
        let hidden = target.full_like(HIDDEN);
        let others = (cosine * scale).scatter(1, own.clone(), hidden, IndexingUpdateOp::Add);
        let (share, log_sum_exp) = softmax_with_sum(others);

        let Reshaped { value, slope } = self.margin.target(target.clone());
        let excess = log_sum_exp - value * scale;
        let pull = sigmoid(excess.clone()) * (loss_factor * scale / count as f32);
        let by_cosine = share.scatter(1, own, slope.neg(), IndexingUpdateOp::Add) * pull;
        let by_unit_rows = by_cosine.clone().transpose().matmul(units.clone());
        Scored {
            loss: softplus(excess).mean() * loss_factor,
            by_units: by_cosine.matmul(rows.unit.clone()),
            by_rows: rows.backward(by_unit_rows),
            target_cosine: target.mean(),
        }
    }

    /// One step of SGD for `rows`: step 4.
    fn descend(&mut self, rows: Tensor<2>, gradient: Tensor<2>, learning_rate: f64) {
        let sgd = self.config.sgd(learning_rate);
        let momentum = self.momentum.clone();
        let rows = sgd.follow_gradient(
            Rows {
                weight: rows,
                momentum,
            },
            gradient,
        );
        (self.rows, self.momentum) = (rows.weight, rows.momentum);
    }
}

struct Scored {
    /// `[1]`.
    loss: Tensor<1>,
    /// By the unit embeddings, `[rows of the batch, dim]`.
    by_units: Tensor<2>,
    /// By the raw rows, `[V, dim]`.
    by_rows: Tensor<2>,
    /// Mean over the batch before the margin, `[1]`.
    target_cosine: Tensor<1>,
}

/// The row that stands for each embedding's identity.
fn own_rows(anchors: &Anchors, identities: &[u64]) -> Result<Vec<u32>> {
    let rows: Option<Vec<u32>> = (identities.iter())
        .map(|&identity| anchors.row(identity))
        .collect();
    // An order that names others beside the batch's identities names too many.
    let named = VisitingOrder::of_batch(identities).identities.len();
    rows.filter(|_| anchors.len() == named)
        .ok_or(Error::VisitingOrder { what: "identity" })
}
