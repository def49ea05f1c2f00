use burn::tensor::activation::sigmoid;
use burn::tensor::{IndexingUpdateOp, Tensor};

use super::pass::{Pass, with_rows};
use super::pool_scan::PoolScan;
use super::{FfcHead, RowLoss};
use crate::Result;
use crate::margin::Reshaped;
use crate::softmax::{self, HIDDEN, Logits, PartialSoftmax, softplus};
use crate::upload::{column, indices};

/// The centres of the rows' own identities.
struct Targets {
    /// `[rows, dim]`.
    centres: Tensor<2>,
    /// `[rows, 1]`.
    cosines: Tensor<2>,
}

impl FfcHead {
    /// Margin cross-entropy of the rows whose identity has a centre, and the mean cosine with it.
    ///
    /// With target logit z and log-sum-exp r of all others a row's loss is softplus(r - z), and its
    /// gradient s sigmoid(r - z) (mean of the others - slope * target centre).
    ///
    /// # Shapes
    ///
    /// - `probe`: `[rows, dim]`, unit rows, those of the first pass first
    /// - `length`: `[rows, 1]`, how long they were
    ///
    /// # Errors
    ///
    /// Where the pool is in parts and a device or a rank fails.
    pub(super) fn margin_softmax(
        &self,
        probe: Tensor<2>,
        length: &Tensor<2>,
        scan: &PoolScan,
        passes: &[Pass; 2],
    ) -> Result<(RowLoss, Tensor<1>)> {
        let device = scan.pool().device();
        let parts = with_rows(passes, |pass| pass.existing.len());
        let weights: Vec<f32> = parts
            .iter()
            .flat_map(|(pass, _)| pass.existing_divisors(&self.groups))
            .map(f32::recip)
            .collect();
        let weight = column(weights, device);

        let targets: Vec<Targets> = (0..passes[0].views.len())
            .map(|term| {
                let centres = parts.iter().map(|(pass, _)| {
                    let columns = indices(&pass.target_columns(), device);
                    pass.views[term].clone().select(0, columns)
                });
                let centres = Tensor::cat(centres.collect(), 0);
                let cosines = (probe.clone() * centres.clone()).sum_dim(1);
                Targets { centres, cosines }
            })
            .collect();
        let mean_cosine = targets[0].cosines.clone().mean();
        let unchanged = self.unchanged_others(&probe, scan, &targets)?;

        let mut loss = Tensor::zeros([1], device);
        let mut gradient = probe.zeros_like();
        for (term, target) in targets.into_iter().enumerate() {
            let changed = parts.iter().map(|(pass, rows)| {
                let probe = probe.clone().slice_dim(0, rows.clone());
                let cosines = target.cosines.clone().slice_dim(0, rows.clone());
                self.changed_others(probe, pass, term, cosines)
            });
            let mut others = PartialSoftmax::stack(changed.collect());
            // One for each term, or one for all.
            if let Some(unchanged) = unchanged.get(term).or(unchanged.first()) {
                others = others.merge(unchanged.clone());
            }
            let Reshaped { value, slope } = self.margin.target_with_length(target.cosines, length);
            let excess = others.log_sum_exp - value * self.config.scale;
            loss = loss + (softplus(excess.clone()) * weight.clone()).sum();
            let pull = sigmoid(excess) * weight.clone() * self.config.scale;
            gradient = gradient + (others.mean - target.centres * slope) * pull;
        }
        let loss = RowLoss {
            value: loss,
            gradient,
        };
        Ok((loss, mean_cosine))
    }

    /// The softmax over the centres that the step does not change: one for all terms of the loss, or one
    /// for each where the margin's rule for the others depends on the target. Empty where there are none.
    fn unchanged_others(
        &self,
        probe: &Tensor<2>,
        scan: &PoolScan,
        targets: &[Targets],
    ) -> Result<Vec<PartialSoftmax>> {
        let targets = match self.margin.negatives() {
            Some(_) => targets,
            None => &targets[..1],
        };
        if !scan.has_centres() {
            return Ok(Vec::new());
        }
        let own = softmax::scan(
            &self.queries(probe.clone()),
            scan.chunks(),
            targets.len(),
            |term, _, product| self.logits(product, targets[term].cosines.clone()),
        );
        let mut own = own.into_iter();
        let merged = (targets.iter()).map(|_| scan.pool().shard().merged(own.next(), probe));
        Ok(merged
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// The softmax over the changed centres of one pass and term, without each row's target.
    fn changed_others(
        &self,
        probe: Tensor<2>,
        pass: &Pass,
        term: usize,
        target: Tensor<2>,
    ) -> PartialSoftmax {
        let device = probe.device();
        let centres = pass.views[term].clone();
        let product = self.queries(probe).matmul(centres.clone().transpose());
        let rows = product.dims()[0];
        let mut logits = self.logits(product, target);

        let own = indices(&pass.target_columns(), &device).reshape([rows, 1]);
        let hidden = Tensor::full([rows, 1], HIDDEN, &device);
        logits.value = (logits.value).scatter(1, own, hidden, IndexingUpdateOp::Add);
        PartialSoftmax::new(logits, centres)
    }

    /// Rows whose products with centres [`logits`](Self::logits) takes: scaled at once where no rule
    /// asks for plain cosines, since there are fewer rows than products.
    fn queries(&self, probe: Tensor<2>) -> Tensor<2> {
        match self.margin.negatives() {
            Some(_) => probe,
            None => probe * self.config.scale,
        }
    }

    fn logits(&self, product: Tensor<2>, target: Tensor<2>) -> Logits {
        match self.margin.negatives() {
            Some(rule) => {
                let Reshaped { value, slope } = rule.reshape(product, target);
                Logits {
                    value: value * self.config.scale,
                    slope: Some(slope),
                }
            }
            None => product.into(),
        }
    }
}
