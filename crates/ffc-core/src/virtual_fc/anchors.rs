use hashbrown::HashMap;

use crate::{Error, Result};

/// In which order the identities of a batch choose their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitingOrder {
    /// Each identity of the batch once: of two that own one row, the earlier gets it.
    pub identities: Vec<u64>,
    /// Each identity that came too late once, in the order in which they get free rows. None: in the order in which they came.
    pub conflicts: Option<Vec<u64>>,
}

impl VisitingOrder {
    /// That in which the identities first appear in the batch.
    pub fn of_batch(identities: &[u64]) -> Self {
        let mut seen = hashbrown::HashSet::new();
        let first = identities.iter().filter(|&&identity| seen.insert(identity));
        Self {
            identities: first.copied().collect(),
            conflicts: None,
        }
    }
}

/// Which row stands for each identity of a batch (Virtual FC; Li et al., CVPR 2021).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchors {
    rows: HashMap<u64, u32>,
    free: Vec<(u64, u32)>,
}

impl Anchors {
    /// Visits the identities. Identity c owns row c mod V, its corresponding anchor, and gets it unless an earlier owner has it. After
    /// that, those that came too late get the lowest rows that nobody has, their free anchors, one by one.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewVirtualRows`] where there are more identities than rows; [`Error::VisitingOrder`] where an identity is named twice, or
    /// the conflicts are not those that came too late.
    pub fn assign(order: &VisitingOrder, rows: usize) -> Result<Self> {
        let identities = order.identities.len();
        if identities > rows {
            return Err(Error::TooFewVirtualRows { rows, identities });
        }
        let mut taken = vec![false; rows];
        let mut owners = HashMap::with_capacity(identities);
        let mut late = Vec::new();
        for &identity in &order.identities {
            let row = (identity % rows as u64) as usize;
            if taken[row] {
                late.push(identity);
                continue;
            }
            taken[row] = true;
            owners.insert(identity, row as u32);
        }
        let conflicts = order.conflicts.as_ref().unwrap_or(&late);
        if sorted(conflicts) != sorted(&late) {
            return Err(Error::VisitingOrder { what: "conflict" });
        }
        let free_rows = (0..rows as u32).filter(|&row| !taken[row as usize]);
        let free: Vec<(u64, u32)> = conflicts.iter().copied().zip(free_rows).collect();
        owners.extend(free.iter().copied());
        if owners.len() != identities {
            return Err(Error::VisitingOrder { what: "identity" });
        }
        Ok(Self { rows: owners, free })
    }

    /// The row that stands for an identity.
    pub fn row(&self, identity: u64) -> Option<u32> {
        self.rows.get(&identity).copied()
    }

    /// Number of identities.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no identities.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The identities with a free anchor, and that row, in ascending order of the rows.
    pub fn free(&self) -> &[(u64, u32)] {
        &self.free
    }
}

fn sorted(identities: &[u64]) -> Vec<u64> {
    let mut identities = identities.to_vec();
    identities.sort_unstable();
    identities
}
