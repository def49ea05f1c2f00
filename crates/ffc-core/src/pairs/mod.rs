//! Losses over the pairs of a batch.

mod config;
mod contrast;
mod similarities;
mod supcon;

pub use config::{PairLoss, PairsHeadConfig};

use burn::tensor::{IndexingUpdateOp, Tensor};
use hashbrown::HashMap;

use crate::head::with_gradient;
use crate::head::{Head, HeadInput, HeadOutput, Needs, Quantity, StepContext};
use crate::labels::{self, Labels};
use crate::metric_rows::MetricRows;
use crate::upload::indices;
use crate::{Error, Result};
use contrast::contrast;
use similarities::{PairwiseLoss, Similarities};
use supcon::supcon;

/// Compares the images of a batch with each other: N-pair, InfoNCE, NT-Xent or SupCon ([`PairLoss`]), each a softmax of images of one
/// identity against images of others.
///
/// The gradient has a closed form. A step makes matrices `[rows, rows]` and does not wait for the device. Which rows are pairs follows
/// from the identities alone: the head cannot see whether two rows of an identity are one image twice.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::{EmbeddingBatch, Head, HeadContext, PairLoss, PairsHeadConfig, StepContext};
///
/// let device = Device::flex().autodiff();
/// let config = PairsHeadConfig { loss: PairLoss::Infonce, ..Default::default() };
/// let mut head = config.init(&HeadContext { identities: 100, dim: 2, batch: 4, seed: 0, device: &device, ranks: None })?;
///
/// let probe = Tensor::<2>::from_data([[1.0, 0.2], [0.3, 1.0], [-0.3, 1.0], [0.1, 0.9]], &device).require_grad();
/// let batch = EmbeddingBatch { probe: probe.clone(), gallery: None, identities: vec![5, 5, 13, 13] };
/// let output = head.step(batch.into(), &StepContext { step: 0, learning_rate: 0.1 })?;
/// assert!(probe.grad(&output.loss.backward()).is_some());
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct PairsHead {
    config: PairsHeadConfig,
    dim: usize,
}

impl Head for PairsHead {
    fn needs(&self) -> Needs {
        // The same for any set.
        self.config.needs(0)
    }

    /// Means over the pairs of one identity and of two, of cosines, or of products where embeddings are not normalised.
    fn quantities(&self) -> &'static [&'static str] {
        &["positive_similarity", "negative_similarity"]
    }

    fn step(&mut self, input: HeadInput, _context: &StepContext) -> Result<HeadOutput> {
        let batch = input.single()?;
        let rows = MetricRows::new(&batch, self.dim, self.config.normalize)?;
        let compared = rows.compared();
        let labels = Labels::new(&batch.identities);
        let roles = self.roles(&labels)?;
        let device = compared.device();
        let anchors = indices(&roles.anchors, &device);
        let candidates = indices(&roles.candidates, &device);
        let anchor_rows = compared.clone().select(0, anchors.clone());
        let candidate_rows = compared.clone().select(0, candidates.clone());

        let products = (anchor_rows.clone()).matmul(candidate_rows.clone().transpose());
        let itself = labels::equal(&as_i32(&roles.anchors), &as_i32(&roles.candidates), &device);
        let same = labels::equal(
            &numbers(&labels, &roles.anchors),
            &numbers(&labels, &roles.candidates),
            &device,
        );
        let similarities = Similarities {
            products,
            negatives: same.clone().bool_not(),
            positives: same.bool_and(itself.clone().bool_not()),
            pairs: roles.pairs(&labels),
        };
        let temperature = self.config.temperature();
        let PairwiseLoss { value, by_products } = match self.config.loss {
            PairLoss::Supcon => supcon(&similarities, itself, temperature),
            _ => contrast(&similarities, temperature),
        };
        let by_anchors = by_products.clone().matmul(candidate_rows);
        let by_candidates = by_products.transpose().matmul(anchor_rows);
        let gradient = Tensor::zeros(compared.shape(), &device)
            .select_assign(0, anchors, by_anchors, IndexingUpdateOp::Add)
            .select_assign(0, candidates, by_candidates, IndexingUpdateOp::Add);
        Ok(HeadOutput {
            loss: with_gradient(value, [(batch.probe, rows.backward(gradient))]),
            quantities: vec![
                Quantity::Device(similarities.mean_positive()),
                Quantity::Device(similarities.mean_negative()),
            ],
        })
    }
}

/// Which rows are compared with which.
struct Roles {
    anchors: Vec<u32>,
    candidates: Vec<u32>,
}

impl PairsHead {
    fn roles(&self, labels: &Labels) -> Result<Roles> {
        let rows = labels.rows().len();
        if labels.distinct() < 2 {
            return Err(Error::NoNegatives { rows });
        }
        let roles = match self.config.loss {
            PairLoss::Npair => Roles::first_two(labels),
            PairLoss::Infonce => Roles::of_groups(labels, self.config.images)?,
            PairLoss::Ntxent | PairLoss::Supcon => Roles::all(rows),
        };
        if roles.pairs(labels) == 0 {
            return Err(Error::NoPositives { rows });
        }
        Ok(roles)
    }
}

impl Roles {
    /// Every row is anchor and candidate.
    fn all(rows: usize) -> Self {
        let rows: Vec<u32> = (0..rows as u32).collect();
        Self {
            anchors: rows.clone(),
            candidates: rows,
        }
    }

    /// The first row of each identity and its next one. Identities with one row take no part.
    fn first_two(labels: &Labels) -> Self {
        let mut waiting: HashMap<i32, Option<u32>> = HashMap::new();
        let mut pairs = Vec::new();
        for (row, &number) in (0..).zip(labels.rows()) {
            match waiting.get_mut(&number) {
                None => {
                    waiting.insert(number, Some(row));
                }
                Some(first) => pairs.extend(first.take().map(|first| (first, row))),
            }
        }
        let (anchors, candidates) = pairs.into_iter().unzip();
        Self {
            anchors,
            candidates,
        }
    }

    /// The first row of each group of `images` rows, and the others.
    fn of_groups(labels: &Labels, images: usize) -> Result<Self> {
        let numbers = labels.rows();
        for (group, of_group) in numbers.chunks(images).enumerate() {
            let other = of_group.iter().position(|&number| number != of_group[0]);
            let broken = other.or((of_group.len() < images).then_some(0));
            if let Some(at) = broken {
                let row = group * images + at;
                return Err(Error::Groups { images, row });
            }
        }
        let rows = 0..numbers.len() as u32;
        let (anchors, candidates) = rows.partition(|&row| (row as usize).is_multiple_of(images));
        Ok(Self {
            anchors,
            candidates,
        })
    }

    /// Number of pairs of an anchor and another row of its identity among the candidates.
    fn pairs(&self, labels: &Labels) -> usize {
        let mut counts = vec![0; labels.distinct()];
        for number in numbers(labels, &self.candidates) {
            counts[number as usize] += 1;
        }
        let of_anchors = numbers(labels, &self.anchors).into_iter();
        let matching: usize = of_anchors.map(|number| counts[number as usize]).sum();
        let itself = self.anchors.iter().zip(&self.candidates);
        // Rows that are both stand at the same place in both lists.
        matching
            - itself
                .filter(|(anchor, candidate)| anchor == candidate)
                .count()
    }
}

/// The numbers of the identities of some rows.
fn numbers(labels: &Labels, rows: &[u32]) -> Vec<i32> {
    rows.iter()
        .map(|&row| labels.rows()[row as usize])
        .collect()
}

fn as_i32(rows: &[u32]) -> Vec<i32> {
    rows.iter().map(|&row| row as i32).collect()
}
