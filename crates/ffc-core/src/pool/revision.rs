use burn::tensor::{DType, IndexingUpdateOp, Tensor};

use super::{ClassPool, PoolShard, UpdateRule};
use crate::Result;
use crate::embeddings::normalize;
use crate::plan::{BatchPlan, SlotEdit};
use crate::upload::{column, indices};

/// The centres that a batch writes, beside the pool: kept for the lasting pass, dropped after the
/// tentative one.
#[derive(Debug)]
pub(crate) struct Revision {
    /// For each layer what is written to it, if anything.
    pub(crate) writes: Vec<Option<LayerWrite>>,
    /// Slots that show their second layer to the loss, in ascending order. Empty where the pool has
    /// one layer.
    double: Vec<u32>,
}

/// New centres of one layer.
#[derive(Debug)]
pub(crate) struct LayerWrite {
    /// Distinct slots, in ascending order.
    pub(crate) slots: Vec<u32>,
    /// `[slots.len(), dim]`, f32, rounded to the storage type.
    pub(crate) values: Tensor<2>,
}

impl LayerWrite {
    /// What a rank writes of it, by its own rows.
    pub(super) fn of(self, shard: &PoolShard) -> Option<Self> {
        if shard.ranks().is_none() {
            return Some(self);
        }
        let rows = (0..).zip(&self.slots);
        let own = rows.filter_map(|(at, &slot)| Some((at, shard.row(slot)?)));
        let (at, slots): (Vec<u32>, Vec<u32>) = own.unzip();
        (!slots.is_empty()).then(|| {
            let at = indices(&at, &self.values.device());
            Self {
                slots,
                values: self.values.select(0, at),
            }
        })
    }

    /// Overwrites the rows of `columns`, the centres of `slots`, that this write changes.
    fn patch(&self, columns: Tensor<2>, slots: &[u32]) -> Tensor<2> {
        let mut to = Vec::with_capacity(self.slots.len());
        let mut from = Vec::with_capacity(self.slots.len());
        for (row, slot) in self.slots.iter().enumerate() {
            if let Ok(column) = slots.binary_search(slot) {
                to.push(column as u32);
                from.push(row as u32);
            }
        }
        if to.is_empty() {
            return columns;
        }
        let device = columns.device();
        let values = self.values.clone().select(0, indices(&from, &device));
        columns.select_assign(0, indices(&to, &device), values, IndexingUpdateOp::Assign)
    }
}

impl ClassPool {
    /// What a batch writes. `features` are the unit gallery features of the plan's rows, f32.
    ///
    /// # Errors
    ///
    /// As [`gather`](Self::gather).
    pub(crate) fn revise(&self, plan: &BatchPlan, features: Tensor<2>) -> Result<Revision> {
        let mut edits = plan.edits().to_vec();
        edits.sort_unstable_by_key(|edit| edit.slot);
        Ok(match self.config.update {
            UpdateRule::TwoLayer => Revision {
                writes: (0..2)
                    .map(|layer| self.last_rows(&edits, layer, &features))
                    .collect(),
                double: edits
                    .iter()
                    .filter(|edit| edit.double)
                    .map(|edit| edit.slot)
                    .collect(),
            },
            UpdateRule::Weighted { alpha } => Revision {
                writes: vec![self.average(plan, &edits, features, alpha)?],
                double: Vec::new(),
            },
        })
    }

    /// Of the rows that write a layer of a slot the last one stays.
    fn last_rows(
        &self,
        edits: &[SlotEdit],
        layer: usize,
        features: &Tensor<2>,
    ) -> Option<LayerWrite> {
        let (slots, rows): (Vec<u32>, Vec<u32>) = edits
            .iter()
            .filter_map(|edit| edit.rows[layer].map(|row| (edit.slot, row)))
            .unzip();
        if slots.is_empty() {
            return None;
        }
        let values = features.clone().select(0, indices(&rows, &self.device));
        Some(LayerWrite {
            slots,
            values: self.rounded(values),
        })
    }

    /// normalize(alpha centre + (1 - alpha) feature), row after row. Rows of different slots do not
    /// meet, so the n-th row of every slot is taken at once.
    fn average(
        &self,
        plan: &BatchPlan,
        edits: &[SlotEdit],
        features: Tensor<2>,
        alpha: f32,
    ) -> Result<Option<LayerWrite>> {
        let slots: Vec<u32> = edits.iter().map(|edit| edit.slot).collect();
        if slots.is_empty() {
            return Ok(None);
        }
        let mut turns: Vec<Turn> = Vec::new();
        let mut turn_of_slot = vec![0; slots.len()];
        for (row, write) in plan.rows().iter().enumerate() {
            let Ok(position) = slots.binary_search(&write.slot) else {
                unreachable!("every written slot has an edit");
            };
            let turn = turn_of_slot[position];
            turn_of_slot[position] += 1;
            if turn == turns.len() {
                turns.push(Turn::default());
            }
            turns[turn].positions.push(position as u32);
            turns[turn].rows.push(row as u32);
            turns[turn]
                .old_share
                .push(if write.fresh { 0.0 } else { alpha });
        }

        let mut centres = self.gather(0, &slots)?;
        for turn in turns {
            let positions = indices(&turn.positions, &self.device);
            let feature = features
                .clone()
                .select(0, indices(&turn.rows, &self.device));
            let old_share = column(turn.old_share, &self.device);
            let old = centres.clone().select(0, positions.clone());
            let new = feature.clone() + (old - feature) * old_share;
            let new = self.rounded(normalize(new));
            centres = centres.select_assign(0, positions, new, IndexingUpdateOp::Assign);
        }
        Ok(Some(LayerWrite {
            slots,
            values: centres,
        }))
    }

    /// What of `values` survives in the storage type.
    fn rounded(&self, values: Tensor<2>) -> Tensor<2> {
        values.cast(self.config.storage.dtype()).cast(DType::F32)
    }

    /// The centres of `slots` (ascending) as the loss sees them after `revision`: a matrix
    /// `[slots.len(), dim]`, f32, for each term of the loss. `centres` are those of their first layer as they are.
    ///
    /// # Errors
    ///
    /// As [`gather`](Self::gather).
    pub(crate) fn views(
        &self,
        slots: &[u32],
        centres: Tensor<2>,
        revision: &Revision,
    ) -> Result<Vec<Tensor<2>>> {
        let patched =
            |layer: usize, centres: Tensor<2>, slots: &[u32]| match &revision.writes[layer] {
                Some(write) => write.patch(centres, slots),
                None => centres,
            };
        let first = patched(0, centres, slots);
        if self.config.update.layers() == 1 {
            return Ok(vec![first]);
        }
        let mut second = first.clone();
        let (double, positions): (Vec<u32>, Vec<u32>) = slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| revision.double.binary_search(slot).is_ok())
            .map(|(position, slot)| (*slot, position as u32))
            .unzip();
        if !double.is_empty() {
            let positions = indices(&positions, &self.device);
            let values = patched(1, self.gather(1, &double)?, &double);
            second = second.select_assign(0, positions, values, IndexingUpdateOp::Assign);
        }
        Ok(vec![first, second])
    }
}

/// Rows that write different slots and so can be taken at once.
#[derive(Default)]
struct Turn {
    positions: Vec<u32>,
    rows: Vec<u32>,
    old_share: Vec<f32>,
}
