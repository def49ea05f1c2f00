use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData};

use crate::collective::{Collective, matrices};
use crate::softmax::{HIDDEN, PartialSoftmax};
use crate::{Error, HeadContext, Result, setting};

/// The slots of which a rank has the centres: all, or of n ranks every n-th, so that each has as many however full the pool is.
///
/// Which identity has which slot is known to all ranks, and all have the same rows: each scores them against its own centres, and what comes of it is put together.
#[derive(Debug, Clone)]
pub(crate) struct PoolShard {
    /// None where all slots are here.
    ranks: Option<Arc<dyn Collective>>,
    /// This rank, and how many there are.
    place: [u32; 2],
}

impl PoolShard {
    /// All slots.
    pub(crate) fn whole() -> Self {
        Self {
            ranks: None,
            place: [0, 1],
        }
    }

    /// # Errors
    ///
    /// [`Error::Setting`] where there are fewer slots than ranks.
    pub(crate) fn new(context: &HeadContext, sharded: bool, capacity: usize) -> Result<Self> {
        match &context.ranks {
            Some(ranks) if sharded && ranks.ranks() > 1 => {
                let expected = "false where there are fewer slots than ranks";
                setting::check(capacity >= ranks.ranks(), "sharded", true, expected)?;
                Ok(Self::of(ranks.clone()))
            }
            _ => Ok(Self::whole()),
        }
    }

    fn of(ranks: Arc<dyn Collective>) -> Self {
        Self {
            place: [ranks.rank(), ranks.ranks()].map(|place| place as u32),
            ranks: Some(ranks),
        }
    }

    /// Those that have the other slots, if any.
    pub(crate) fn ranks(&self) -> Option<&dyn Collective> {
        self.ranks.as_deref()
    }

    /// How many of the first `slots` are here.
    pub(crate) fn len(&self, slots: usize) -> usize {
        let [rank, ranks] = self.place.map(|place| place as usize);
        (slots + ranks - 1 - rank) / ranks
    }

    /// The row of a slot among those that are here.
    pub(crate) fn row(&self, slot: u32) -> Option<u32> {
        let [rank, ranks] = self.place;
        (slot % ranks == rank).then_some(slot / ranks)
    }

    /// The slot of a row.
    pub(crate) fn slot(&self, row: u32) -> u32 {
        let [rank, ranks] = self.place;
        row * ranks + rank
    }

    /// The softmax over the centres of all ranks from that over this one's, of as many rows as `like` has: none where there are no centres here.
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

    /// The rows of slots that the device knows, and 1 where they are here, `[slots, 1]`: else 0, and the first row.
    pub(crate) fn rows_at(&self, slots: Tensor<1, Int>) -> (Tensor<1, Int>, Tensor<2>) {
        let [rank, ranks] = self.place.map(i64::from);
        let here = slots.clone().remainder_scalar(ranks).equal_elem(rank);
        let rows = (slots / ranks) * here.clone().int();
        (rows, here.float().unsqueeze_dim(1))
    }

    /// A layer of the pool, `[capacity, dim]`, from this rank's rows of it. All ranks call this at once, and none is waited for within a limit.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(crate) fn gathered(&self, own: &Tensor<2>, capacity: usize) -> Result<TensorData> {
        let data = own.try_to_data();
        let data = data.map_err(|error| Error::Device(error.to_string()))?;
        let Some(ranks) = self.ranks() else {
            return Ok(data);
        };
        let (dim, dtype) = (own.dims()[1], data.dtype());
        let row_bytes = dim * dtype.size();
        let mut whole = vec![0; capacity * row_bytes];
        for rank in 0..ranks.ranks() {
            let mut rows = match rank == ranks.rank() {
                true => data.as_bytes().to_vec(),
                false => Vec::new(),
            };
            ranks.broadcast(rank, &mut rows)?;
            let to = whole.chunks_exact_mut(row_bytes).skip(rank);
            let to = to.step_by(ranks.ranks());
            if rows.len() != to.len() * row_bytes {
                let problem = format!("gives {} bytes of the pool", rows.len());
                return Err(Error::Collective { rank, problem });
            }
            for (to, row) in to.zip(rows.chunks_exact(row_bytes)) {
                to.copy_from_slice(row);
            }
        }
        Ok(TensorData::from_bytes_vec(whole, [capacity, dim], dtype))
    }

    /// This rank's rows of a whole layer.
    pub(crate) fn own(&self, whole: TensorData) -> TensorData {
        if self.ranks.is_none() {
            return whole;
        }
        let [rank, ranks] = self.place.map(|place| place as usize);
        let [capacity, dim] = whole.shape().dims();
        let row_bytes = dim * whole.dtype().size();
        let mut bytes = Vec::with_capacity(self.len(capacity) * row_bytes);
        let rows = whole.as_bytes().chunks_exact(row_bytes);
        for row in rows.skip(rank).step_by(ranks) {
            bytes.extend_from_slice(row);
        }
        TensorData::from_bytes_vec(bytes, [self.len(capacity), dim], whole.dtype())
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
            .map(|rank| PoolShard::of(Arc::new(rank)))
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
        assert_eq!(PoolShard::whole().own(whole.clone()), whole);
    }
}
