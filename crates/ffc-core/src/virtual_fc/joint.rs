use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{VirtualHead, VirtualHeadConfig, VisitingOrder};
use crate::embeddings::Matrix;
use crate::error::Embeddings;
use crate::head::{EmbeddingBatch, Head, HeadOutput, Quantity, StepContext};
use crate::margin::{ArcFaceForm, MarginConfig};
use crate::upload::indices;
use crate::{Error, FullHead, FullHeadConfig, HeadContext, Result, setting};

/// The full layer of a joint training: the first identities of the set have rows of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JointConfig {
    /// How many identities, from 0 on, have a row of their own. Fewer than the set has.
    pub identities: u64,
    /// Their margin. Default: ArcFace with 0.5 and its fallback, as the shared rows have it.
    #[serde(default = "as_shared_rows")]
    pub margin: MarginConfig,
}

fn as_shared_rows() -> MarginConfig {
    MarginConfig::Arcface {
        margin: 0.5,
        form: ArcFaceForm::Fallback,
    }
}

/// The identities of a joint training that have rows of their own.
#[derive(Debug)]
pub(super) struct Joint {
    pub(super) head: FullHead,
    identities: u64,
}

impl JointConfig {
    pub(super) fn check(&self) -> Result<()> {
        setting::check(
            self.identities > 0,
            "joint.identities",
            self.identities,
            "at least 1",
        )?;
        let margin = self.margin.init().map_err(|error| match error {
            Error::Setting {
                value, expected, ..
            } => Error::Setting {
                setting: "joint.margin",
                value,
                expected,
            },
            error => error,
        })?;
        setting::check(
            margin.state().is_none(),
            "joint.margin",
            "adaface",
            "a margin without running statistics",
        )
    }

    /// Scale and SGD are those of the shared rows.
    pub(super) fn full(&self, shared: &VirtualHeadConfig) -> FullHeadConfig {
        FullHeadConfig {
            scale: shared.scale,
            margin: self.margin,
            momentum: shared.momentum,
            weight_decay: shared.weight_decay,
            learning_rate_factor: shared.learning_rate_factor,
            ..Default::default()
        }
    }

    pub(super) fn init(&self, shared: &VirtualHeadConfig, context: &HeadContext) -> Result<Joint> {
        setting::check(
            self.identities < context.identities,
            "joint.identities",
            self.identities,
            "fewer than the identities of the set: the others share rows",
        )?;
        let context = HeadContext {
            identities: self.identities,
            ..context.clone()
        };
        Ok(Joint {
            head: self.full(shared).init(&context)?,
            identities: self.identities,
        })
    }
}

/// Quantities of a joint training.
pub(super) const QUANTITIES: [&str; 4] = [
    "conflicts",
    "conflict_share",
    "target_cosine",
    "full_target_cosine",
];

impl VirtualHead {
    /// A step of a joint training: the loss of the full layer on the rows of its identities, and that of the shared rows, with its factor, on
    /// the others.
    pub(super) fn step_jointly(
        &mut self,
        mut joint: Joint,
        batch: EmbeddingBatch,
        context: &StepContext,
    ) -> (Joint, Result<HeadOutput>) {
        let output = self.both(&mut joint, batch, context);
        (joint, output)
    }

    fn both(
        &mut self,
        joint: &mut Joint,
        batch: EmbeddingBatch,
        context: &StepContext,
    ) -> Result<HeadOutput> {
        let dim = self.rows.dims()[1];
        Matrix::new(
            Embeddings::Probe,
            batch.probe.clone(),
            &batch.identities,
            dim,
        )?;
        let own = some_rows(&batch, |identity| identity < joint.identities);
        let sharing = some_rows(&batch, |identity| identity >= joint.identities);

        // First what can be refused.
        let sharing = match sharing {
            Some(sharing) => {
                let order = VisitingOrder::of_batch(&sharing.identities);
                Some(self.step_in_order(sharing, &order, context)?)
            }
            None => None,
        };
        let own = match own {
            Some(own) => Some(joint.head.step(own.into(), context)?),
            None => None,
        };
        let missing = |count| vec![Quantity::Missing; count];
        let (of_shared, mut quantities) = match sharing {
            Some(output) => (Some(output.loss), output.quantities),
            None => (None, missing(3)),
        };
        let (of_own, more) = match own {
            Some(output) => (Some(output.loss), output.quantities),
            None => (None, missing(1)),
        };
        quantities.extend(more);
        let losses: Vec<Tensor<1>> = of_shared.into_iter().chain(of_own).collect();
        let loss = losses.into_iter().reduce(|a, b| a + b);
        Ok(HeadOutput {
            loss: loss.ok_or(Error::EmptyBatch {
                what: Embeddings::Probe,
            })?,
            quantities,
        })
    }
}

/// The rows of some identities. None where there are none.
fn some_rows(batch: &EmbeddingBatch, takes: impl Fn(u64) -> bool) -> Option<EmbeddingBatch> {
    let rows: Vec<u32> = (0..)
        .zip(&batch.identities)
        .filter_map(|(row, &identity)| takes(identity).then_some(row))
        .collect();
    let identities = rows.iter().map(|&row| batch.identities[row as usize]);
    let identities: Vec<u64> = identities.collect();
    let rows = (!rows.is_empty()).then(|| indices(&rows, &batch.probe.device()))?;
    Some(EmbeddingBatch {
        probe: batch.probe.clone().select(0, rows),
        gallery: None,
        identities,
    })
}
