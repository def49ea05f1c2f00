//! Triplet loss with the hardest triplets of a batch.

mod config;
mod distance;
mod mining;

pub use config::{TripletHeadConfig, TripletMean};
pub use distance::TripletDistance;

use burn::tensor::activation::sigmoid;
use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::head::with_gradient;
use crate::head::{Head, HeadInput, HeadOutput, Needs, Quantity, StepContext};
use crate::labels::Labels;
use crate::metric_rows::MetricRows;
use crate::softmax::softplus;
use crate::{Error, Result};
use mining::HardestTriplets;

/// Batch-hard triplet loss (Hermans, Beyer and Leibe, arXiv:1703.07737, equation 5; Schroff et al., arXiv:1503.03832): every row is an
/// anchor a once, with the farthest row p of its identity and the nearest row n of another, and its loss is max(0, d(a, p) - d(a, n) + m).
/// Rows without a positive are no anchors.
///
/// Triplets are chosen on the device: a step does not wait for it. It makes a matrix `[rows, rows]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::{EmbeddingBatch, Head, HeadContext, StepContext, TripletHeadConfig};
///
/// let device = Device::flex().autodiff();
/// let config = TripletHeadConfig { images: 2, ..Default::default() };
/// let mut head = config.init(&HeadContext { identities: 100, dim: 2, batch: 4, seed: 0, device: &device, ranks: None })?;
///
/// let probe = Tensor::<2>::from_data([[1.0, 0.2], [0.3, 1.0], [-0.3, 1.0], [0.1, 0.9]], &device).require_grad();
/// let batch = EmbeddingBatch { probe: probe.clone(), gallery: None, identities: vec![5, 5, 13, 13] };
/// let output = head.step(batch.into(), &StepContext { step: 0, learning_rate: 0.1 })?;
/// assert!(probe.grad(&output.loss.backward()).is_some());
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TripletHead {
    config: TripletHeadConfig,
    dim: usize,
}

impl Head for TripletHead {
    fn needs(&self) -> Needs {
        // The same for any set.
        self.config.needs(0)
    }

    /// `active_share` is of the triplets whose negative is not yet farther than the positive by the margin; the distances are means over
    /// all triplets.
    fn quantities(&self) -> &'static [&'static str] {
        &["active_share", "positive_distance", "negative_distance"]
    }

    fn step(&mut self, input: HeadInput, _context: &StepContext) -> Result<HeadOutput> {
        let batch = input.single()?;
        let rows = MetricRows::new(&batch, self.dim, self.config.normalize)?;
        let labels = Labels::new(&batch.identities);
        let scored = self.score(rows.compared(), &labels)?;
        let gradient = rows.backward(scored.gradient);
        Ok(HeadOutput {
            loss: with_gradient(scored.loss, [(batch.probe, gradient)]),
            quantities: scored.quantities.map(Quantity::Device).into(),
        })
    }
}

struct Scored {
    /// `[1]`.
    loss: Tensor<1>,
    /// By the rows that were compared, `[rows, dim]`.
    gradient: Tensor<2>,
    quantities: [Tensor<1>; 3],
}

impl TripletHead {
    fn score(&self, rows: &Tensor<2>, labels: &Labels) -> Result<Scored> {
        let count = rows.dims()[0];
        let triplets = HardestTriplets::of(rows, labels).ok_or(match labels.distinct() {
            1 => Error::NoNegatives { rows: count },
            _ => Error::NoPositives { rows: count },
        })?;
        let take = |which| rows.clone().select(0, which);
        let anchors = take(triplets.anchors.clone());
        let distance = self.config.distance;
        let positive = distance.pairs(anchors.clone(), take(triplets.positives.clone()));
        let negative = distance.pairs(anchors, take(triplets.negatives.clone()));

        let excess = positive.value.clone() - negative.value.clone() + self.config.margin;
        let active = excess.clone().greater_scalar(0.0).float();
        let (terms, slopes) = if self.config.soft {
            (softplus(excess.clone()), sigmoid(excess))
        } else {
            (excess.clamp_min(0.0), active.clone())
        };
        let share = match self.config.mean_over {
            TripletMean::All => Tensor::full([1, 1], 1.0 / triplets.count as f32, &rows.device()),
            TripletMean::Active => {
                let counted = terms.clone().greater_scalar(0.0).float().sum();
                counted.clamp_min(1.0).recip().reshape([1, 1])
            }
        };
        let slopes = slopes * share.clone();
        let add = |gradient: Tensor<2>, which, values| {
            gradient.select_assign(0, which, values, IndexingUpdateOp::Add)
        };
        let by_anchors = (positive.by_first - negative.by_first) * slopes.clone();
        let gradient = add(rows.zeros_like(), triplets.anchors, by_anchors);
        let by_positives = positive.by_second * slopes.clone();
        let gradient = add(gradient, triplets.positives, by_positives);
        let by_negatives = negative.by_second.neg() * slopes;
        Ok(Scored {
            loss: (terms * share).sum(),
            gradient: add(gradient, triplets.negatives, by_negatives),
            quantities: [active.mean(), positive.value.mean(), negative.value.mean()],
        })
    }
}
