use std::ops::Range;

use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::ClassPool;
use crate::plan::BatchPlan;
use crate::softmax::{Chunk, HIDDEN};
use crate::upload::indices;

/// Goes through the centres that a step does not change, chunk by chunk: the greater part of the pool,
/// the same in both passes and all terms of the loss.
pub(super) struct PoolScan<'a> {
    pool: &'a ClassPool,
    /// Slots that the step changes in either pass, or that rows are scored against as they are, in ascending order.
    changed: Vec<u32>,
    /// Number of slots to go through, from 0 on.
    slots: usize,
    /// 0, or [`HIDDEN`] where a slot is changed, `[1, slots]`.
    hidden: Tensor<2>,
    chunk: usize,
}

impl<'a> PoolScan<'a> {
    pub(super) fn new(
        pool: &'a ClassPool,
        plans: &[&BatchPlan],
        scored: impl Iterator<Item = u32>,
        chunk: usize,
    ) -> Self {
        let edits = plans.iter().flat_map(|plan| plan.edits());
        let mut changed: Vec<u32> = edits.map(|edit| edit.slot).chain(scored).collect();
        changed.sort_unstable();
        changed.dedup();

        let slots = pool.visible(pool.slots().len());
        let scanned = changed.partition_point(|&slot| (slot as usize) < slots);
        let device = pool.device();
        let mut hidden = Tensor::zeros([1, slots.max(1)], device);
        if scanned > 0 {
            let columns = indices(&changed[..scanned], device);
            let values = Tensor::full([1, scanned], HIDDEN, device);
            hidden = hidden.select_assign(1, columns, values, IndexingUpdateOp::Assign);
        }
        Self {
            pool,
            changed,
            slots,
            hidden,
            chunk,
        }
    }

    pub(super) fn pool(&self) -> &'a ClassPool {
        self.pool
    }

    pub(super) fn changed(&self) -> &[u32] {
        &self.changed
    }

    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk> + '_ {
        (0..self.slots).step_by(self.chunk).map(|start| {
            let range: Range<usize> = start..self.slots.min(start + self.chunk);
            Chunk {
                start,
                centres: self.pool.chunk(range.clone()),
                hidden: Some(self.hidden.clone().slice([0..1, range])),
            }
        })
    }
}
