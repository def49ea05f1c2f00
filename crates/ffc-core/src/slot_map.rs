use hashbrown::HashMap;

use crate::{Error, Result};

/// Marks the end of the recency list.
const NONE: u32 = u32::MAX;

/// The identities that have a centre in the pool: identity -> slot, with eviction of the least
/// recently used identity.
///
/// A slot never moves while its identity stays. Slots are handed out from 0 upwards, so that the
/// used ones are always `0..len`. Looking an identity up does not touch its recency; only
/// [`apply`](Self::apply) changes anything.
///
/// Each slot also knows the layer that its identity writes next, for pools of two layers.
///
/// ```
/// use ffc_core::SlotMap;
///
/// let mut slots = SlotMap::new(2)?;
/// let plan = slots.plan(&[7, 8, 9]);
/// assert_eq!(plan.evicted(), [7]);
/// slots.apply(&plan)?;
/// assert_eq!(slots.get(9), Some(0));
/// assert_eq!(slots.get(7), None);
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SlotMap {
    capacity: usize,
    slot_of: HashMap<u64, u32>,
    /// One node a used slot: a doubly linked list in order of recency.
    nodes: Vec<Node>,
    most_recent: u32,
    least_recent: u32,
    /// Counts applied plans, to recognise a plan made for an earlier state.
    generation: u64,
}

#[derive(Debug, Clone)]
struct Node {
    identity: u64,
    newer: u32,
    older: u32,
    next_layer: u8,
}

/// Where one row of a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowWrite {
    /// The row's identity.
    pub identity: u64,
    /// The slot that it writes.
    pub slot: u32,
    /// The layer of that slot: 0 where the identity is fresh, else the slot's next one.
    pub layer: u8,
    /// Whether the identity had no slot when the row came.
    pub fresh: bool,
}

/// The contents of a [`SlotMap`], as saved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlotMapState {
    /// Identities and their slots, most recently used first.
    pub by_recency: Vec<(u64, u32)>,
    /// For each used slot the layer (0 or 1) that its identity writes next.
    pub next_layer: Vec<u8>,
}

impl SlotMap {
    /// An empty map of `capacity` slots.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where `capacity` is zero or does not fit 32 bits.
    pub fn new(capacity: usize) -> Result<Self> {
        if capacity == 0 || capacity >= NONE as usize {
            return Err(Error::Setting {
                setting: "capacity",
                value: capacity.to_string(),
                expected: "between 1 and 2^32 - 2",
            });
        }
        Ok(Self {
            capacity,
            slot_of: HashMap::new(),
            nodes: Vec::new(),
            most_recent: NONE,
            least_recent: NONE,
            generation: 0,
        })
    }

    /// Number of slots.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Number of used slots.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no slot is used.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The slot of an identity. Does not touch its recency.
    #[inline]
    pub fn get(&self, identity: u64) -> Option<u32> {
        self.slot_of.get(&identity).copied()
    }

    /// The layer (0 or 1) that the identity of a used slot writes next.
    pub fn next_layer(&self, slot: u32) -> Option<u8> {
        self.nodes.get(slot as usize).map(|node| node.next_layer)
    }

    /// Identities and their slots, most recently used first.
    pub fn by_recency(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let node = |slot: u32| self.nodes.get(slot as usize).map(|node| (slot, node));
        std::iter::successors(node(self.most_recent), move |(_, last)| node(last.older))
            .map(|(slot, node)| (node.identity, slot))
    }

    /// Identities and their slots, least recently used first: the order of eviction.
    pub(crate) fn by_age(&self) -> ByAge {
        ByAge {
            slot: self.least_recent,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Carries out the rows of a plan.
    pub(crate) fn write_all(&mut self, rows: &[RowWrite]) {
        for write in rows {
            self.write(write);
        }
        self.generation += 1;
    }

    fn write(&mut self, write: &RowWrite) {
        let slot = write.slot;
        if slot as usize == self.nodes.len() {
            self.nodes.push(Node {
                identity: write.identity,
                newer: NONE,
                older: NONE,
                next_layer: 0,
            });
            self.slot_of.insert(write.identity, slot);
        } else {
            self.unlink(slot);
            let node = &mut self.nodes[slot as usize];
            if write.fresh {
                self.slot_of.remove(&node.identity);
                node.identity = write.identity;
                self.slot_of.insert(write.identity, slot);
            }
        }
        self.nodes[slot as usize].next_layer = 1 - write.layer;
        self.link_most_recent(slot);
    }

    fn unlink(&mut self, slot: u32) {
        let Node { newer, older, .. } = self.nodes[slot as usize];
        match self.nodes.get_mut(newer as usize) {
            Some(node) => node.older = older,
            None => self.most_recent = older,
        }
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = newer,
            None => self.least_recent = newer,
        }
    }

    fn link_most_recent(&mut self, slot: u32) {
        let older = std::mem::replace(&mut self.most_recent, slot);
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = slot,
            None => self.least_recent = slot,
        }
        let node = &mut self.nodes[slot as usize];
        node.newer = NONE;
        node.older = older;
    }

    /// The contents, to be saved.
    pub fn state(&self) -> SlotMapState {
        SlotMapState {
            by_recency: self.by_recency().collect(),
            next_layer: self.nodes.iter().map(|node| node.next_layer).collect(),
        }
    }

    /// A map with saved contents.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] as for [`new`](Self::new); [`Error::DamagedState`] where the contents
    /// exceed the capacity, name a slot or an identity twice, leave a gap in the slots, or hold a
    /// layer other than 0 and 1.
    pub fn from_state(capacity: usize, state: &SlotMapState) -> Result<Self> {
        let mut map = Self::new(capacity)?;
        let used = state.by_recency.len();
        let damaged = |what: String| Err(Error::DamagedState(what));
        if used > capacity {
            return damaged(format!("{used} identities for {capacity} slots"));
        }
        if state.next_layer.len() != used {
            return damaged(format!(
                "{} layer positions for {used} identities",
                state.next_layer.len()
            ));
        }
        if let Some(slot) = state.next_layer.iter().position(|&layer| layer > 1) {
            return damaged(format!(
                "slot {slot} writes layer {} next",
                state.next_layer[slot]
            ));
        }
        map.nodes = state
            .next_layer
            .iter()
            .map(|&next_layer| Node {
                identity: 0,
                newer: NONE,
                older: NONE,
                next_layer,
            })
            .collect();
        let mut seen = vec![false; used];
        for &(identity, slot) in state.by_recency.iter().rev() {
            match seen.get_mut(slot as usize) {
                None => return damaged(format!("slot {slot} among {used} used ones")),
                Some(true) => return damaged(format!("slot {slot} is named twice")),
                Some(seen) => *seen = true,
            }
            if map.slot_of.insert(identity, slot).is_some() {
                return damaged(format!("identity {identity} is named twice"));
            }
            map.nodes[slot as usize].identity = identity;
            map.link_most_recent(slot);
        }
        Ok(map)
    }
}

/// A position in the recency list that moves from the least recently used slot towards newer ones.
pub(crate) struct ByAge {
    slot: u32,
}

impl ByAge {
    /// The next identity and its slot.
    pub(crate) fn next(&mut self, map: &SlotMap) -> Option<(u64, u32)> {
        let slot = self.slot;
        let node = map.nodes.get(slot as usize)?;
        self.slot = node.newer;
        Some((node.identity, slot))
    }
}
