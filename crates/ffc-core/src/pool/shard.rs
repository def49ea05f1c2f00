use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::collective::{Collective, matrices};
use crate::softmax::{HIDDEN, PartialSoftmax};
use crate::{Error, HeadContext, Result};

/// The slots of which a rank has the centres: all, or of n ranks every n-th, so that each has as many however full the pool is.
///
/// Which identity has which slot is known to all ranks, and all have the same rows: each scores them against its own centres, and what comes of it is put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct PoolShard {
    /// None where all slots are here.
    ranks: Option<Arc<dyn Collective>>,
}

impl PoolShard {
    pub(crate) fn new(context: &HeadContext, sharded: bool) -> Self {
        let ranks = context.ranks.as_ref();
        Self {
            ranks: ranks.filter(|ranks| sharded && ranks.ranks() > 1).cloned(),
        }
    }

    /// Those that have the other slots, if any.
    pub(crate) fn ranks(&self) -> Option<&dyn Collective> {
        self.ranks.as_deref()
    }

    /// This rank and how many there are.
    fn place(&self) -> [usize; 2] {
        (self.ranks()).map_or([0, 1], |ranks| [ranks.rank(), ranks.ranks()])
    }

    /// How many of the first `slots` are here.
    pub(crate) fn len(&self, slots: usize) -> usize {
        let [rank, ranks] = self.place();
        (slots + ranks - 1 - rank) / ranks
    }

    /// The row of a slot among those that are here.
    pub(crate) fn row(&self, slot: u32) -> Option<u32> {
        let [rank, ranks] = self.place().map(|place| place as u32);
        (slot % ranks == rank).then_some(slot / ranks)
    }

    /// The slot of a row.
    pub(crate) fn slot(&self, row: u32) -> u32 {
        let [rank, ranks] = self.place().map(|place| place as u32);
        row * ranks + rank
    }

    /// The softmax of `rows` queries over the centres of all ranks, from that over this one's: none where these are none.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(crate) fn merged(
        &self,
        own: Option<PartialSoftmax>,
        like: &Tensor<2>,
    ) -> Result<Option<PartialSoftmax>> {
        let Some(ranks) = self.ranks() else {
            return Ok(own);
        };
        let nothing = || PartialSoftmax {
            log_sum_exp: Tensor::full([like.dims()[0], 1], HIDDEN, &like.device()),
            mean: like.zeros_like(),
        };
        matrices::merged(own.unwrap_or_else(nothing), ranks).map(Some)
    }

    /// A layer of the pool, `[capacity, dim]`, from this rank's rows of it.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(crate) fn whole(&self, own: &Tensor<2>, capacity: usize) -> Result<TensorData> {
        let data = own.try_to_data();
        let data = data.map_err(|error| Error::Device(error.to_string()))?;
        let Some(ranks) = self.ranks() else {
            return Ok(data);
        };
        let dtype = data.dtype();
        let [_, dim] = own.dims();
        let row_bytes = dim * dtype.size();
        let parts = ranks.all_gather(data.as_bytes())?;
        let mut whole = Vec::with_capacity(capacity * row_bytes);
        for slot in 0..capacity {
            let at = slot / parts.len() * row_bytes;
            let row = parts[slot % parts.len()].get(at..at + row_bytes);
            whole.extend(row.ok_or_else(|| Error::Collective {
                rank: slot % parts.len(),
                problem: "gives fewer rows of the pool than it has".into(),
            })?);
        }
        Ok(TensorData::from_bytes_vec(whole, [capacity, dim], dtype))
    }

    /// This rank's rows of a whole layer.
    pub(crate) fn own(&self, whole: TensorData) -> TensorData {
        let [rank, ranks] = self.place();
        if ranks == 1 {
            return whole;
        }
        let [capacity, dim] = whole.shape().dims();
        let row_bytes = dim * whole.dtype().size();
        let rows = whole.as_bytes().chunks_exact(row_bytes);
        let bytes: Vec<u8> = rows.skip(rank).step_by(ranks).flatten().copied().collect();
        TensorData::from_bytes_vec(bytes, [self.len(capacity), dim], whole.dtype())
    }
}

/// Rows that a rank has, and zeros in the place of the others.
pub(super) struct OwnRows {
    /// Which rows to take, the first where another rank has it.
    pub(super) rows: Vec<u32>,
    /// 1 where it is this rank's, else 0.
    pub(super) here: Vec<f32>,
}

impl OwnRows {
    pub(super) fn new(shard: &PoolShard, slots: &[u32]) -> Self {
        let rows = slots.iter().map(|&slot| shard.row(slot));
        let (rows, here) = rows
            .map(|row| (row.unwrap_or_default(), f32::from(row.is_some())))
            .unzip();
        Self { rows, here }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::collective::Threads;

    #[test]
    fn every_slot_is_in_one_place() {
        let shards: Vec<PoolShard> = (Threads::new(3).into_iter())
            .map(|rank| PoolShard {
                ranks: Some(Arc::new(rank)),
            })
            .collect();
        for slots in 0..11 {
            let lengths: Vec<usize> = shards.iter().map(|shard| shard.len(slots)).collect();
            assert_eq!(lengths.iter().sum::<usize>(), slots);
            assert!(lengths[0] - lengths[2] <= 1, "{lengths:?}");
            let slot = slots as u32;
            let places: Vec<&PoolShard> = (shards.iter())
                .filter(|shard| shard.row(slot).is_some())
                .collect();
            assert_eq!(places.len(), 1);
            assert_eq!(places[0].slot(places[0].row(slot).unwrap()), slot);
        }
        let whole = TensorData::new((0..22).map(|value| value as f32).collect(), [11, 2]);
        let own = shards[1].own(whole.clone());
        assert_eq!(own.shape().as_slice(), [4, 2]);
        assert_eq!(own.try_to_vec::<f32>().unwrap()[..4], [2.0, 3.0, 8.0, 9.0]);
        assert_eq!(PoolShard::default().own(whole.clone()), whole);
    }
}
