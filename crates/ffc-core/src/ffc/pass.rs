use std::ops::Range;

use burn::tensor::Tensor;

use super::means::Groups;
use super::pool_scan::PoolScan;
use crate::Result;
use crate::plan::BatchPlan;
use crate::pool::Revision;

/// One of the two passes of a step: probe rows against the pool as a revision shows it.
pub(super) struct Pass {
    /// For each term of the loss the changed centres that this pass sees, `[columns, dim]`.
    pub(super) views: Vec<Tensor<2>>,
    /// Number of centres that this pass sees, changed or not.
    pub(super) visible: usize,
    /// Rows whose identity has a centre, and the column of that centre among the changed ones.
    pub(super) existing: Vec<(u32, u32)>,
    /// Rows whose identity has none.
    pub(super) fresh: Vec<u32>,
    /// The first of the pass's rows among those of the step.
    first_row: u32,
}

impl Pass {
    /// `identities` are those of the pass's probe rows, which start at `first_row` of the step's.
    ///
    /// # Errors
    ///
    /// Where the pool is in parts and a device or a rank fails.
    pub(super) fn new(
        scan: &PoolScan,
        plan: &BatchPlan,
        revision: &Revision,
        identities: &[u64],
        first_row: usize,
    ) -> Result<Self> {
        let visible = scan.pool().visible(plan.used_after());
        // The other pass may have taken slots that are unused in this one: they come last.
        let changed = scan.changed();
        let columns = changed.partition_point(|&slot| (slot as usize) < visible);
        let changed = &changed[..columns];

        let mut existing = Vec::new();
        let mut fresh = Vec::new();
        for (row, &identity) in (first_row as u32..).zip(identities) {
            match plan.slot_after(scan.pool().slots(), identity) {
                Some(slot) => {
                    let Ok(column) = changed.binary_search(&slot) else {
                        unreachable!("the slots of all identities that are scored are set apart");
                    };
                    existing.push((row, column as u32));
                }
                None => fresh.push(row),
            }
        }
        Ok(Self {
            views: scan
                .pool()
                .views(changed, scan.centres(columns), revision)?,
            visible,
            existing,
            fresh,
            first_row: first_row as u32,
        })
    }

    pub(super) fn existing_rows(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        self.existing.iter().map(|&(row, _)| row)
    }

    pub(super) fn fresh_rows(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        self.fresh.iter().copied()
    }

    /// By what each row with a centre is divided in the mean over such rows.
    pub(super) fn existing_divisors(&self, groups: &Groups) -> Vec<f32> {
        groups.divisors(self.existing_rows().map(|row| row - self.first_row))
    }

    /// The same of fresh rows.
    pub(super) fn fresh_divisors(&self, groups: &Groups) -> Vec<f32> {
        groups.divisors(self.fresh_rows().map(|row| row - self.first_row))
    }

    pub(super) fn target_columns(&self) -> Vec<u32> {
        self.existing.iter().map(|&(_, column)| column).collect()
    }
}

/// The passes that have rows of a kind, each with the range of its rows among all of that kind.
pub(super) fn with_rows(
    passes: &[Pass; 2],
    count: impl Fn(&Pass) -> usize,
) -> Vec<(&Pass, Range<usize>)> {
    let mut end = 0;
    passes
        .iter()
        .map(|pass| {
            let start = end;
            end += count(pass);
            (pass, start..end)
        })
        .filter(|(_, rows)| !rows.is_empty())
        .collect()
}
