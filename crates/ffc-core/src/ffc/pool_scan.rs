use std::ops::Range;

use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::plan::BatchPlan;
use crate::softmax::{Chunk, HIDDEN};
use crate::upload::indices;
use crate::{ClassPool, Result};

/// Goes through the centres that a step does not change, chunk by chunk: the greater part of the pool,
/// the same in both passes and all terms of the loss.
pub(super) struct PoolScan<'a> {
    pool: &'a ClassPool,
    /// Slots that the step changes in either pass, or that rows are scored against as they are, in ascending order.
    changed: Vec<u32>,
    /// Their centres of the first layer as they are, `[changed, dim]`.
    centres: Tensor<2>,
    /// Number of slots that are seen, from 0 on, wherever they are.
    slots: usize,
    /// How many of them are here.
    rows: usize,
    /// 0, or [`HIDDEN`] where a slot is changed, `[1, rows]`.
    hidden: Tensor<2>,
    chunk: usize,
}

impl<'a> PoolScan<'a> {
    /// # Errors
    ///
    /// Where the pool is in parts and a device or a rank fails.
    pub(super) fn new(
        pool: &'a ClassPool,
        plans: &[&BatchPlan],
        scored: impl Iterator<Item = u32>,
        chunk: usize,
    ) -> Result<Self> {
        let edits = plans.iter().flat_map(|plan| plan.edits());
        let mut changed: Vec<u32> = edits.map(|edit| edit.slot).chain(scored).collect();
        changed.sort_unstable();
        changed.dedup();

        let slots = pool.visible(pool.slots().len());
        let scanned = changed.partition_point(|&slot| (slot as usize) < slots);
        let (device, shard) = (pool.device(), pool.shard());
        let rows = shard.len(slots);
        let mut hidden = Tensor::zeros([1, rows.max(1)], device);
        let own = changed[..scanned]
            .iter()
            .filter_map(|&slot| shard.row(slot));
        let own: Vec<u32> = own.collect();
        if !own.is_empty() {
            let columns = indices(&own, device);
            let values = Tensor::full([1, own.len()], HIDDEN, device);
            hidden = hidden.select_assign(1, columns, values, IndexingUpdateOp::Assign);
        }
        Ok(Self {
            pool,
            centres: pool.gather(0, &changed)?,
            changed,
            slots,
            rows,
            hidden,
            chunk,
        })
    }

    pub(super) fn pool(&self) -> &'a ClassPool {
        self.pool
    }

    pub(super) fn changed(&self) -> &[u32] {
        &self.changed
    }

    /// The first so many of the changed slots' centres, as they are.
    pub(super) fn centres(&self, count: usize) -> Tensor<2> {
        self.centres.clone().slice_dim(0, 0..count)
    }

    /// Whether there is any centre to go through, on whatever rank.
    pub(super) fn has_centres(&self) -> bool {
        self.slots > 0
    }

    /// The centres that are here, by their rows.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk> + '_ {
        (0..self.rows).step_by(self.chunk).map(|start| {
            let range: Range<usize> = start..self.rows.min(start + self.chunk);
            Chunk {
                start,
                centres: self.pool.chunk(range.clone()),
                hidden: Some(self.hidden.clone().slice([0..1, range])),
            }
        })
    }
}
