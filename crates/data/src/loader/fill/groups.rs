use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::super::plan::{Row, identities_of_step};
use super::{Filler, SUBSTITUTES, Scratch};
use crate::{Error, Result};

/// A group of which some pictures could not be read.
struct Group<'a> {
    rows: &'a mut [Row],
    pixels: &'a mut [u8],
    /// Which rows have their picture.
    done: Vec<bool>,
    /// Images of the group's identity that could not be read.
    damaged: HashSet<u64>,
    /// The last one's error.
    last: Option<Error>,
}

impl Filler {
    /// Fills the buffer with the pictures of a step's groups, on all threads of the present pool.
    ///
    /// A picture that cannot be read gives way, if that is allowed, to another of its identity: one that the group does not
    /// show yet, if there is one. An identity without a readable picture gives way to the next that the step does not have.
    pub(in crate::loader) fn fill_groups(
        &self,
        step: u64,
        rows: &mut [Row],
        pixels: &mut [u8],
        stop: &AtomicBool,
    ) -> Result<()> {
        let bytes = self.config.picture_bytes();
        let attempts = rows.par_iter().zip(pixels.par_chunks_exact_mut(bytes));
        let attempts = attempts.map(|(row, target)| {
            // Nobody waits for this batch any more.
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            Scratch::with(|scratch| self.attempt(&row.x, target, scratch))
        });
        let mut errors: Vec<Option<Error>> = attempts.collect::<Result<_>>()?;
        if errors.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut taken = identities_of_step(self.dataset.index(), &self.config, step);
        let size = self.config.group;
        let groups = rows
            .chunks_exact_mut(size)
            .zip(pixels.chunks_exact_mut(size * bytes))
            .zip(errors.chunks_exact_mut(size));
        // One after the other, so that two do not get the same identity.
        for ((rows, pixels), errors) in groups {
            let failed = rows
                .iter()
                .zip(&*errors)
                .filter(|(_, error)| error.is_some());
            let mut group = Group {
                damaged: failed.map(|(row, _)| row.x.image).collect(),
                done: errors.iter().map(Option::is_none).collect(),
                last: errors.iter_mut().rev().find_map(Option::take),
                rows,
                pixels,
            };
            Scratch::with(|scratch| self.mend(&mut group, &mut taken, scratch))?;
        }
        Ok(())
    }

    /// Completes a group, if need be with another identity than those that are taken.
    fn mend(
        &self,
        group: &mut Group<'_>,
        taken: &mut HashSet<u64>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if self.complete(group, scratch)? {
            return Ok(());
        }
        let index = self.dataset.index();
        let (drawn, count) = (group.rows[0].x.identity, index.identities());
        let others = || (1..count).map(|n| (drawn + n) % count);
        // Those of the step only if there are no others.
        let free = others().filter(|identity| !taken.contains(identity));
        let substitutes = free.chain(others().filter(|identity| taken.contains(identity)));
        let substitutes: Vec<u64> = substitutes.take(SUBSTITUTES as usize - 1).collect();
        for identity in substitutes {
            let images = index.images_of(identity);
            for (row, image) in group.rows.iter_mut().zip(images.cycle()) {
                (row.x.identity, row.x.image) = (identity, image);
            }
            group.done.fill(false);
            group.damaged.clear();
            if self.complete(group, scratch)? {
                taken.insert(identity);
                return Ok(());
            }
        }
        Err(self.nothing_readable(drawn, group.last.take()))
    }

    /// Reads what a group lacks. False if no image of its identity can be read.
    fn complete(&self, group: &mut Group<'_>, scratch: &mut Scratch) -> Result<bool> {
        let images = self.dataset.index().images_of(group.rows[0].x.identity);
        let count = images.end - images.start;
        let bytes = self.config.picture_bytes();
        for at in 0..group.rows.len() {
            if group.done[at] {
                continue;
            }
            let rows = group.rows.iter().zip(&group.done);
            let mut shown: Vec<u64> = rows
                .filter(|(_, done)| **done)
                .map(|(row, _)| row.x.image)
                .collect();
            let first = group.rows[at].x.image - images.start;
            let fresh = (0..count)
                .map(|n| images.start + (first + n) % count)
                .filter(|image| !shown.contains(image) && !group.damaged.contains(image));
            let mut candidates: Vec<u64> = fresh.take(SUBSTITUTES as usize).collect();
            // By turns, where the group must show some twice.
            if !shown.is_empty() {
                let turn = at % shown.len();
                shown.rotate_left(turn);
            }
            candidates.append(&mut shown);
            let target = &mut group.pixels[at * bytes..][..bytes];
            for image in candidates {
                group.rows[at].x.image = image;
                match self.attempt(&group.rows[at].x, target, scratch)? {
                    None => {
                        group.done[at] = true;
                        break;
                    }
                    error => {
                        group.damaged.insert(image);
                        group.last = error;
                    }
                }
            }
            if !group.done[at] {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
