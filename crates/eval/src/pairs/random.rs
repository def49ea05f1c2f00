use std::collections::{HashMap, HashSet};

use ffc_data::Index;

use super::Pair;
use crate::purpose::Purpose;
use crate::{Error, Result};

/// Pairs that may be asked for: 2^24.
const MAX_PAIRS: u64 = 1 << 24;

/// Pairs of a set, no two alike, in turn of the same identity and of different ones, so that each of ten parts holds both.
///
/// Identities come with equal chance, whatever their number of images: of those with two or more for same pairs, of all for
/// different ones. An identity whose pairs are used up comes no more.
///
/// # Errors
/// If `count` is not even or beyond 2^24, or the set does not hold so many pairs.
pub fn random_pairs(index: &Index, count: u64, seed: u64) -> Result<Vec<Pair>> {
    check_count(count)?;
    let same = same_pairs(index, count / 2, seed)?;
    let different = different_pairs(index, count / 2, seed)?;
    let pair = |same| move |images| Pair { images, same };
    let turns = same
        .into_iter()
        .map(pair(true))
        .zip(different.into_iter().map(pair(false)));
    Ok(turns
        .flat_map(|(same, different)| [same, different])
        .collect())
}

/// Whether so many random pairs can be drawn from any set.
pub(crate) fn check_count(count: u64) -> Result<()> {
    if count == 0 || !count.is_multiple_of(2) || count > MAX_PAIRS {
        let expected = "even, 2 to 2^24: half of the pairs are of the same identity";
        return Err(Error::setting("pairs", count, expected));
    }
    Ok(())
}

fn same_pairs(index: &Index, count: u64, seed: u64) -> Result<Vec<[u64; 2]>> {
    let images = |identity| {
        let range = index.images_of(identity);
        range.end - range.start
    };
    let pairs = |identity| images(identity) * (images(identity) - 1) / 2;
    let mut open: Vec<u64> = (0..index.identities())
        .filter(|&identity| images(identity) > 1)
        .collect();
    enough(
        "pairs of the same identity",
        count,
        open.iter().map(|&identity| pairs(identity)),
    )?;
    let mut rng = Purpose::SamePairs.rng(seed, 0);
    let mut drawn = Drawn::new(count);
    let mut used: HashMap<u64, u64> = HashMap::new();
    while !drawn.complete() {
        let place = rng.below(open.len() as u64) as usize;
        let identity = open[place];
        let start = index.images_of(identity).start;
        let [a, b] = [0, 1].map(|number| rng.below(images(identity) - number));
        // Of the images other than the first.
        let b = if b >= a { b + 1 } else { b };
        if drawn.add([start + a, start + b]) {
            let used = used.entry(identity).or_default();
            *used += 1;
            if *used == pairs(identity) {
                open.swap_remove(place);
            }
        }
    }
    Ok(drawn.pairs)
}

fn different_pairs(index: &Index, count: u64, seed: u64) -> Result<Vec<[u64; 2]>> {
    // Each image with those of all identities before its own.
    let pairs = (0..index.identities()).map(|identity| {
        let range = index.images_of(identity);
        range.start.saturating_mul(range.end - range.start)
    });
    enough("pairs of different identities", count, pairs)?;
    let mut rng = Purpose::DifferentPairs.rng(seed, 0);
    let mut drawn = Drawn::new(count);
    while !drawn.complete() {
        let [a, b] = [0, 1].map(|_| rng.below(index.identities()));
        if a != b {
            let mut image = |identity| {
                let range = index.images_of(identity);
                range.start + rng.below(range.end - range.start)
            };
            drawn.add([image(a), image(b)]);
        }
    }
    Ok(drawn.pairs)
}

/// Pairs that were drawn so far.
struct Drawn {
    count: u64,
    pairs: Vec<[u64; 2]>,
    known: HashSet<[u64; 2]>,
}

impl Drawn {
    fn new(count: u64) -> Self {
        Self {
            count,
            pairs: Vec::new(),
            known: HashSet::new(),
        }
    }

    fn complete(&self) -> bool {
        self.pairs.len() as u64 == self.count
    }

    /// Adds a pair that is new, whatever the order of its images.
    fn add(&mut self, [a, b]: [u64; 2]) -> bool {
        let new = self.known.insert([a.min(b), a.max(b)]);
        if new {
            self.pairs.push([a, b]);
        }
        new
    }
}

fn enough(what: &'static str, needed: u64, found: impl Iterator<Item = u64>) -> Result<()> {
    let found = found.fold(0, u64::saturating_add);
    if found >= needed {
        return Ok(());
    }
    Err(Error::TooFew {
        list: None,
        what,
        needed,
        found,
    })
}
