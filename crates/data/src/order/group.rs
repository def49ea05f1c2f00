use std::collections::HashSet;
use std::ops::Range;

use super::Epoch;
use crate::index::Index;
use crate::permutation::Permutation;
use crate::purpose::Purpose;

/// An image of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupDraw {
    /// The epoch.
    pub(crate) epoch: u64,
    /// Position of the group within the epoch.
    pub(crate) position: u64,
    /// Its identity.
    pub(crate) identity: u64,
    /// Number of the image within the group.
    pub(crate) number: u64,
    /// The image.
    pub(crate) image: u64,
}

/// The order of groups: every identity once an epoch, some images each. Positions count on over epochs, as in
/// [`InstanceOrder`](super::InstanceOrder).
///
/// The identities of a step differ if there are as many, also where an epoch ends within it: those of the next epoch that
/// the step already has change places with the first of the step after that it does not have.
#[derive(Debug, Clone)]
pub(crate) struct GroupOrder<'a> {
    index: &'a Index,
    seed: u64,
    /// Images of a group.
    images: usize,
    /// Groups of a step, over all ranks.
    step: u64,
}

impl<'a> GroupOrder<'a> {
    /// Groups of `images` images, `step` of them a step; neither is 0.
    pub(crate) fn new(index: &'a Index, seed: u64, images: usize, step: u64) -> Self {
        Self {
            index,
            seed,
            images,
            step,
        }
    }

    /// Epoch, position in it, and the identity that stands there, for some positions.
    pub(crate) fn identities(
        &self,
        positions: Range<u64>,
    ) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        let mut order = Epoch::new(self.index.identities(), self.seed, Purpose::IdentityOrder);
        let (mut begun, mut head) = (0, Vec::new());
        positions.map(move |at| {
            let (epoch, position, identity) = order.at(at);
            if position >= self.step {
                return (epoch, position, identity);
            }
            if begun != epoch {
                (begun, head) = (epoch, self.head(epoch));
            }
            let moved = head.get(position as usize).copied();
            (epoch, position, moved.unwrap_or(identity))
        })
    }

    /// The groups at some positions, one image after the other.
    pub(crate) fn draws(&self, positions: Range<u64>) -> Vec<GroupDraw> {
        let groups: Vec<_> = self.identities(positions).collect();
        self.index
            .fetch_identities(groups.iter().map(|&(_, _, identity)| identity));
        let mut draws = Vec::with_capacity(groups.len() * self.images);
        for (epoch, position, identity) in groups {
            let own = self.index.images_of(identity);
            let mut rng = Purpose::GroupImages.key(self.seed, epoch).rng(position);
            let mut numbers = Vec::new();
            // Different images, and when all were had, all of them again.
            while numbers.len() < self.images {
                numbers.extend(rng.distinct(self.images - numbers.len(), own.end - own.start));
            }
            draws.extend((0..).zip(numbers).map(|(number, of_own)| GroupDraw {
                epoch,
                position,
                identity,
                number,
                image: own.start + of_own,
            }));
        }
        draws
    }

    /// The identities at the first positions of an epoch, as many as a step has. None if there are fewer in all: then
    /// steps cannot help having some twice.
    fn head(&self, epoch: u64) -> Vec<u64> {
        let (count, step) = (self.index.identities(), self.step);
        let order = |epoch: u64| Permutation::new(count, self.seed, Purpose::IdentityOrder, epoch);
        let Some(behind) = count.checked_sub(step) else {
            return Vec::new();
        };
        // Groups of the epoch before in the step in which an epoch begins.
        let shared = |epoch: u64| epoch * count % step;
        // Where these reach into the head of their own epoch, that must be known first.
        let mut known = epoch;
        while shared(known) > behind {
            known -= 1;
        }
        let mut head: Vec<u64> = Vec::new();
        for epoch in known..=epoch {
            let previous = order(epoch.saturating_sub(1));
            let last = |at: u64| match head.get(at as usize) {
                Some(&moved) => moved,
                None => previous.at(at),
            };
            let before: HashSet<u64> = (count - shared(epoch)..count).map(last).collect();
            let order = order(epoch);
            head = (0..step).map(|at| order.at(at)).collect();
            let end = (step - shared(epoch)) as usize;
            // There are enough: the head has as many places from `end` on as `before` has identities, and those that
            // stand before `end` are not there.
            let mut free = end;
            for at in 0..end {
                if before.contains(&head[at]) {
                    while before.contains(&head[free]) {
                        free += 1;
                    }
                    head.swap(at, free);
                    free += 1;
                }
            }
        }
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same epoch by epoch with whole lists.
    fn naive(index: &Index, seed: u64, step: usize, epochs: u64) -> Vec<u64> {
        let count = index.identities();
        let mut all: Vec<u64> = Vec::new();
        for epoch in 0..epochs {
            let order = Permutation::new(count, seed, Purpose::IdentityOrder, epoch);
            let mut list: Vec<u64> = (0..count).map(|at| order.at(at)).collect();
            let begun = all[all.len() / step * step..].to_vec();
            let end = step - begun.len();
            let mut free = end;
            for at in 0..end.min(list.len()) {
                if begun.contains(&list[at]) {
                    while free < list.len() && begun.contains(&list[free]) {
                        free += 1;
                    }
                    if free < list.len() {
                        list.swap(at, free);
                        free += 1;
                    }
                }
            }
            all.extend(list);
        }
        all
    }

    /// Sets from half as many identities as a step has to many more; from every position on.
    #[test]
    fn identities_come_as_in_whole_lists() {
        for step in [1, 2, 5, 8] {
            for count in 1..40u64 {
                let index = Index::from_counts((0..count).map(|_| 1)).unwrap();
                let order = GroupOrder::new(&index, 3, 1, step);
                const EPOCHS: u64 = 12;
                let end = count * EPOCHS;
                let found: Vec<_> = order.identities(0..end).collect();
                for (at, &(epoch, position, _)) in (0..).zip(&found) {
                    assert_eq!((epoch, position), (at / count, at % count));
                }
                let identities: Vec<u64> = found.iter().map(|found| found.2).collect();
                if count >= step {
                    assert_eq!(identities, naive(&index, 3, step as usize, EPOCHS));
                    for of_step in identities.chunks(step as usize) {
                        let different: HashSet<_> = of_step.iter().collect();
                        assert_eq!(different.len(), of_step.len(), "{count} identities");
                    }
                }
                for epoch in identities.chunks(count as usize) {
                    let mut sorted = epoch.to_vec();
                    sorted.sort_unstable();
                    assert!(sorted.into_iter().eq(0..count));
                }
                for from in (0..end).step_by(7) {
                    let tail: Vec<_> = order.identities(from..end).collect();
                    assert_eq!(tail, found[from as usize..]);
                }
            }
        }
    }

    /// Every ordered choice of three of six images equally often, within four standard deviations of chi-square.
    #[test]
    fn images_of_a_group_are_drawn_evenly() {
        let index = Index::from_counts([6, 2]).unwrap();
        let order = GroupOrder::new(&index, 5, 3, 2);
        let mut seen = vec![0f64; 216];
        const DRAWS: u64 = 60_000;
        for group in order.draws(0..2 * DRAWS).chunks(3) {
            let images: Vec<usize> = group.iter().map(|draw| draw.image as usize).collect();
            if group[0].identity == 0 {
                seen[images[0] * 36 + images[1] * 6 + images[2]] += 1.0;
            } else {
                assert!(
                    images[0] != images[1] && images.iter().all(|image| [6, 7].contains(image))
                );
            }
        }
        let (expected, cells) = (DRAWS as f64 / 120.0, 120.0);
        let square: f64 = seen
            .iter()
            .filter(|&&seen| seen > 0.0)
            .map(|seen| (seen - expected).powi(2) / expected)
            .sum();
        assert_eq!(seen.iter().filter(|&&seen| seen > 0.0).count(), 120);
        assert!(
            (square - (cells - 1.0)).abs() < 4.0 * (2.0 * cells).sqrt(),
            "{square}"
        );
    }
}
