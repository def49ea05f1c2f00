//! The slot map against a plain list and against the `lru` crate.

use std::num::NonZeroUsize;

use ffc_core::{Error, SlotMap, SlotMapState};
use lru::LruCache;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Recency as a list, most recently used first; layers and marks as the description has them.
#[derive(Clone, Default)]
struct Naive {
    capacity: usize,
    recency: Vec<(u64, u32)>,
    next_layer: Vec<u8>,
}

#[derive(Debug, PartialEq)]
struct Write {
    slot: u32,
    layer: u8,
    fresh: bool,
    evicted: Option<u64>,
}

impl Naive {
    fn write(&mut self, identity: u64) -> Write {
        let mut evicted = None;
        let found = self
            .recency
            .iter()
            .position(|&(known, _)| known == identity);
        let slot = match found {
            Some(at) => self.recency.remove(at).1,
            None if self.recency.len() < self.capacity => {
                self.next_layer.push(0);
                self.recency.len() as u32
            }
            None => {
                let (identity, slot) = self.recency.pop().unwrap();
                evicted = Some(identity);
                slot
            }
        };
        self.recency.insert(0, (identity, slot));
        let next = &mut self.next_layer[slot as usize];
        let layer = if found.is_some() { *next } else { 0 };
        *next = 1 - layer;
        Write {
            slot,
            layer,
            fresh: found.is_none(),
            evicted,
        }
    }
}

fn check_batch(map: &mut SlotMap, naive: &mut Naive, batch: &[u64]) {
    let before = map.state();
    let plan = map.plan(batch);
    assert_eq!(map.state(), before, "a plan changes nothing");

    let mut evicted = Vec::new();
    // Per slot: last row of each layer, double.
    let mut edits: Vec<(u32, [Option<u32>; 2], bool)> = Vec::new();
    for (row, (&identity, planned)) in batch.iter().zip(plan.rows()).enumerate() {
        let write = naive.write(identity);
        assert_eq!(planned.identity, identity);
        assert_eq!(
            (planned.slot, planned.layer, planned.fresh),
            (write.slot, write.layer, write.fresh),
            "row {row}"
        );
        evicted.extend(write.evicted);
        let at = match edits.iter().position(|&(slot, ..)| slot == write.slot) {
            Some(at) => at,
            None => {
                edits.push((write.slot, [None; 2], false));
                edits.len() - 1
            }
        };
        edits[at].1[write.layer as usize] = Some(row as u32);
        edits[at].2 = !write.fresh;
    }
    assert_eq!(plan.evicted(), evicted);
    assert_eq!(plan.used_after(), naive.recency.len());
    let planned: Vec<_> = plan
        .edits()
        .iter()
        .map(|edit| (edit.slot, edit.rows, edit.double))
        .collect();
    assert_eq!(planned, edits);
    for edit in plan.edits() {
        assert_eq!(edit.next_layer, naive.next_layer[edit.slot as usize]);
    }
    let known = before.by_recency.iter().map(|&(identity, _)| identity);
    for identity in known.chain(batch.iter().copied()) {
        let slot = naive
            .recency
            .iter()
            .find(|&&(known, _)| known == identity)
            .map(|&(_, slot)| slot);
        assert_eq!(plan.slot_after(map, identity), slot);
    }

    map.apply(&plan).unwrap();
    assert_eq!(map.state().by_recency, naive.recency);
    assert_eq!(map.state().next_layer, naive.next_layer);
    for &(identity, slot) in &naive.recency {
        assert_eq!(map.get(identity), Some(slot));
    }
    assert_eq!(map.len(), naive.recency.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Capacities below the batch, and identities repeated inside it, included.
    #[test]
    fn equals_a_plain_list(
        capacity in 1usize..20,
        identities in 1u64..40,
        batches in prop::collection::vec(prop::collection::vec(0u64..1000, 0..30), 1..20),
    ) {
        let mut map = SlotMap::new(capacity).unwrap();
        let mut naive = Naive { capacity, ..Default::default() };
        for batch in batches {
            let batch: Vec<u64> = batch.into_iter().map(|identity| identity % identities).collect();
            check_batch(&mut map, &mut naive, &batch);
        }
    }
}

#[test]
fn equals_the_lru_crate_on_a_long_run() {
    for (capacity, identities, rows) in [(1000, 3000, 384), (37, 50, 100), (1, 5, 7), (5, 5, 64)] {
        let mut rng = StdRng::seed_from_u64(capacity as u64);
        let mut map = SlotMap::new(capacity).unwrap();
        let mut cache = LruCache::new(NonZeroUsize::new(capacity).unwrap());
        for _ in 0..500 {
            // Some identities come more often than others.
            let batch: Vec<u64> = (0..rows)
                .map(|_| (rng.next_u64() % identities).min(rng.next_u64() % identities))
                .collect();
            let plan = map.plan(&batch);
            let mut evicted = Vec::new();
            for write in plan.rows() {
                assert_eq!(cache.contains(&write.identity), !write.fresh);
                if let Some((old, _)) = cache.push(write.identity, write.slot)
                    && old != write.identity
                {
                    evicted.push(old);
                }
            }
            assert_eq!(plan.evicted(), evicted);
            map.apply(&plan).unwrap();
            let expected: Vec<(u64, u32)> = cache.iter().map(|(&id, &slot)| (id, slot)).collect();
            assert_eq!(map.by_recency().collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn holds_identities_of_any_size() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut map = SlotMap::new(64).unwrap();
    let mut naive = Naive {
        capacity: 64,
        ..Default::default()
    };
    for _ in 0..50 {
        let batch: Vec<u64> = (0..32).map(|_| rng.random_range(0..=1 << 63)).collect();
        check_batch(&mut map, &mut naive, &batch);
    }
    check_batch(&mut map, &mut naive, &[0, 1 << 63, u64::MAX, 1 << 63]);
}

#[test]
fn a_dropped_plan_changes_nothing() {
    let mut map = SlotMap::new(4).unwrap();
    let plan = map.plan(&[1, 2, 3, 1]);
    map.apply(&plan).unwrap();
    let before = map.state();
    drop(map.plan(&[9, 8, 7, 6, 5, 4]));
    assert_eq!(map.state(), before);
    for identity in [1, 2, 3, 9] {
        map.get(identity);
    }
    assert_eq!(map.state(), before, "looking does not touch");
}

#[test]
fn a_stale_plan_is_refused() {
    let mut map = SlotMap::new(4).unwrap();
    let first = map.plan(&[1]);
    let second = map.plan(&[2]);
    map.apply(&first).unwrap();
    let before = map.state();
    assert!(matches!(map.apply(&second), Err(Error::StalePlan)));
    assert!(matches!(map.apply(&first), Err(Error::StalePlan)));
    assert_eq!(map.state(), before);
}

#[test]
fn state_is_restored() {
    let mut map = SlotMap::new(5).unwrap();
    for batch in [[1, 2, 3, 1], [4, 5, 6, 2]] {
        let plan = map.plan(&batch);
        map.apply(&plan).unwrap();
    }
    let mut restored = SlotMap::from_state(5, &map.state()).unwrap();
    assert_eq!(restored.state(), map.state());
    let batch = [7, 1, 8, 2];
    assert_eq!(restored.plan(&batch).rows(), map.plan(&batch).rows());
    let plan = restored.plan(&batch);
    restored.apply(&plan).unwrap();
    let plan = map.plan(&batch);
    map.apply(&plan).unwrap();
    assert_eq!(restored.state(), map.state());
}

#[test]
fn damaged_states_are_refused() {
    let state = |by_recency: &[(u64, u32)], next_layer: &[u8]| SlotMapState {
        by_recency: by_recency.to_vec(),
        next_layer: next_layer.to_vec(),
    };
    for (what, state) in [
        (
            "more than the capacity",
            state(&[(1, 0), (2, 1), (3, 2)], &[0, 0, 0]),
        ),
        ("a slot twice", state(&[(1, 0), (2, 0)], &[0, 0])),
        ("an identity twice", state(&[(1, 0), (1, 1)], &[0, 0])),
        ("a gap", state(&[(1, 0), (2, 5)], &[0, 0])),
        ("layers missing", state(&[(1, 0), (2, 1)], &[0])),
        ("a layer that is none", state(&[(1, 0)], &[2])),
    ] {
        let result = SlotMap::from_state(2, &state);
        assert!(matches!(result, Err(Error::DamagedState(_))), "{what}");
    }
}

#[test]
fn impossible_capacities_are_refused() {
    for capacity in [0, u32::MAX as usize, usize::MAX] {
        assert!(matches!(
            SlotMap::new(capacity),
            Err(Error::Setting {
                setting: "capacity",
                ..
            })
        ));
    }
}
