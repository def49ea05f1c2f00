use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::Neighbour;

/// The best so far, at most so many: a heap whose root is the worst of them.
#[derive(Debug)]
pub(crate) struct Top {
    keep: usize,
    heap: BinaryHeap<Worst>,
}

/// Ordered so that the worse of two is the greater: the smaller cosine, and of equal ones the later row.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Worst(Neighbour);

impl Eq for Worst {}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
        b.cosine.total_cmp(&a.cosine).then(a.row.cmp(&b.row))
    }
}

impl Top {
    /// `keep` is 1 or more.
    pub(crate) fn new(keep: usize) -> Self {
        Self {
            keep,
            heap: BinaryHeap::with_capacity(keep),
        }
    }

    #[inline]
    pub(crate) fn offer(&mut self, neighbour: Neighbour) {
        if self.heap.len() < self.keep {
            self.heap.push(Worst(neighbour));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && Worst(neighbour) < *worst
        {
            *worst = Worst(neighbour);
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        for Worst(neighbour) in other.heap {
            self.offer(neighbour);
        }
        self
    }

    /// The best first.
    pub(crate) fn into_sorted(self) -> Vec<Neighbour> {
        let sorted = self.heap.into_sorted_vec();
        sorted
            .into_iter()
            .map(|Worst(neighbour)| neighbour)
            .collect()
    }
}
