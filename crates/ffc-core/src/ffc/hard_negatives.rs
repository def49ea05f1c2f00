use burn::tensor::{IndexingUpdateOp, Tensor};

use super::pass::{Pass, with_rows};
use super::pool_scan::PoolScan;
use super::top_k::TopK;
use super::{FfcHead, RowLoss};
use crate::Result;
use crate::upload::column;

impl FfcHead {
    /// Mean over the fresh rows, and over their k largest cosines with centres, of max(cosine, 0).
    ///
    /// # Shapes
    ///
    /// - `probe`: `[rows, dim]`, unit rows, those of the first pass first
    ///
    /// # Errors
    ///
    /// Where the pool is in parts and a device or a rank fails.
    pub(super) fn hard_negatives(
        &self,
        probe: Tensor<2>,
        scan: &PoolScan,
        passes: &[Pass; 2],
    ) -> Result<RowLoss> {
        let device = scan.pool().device();
        let k = self.config.hard_negatives(scan.pool().config().capacity);

        let mut unchanged: Option<TopK> = None;
        for chunk in scan.chunks() {
            let mut cosine = probe.clone().matmul(chunk.centres.transpose());
            if let Some(hidden) = chunk.hidden {
                cosine = cosine + hidden;
            }
            let found = TopK::new(cosine, k).shifted(chunk.start);
            unchanged = Some(match unchanged {
                Some(best) => best.merge(found, k),
                None => found,
            });
        }
        let shard = scan.pool().shard();
        if let Some(ranks) = shard.ranks()
            && scan.has_centres()
        {
            let own = unchanged.map(|best| best.of_slots(shard));
            unchanged = Some(TopK::of_ranks(own, probe.dims()[0], k, ranks, device)?);
        }

        let mut loss = Tensor::zeros([1], device);
        let mut gradients = Vec::new();
        for (pass, rows) in with_rows(passes, |pass| pass.fresh.len()) {
            let k = k.min(pass.visible);
            let probe = probe.clone().slice_dim(0, rows.clone());
            let unchanged = unchanged.as_ref().map(|best| best.rows(rows.clone()));
            let known = unchanged.as_ref().map_or(0, TopK::width);
            let rows = rows.len();
            let divisors = column(pass.fresh_divisors(&self.groups), device);

            let mut unchanged_share = Tensor::zeros([rows, known.max(1)], device);
            let mut gradient = probe.zeros_like();
            for view in &pass.views {
                let changed = probe.clone().matmul(view.clone().transpose());
                let columns = changed.dims()[1];
                let candidates = match &unchanged {
                    Some(best) => Tensor::cat(vec![best.values.clone(), changed], 1),
                    None => changed,
                };
                let width = known + columns;
                let hardest = TopK::new(candidates, k);
                // What each cosine counts in the mean, which is also its derivative.
                let counted = hardest.values.clone().greater_scalar(0.0).float();
                let share = counted / (divisors.clone() * k as f32);
                loss = loss + (hardest.values * share.clone()).sum();
                let share = Tensor::zeros([rows, width], device).scatter(
                    1,
                    hardest.columns,
                    share,
                    IndexingUpdateOp::Add,
                );
                gradient = gradient
                    + share
                        .clone()
                        .slice([0..rows, known..width])
                        .matmul(view.clone());
                if known > 0 {
                    unchanged_share = unchanged_share + share.slice([0..rows, 0..known]);
                }
            }
            if let Some(best) = unchanged {
                gradient = gradient + scan.pool().mix(unchanged_share, best.columns)?;
            }
            gradients.push(gradient);
        }
        Ok(RowLoss {
            value: loss,
            gradient: Tensor::cat(gradients, 0),
        })
    }
}
