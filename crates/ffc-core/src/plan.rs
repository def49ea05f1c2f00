use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::slot_map::{ByAge, RowWrite, SlotMap};
use crate::{Error, Result};

/// What a whole batch does to one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotEdit {
    /// The slot.
    pub slot: u32,
    /// For each layer the row that writes it; of several rows the last.
    pub rows: [Option<u32>; 2],
    /// Whether a row found its identity in the slot: the slot then shows both layers to the loss.
    pub double: bool,
    /// The layer that the slot's identity writes next, after the batch.
    pub next_layer: u8,
}

/// What writing a batch of identities does to a [`SlotMap`]: a pure value, made by
/// [`SlotMap::plan`], to be applied or dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlan {
    generation: u64,
    rows: Vec<RowWrite>,
    edits: Vec<SlotEdit>,
    evicted: Vec<u64>,
    used_after: usize,
    /// The slots after the batch of all identities that it wrote or evicted.
    changed: HashMap<u64, Option<u32>>,
}

impl BatchPlan {
    /// Where each row is written, in the order of the batch.
    pub fn rows(&self) -> &[RowWrite] {
        &self.rows
    }

    /// What happens to each slot that is written, in the order of the first write.
    pub fn edits(&self) -> &[SlotEdit] {
        &self.edits
    }

    /// The identities that lose their slots, in the order in which they go.
    pub fn evicted(&self) -> &[u64] {
        &self.evicted
    }

    /// Number of used slots after the batch. They are `0..used_after`.
    pub fn used_after(&self) -> usize {
        self.used_after
    }

    /// The slot of an identity after the batch. `map` is the one that the plan was made from.
    pub fn slot_after(&self, map: &SlotMap, identity: u64) -> Option<u32> {
        match self.changed.get(&identity) {
            Some(slot) => *slot,
            None => map.get(identity),
        }
    }
}

impl SlotMap {
    /// What writing one row for each of `identities`, in this order, would do. Changes nothing.
    ///
    /// Takes time in the length of the batch, whatever the capacity.
    pub fn plan(&self, identities: &[u64]) -> BatchPlan {
        let mut planner = Planner::new(self, identities.len());
        for &identity in identities {
            planner.write(identity);
        }
        planner.finish()
    }

    /// Carries a plan out.
    ///
    /// # Errors
    ///
    /// [`Error::StalePlan`] where another plan was applied since this one was made.
    pub fn apply(&mut self, plan: &BatchPlan) -> Result<()> {
        if plan.generation != self.generation() {
            return Err(Error::StalePlan);
        }
        self.write_all(plan.rows());
        Ok(())
    }
}

/// Plays a batch through beside the map, without touching it.
struct Planner<'a> {
    map: &'a SlotMap,
    plan: BatchPlan,
    /// Index in `plan.edits` of each slot written so far.
    edit_of: HashMap<u32, usize>,
    /// The map's own identities from the oldest on; those of the batch are skipped.
    oldest: ByAge,
    /// The batch's identities by the row that last wrote them, oldest first. An entry is out of date
    /// where `last_row` names another row.
    written: VecDeque<(u64, u32)>,
    last_row: HashMap<u64, u32>,
}

impl<'a> Planner<'a> {
    fn new(map: &'a SlotMap, rows: usize) -> Self {
        Self {
            map,
            plan: BatchPlan {
                generation: map.generation(),
                rows: Vec::with_capacity(rows),
                edits: Vec::with_capacity(rows),
                evicted: Vec::new(),
                used_after: map.len(),
                changed: HashMap::with_capacity(rows),
            },
            edit_of: HashMap::with_capacity(rows),
            oldest: map.by_age(),
            written: VecDeque::with_capacity(rows),
            last_row: HashMap::with_capacity(rows),
        }
    }

    fn write(&mut self, identity: u64) {
        let row = self.plan.rows.len() as u32;
        let present = self.plan.slot_after(self.map, identity);
        let slot = present.unwrap_or_else(|| self.free_slot());
        let fresh = present.is_none();

        let edit = self.edit(slot);
        let layer = if fresh { 0 } else { edit.next_layer };
        edit.rows[layer as usize] = Some(row);
        edit.double = !fresh;
        edit.next_layer = 1 - layer;

        self.plan.changed.insert(identity, Some(slot));
        self.plan.rows.push(RowWrite {
            identity,
            slot,
            layer,
            fresh,
        });
        self.written.push_back((identity, row));
        self.last_row.insert(identity, row);
    }

    fn finish(self) -> BatchPlan {
        self.plan
    }

    fn edit(&mut self, slot: u32) -> &mut SlotEdit {
        let edits = &mut self.plan.edits;
        let index = *self.edit_of.entry(slot).or_insert_with(|| {
            edits.push(SlotEdit {
                slot,
                rows: [None; 2],
                double: false,
                next_layer: self.map.next_layer(slot).unwrap_or(0),
            });
            edits.len() - 1
        });
        &mut edits[index]
    }

    /// The next unused slot, or that of the least recently used identity.
    fn free_slot(&mut self) -> u32 {
        if self.plan.used_after < self.map.capacity() {
            self.plan.used_after += 1;
            return self.plan.used_after as u32 - 1;
        }
        let (identity, slot) = self.least_recent();
        self.plan.changed.insert(identity, None);
        self.plan.evicted.push(identity);
        slot
    }

    /// The identity to evict: the oldest of the map's that the batch has not written, or, where the
    /// batch has written them all, the one that it wrote longest ago.
    fn least_recent(&mut self) -> (u64, u32) {
        while let Some((identity, slot)) = self.oldest.next(self.map) {
            if !self.plan.changed.contains_key(&identity) {
                return (identity, slot);
            }
        }
        while let Some((identity, row)) = self.written.pop_front() {
            if self.last_row.get(&identity) == Some(&row) {
                return (identity, self.plan.rows[row as usize].slot);
            }
        }
        unreachable!("a full map holds an identity")
    }
}
