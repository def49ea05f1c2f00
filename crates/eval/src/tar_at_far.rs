use std::collections::BTreeMap;

use crate::embeddings::Embeddings;
use crate::error::at_least;
use crate::interval::Interval;
use crate::{Error, Result};

/// True accept rate at a false accept rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TarAtFar {
    /// The false accept rate that was asked for.
    pub target: f64,
    /// The nearest one that a threshold gives; of two equally near, the greater.
    pub far: f64,
    /// Share of the pairs of one identity that are accepted; of thresholds with this false accept rate, at the lowest.
    pub tar: f64,
    /// Pairs with a cosine above this are accepted.
    pub above: f32,
    /// Bootstrap interval of the true accept rate at this threshold, which stays. Drawn are the identities that have a pair of
    /// their own, each with all of its pairs, which depend on each other; the others have no part in the rate.
    pub interval: Interval,
}

/// Targets that may be asked for.
const MAX_TARGETS: usize = 64;

/// TAR at FAR over all pairs of some embeddings, of which `identities` says whose they are. Pairs with equal cosines are accepted
/// together or not at all.
///
/// Exact, and no list of the cosines is made: they are computed anew in each of three passes, which count those of different
/// identities by the upper half of their bits, then by the lower half where it matters, and those of one identity above the
/// thresholds that were found.
///
/// # Errors
/// If the numbers differ, a target is not above 0 and at most 1, or there is no pair of one identity or none of two.
pub fn tar_at_far(
    embeddings: &Embeddings,
    identities: &[u64],
    targets: &[f64],
    seed: u64,
) -> Result<Vec<TarAtFar>> {
    if identities.len() != embeddings.len() {
        return Err(Error::Count {
            what: "identities",
            expected: embeddings.len(),
            found: identities.len(),
        });
    }
    check_targets(targets)?;
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (row, &identity) in identities.iter().enumerate() {
        groups.entry(identity).or_default().push(row);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    at_least("identities", 2, groups.len())?;
    let most = groups.iter().map(Vec::len).max().unwrap_or(0);
    at_least("images of one identity", 2, most)?;

    let upper = count_upper(embeddings, identities);
    let different: u64 = upper.iter().sum();
    let places: Vec<Place> = targets
        .iter()
        .map(|target| Place::find(&upper, target * different as f64))
        .collect();
    let lower = count_lower(embeddings, identities, &places);
    let cuts: Vec<Cut> = places
        .iter()
        .map(|place| place.cut(&lower, different))
        .collect();
    let accepted = count_accepted(embeddings, &groups, &cuts);
    let results = targets.iter().zip(&cuts).zip(&accepted);
    Ok(results
        .map(|((&target, cut), accepted)| {
            let sums = accepted.iter().fold((0.0, 0.0), |sums, group| {
                (sums.0 + group.0, sums.1 + group.1)
            });
            TarAtFar {
                target,
                far: cut.accepted as f64 / different as f64,
                tar: sums.0 / sums.1,
                above: cut.above,
                interval: Interval::of_ratio(accepted, seed),
            }
        })
        .collect())
}

/// # Errors
/// If a target is outside its range, or there is none.
pub(crate) fn check_targets(targets: &[f64]) -> Result<()> {
    at_least("targets", 1, targets.len())?;
    if targets.len() > MAX_TARGETS {
        return Err(Error::setting("targets", targets.len(), "at most 64"));
    }
    let inside = |target: &f64| *target > 0.0 && *target <= 1.0;
    match targets.iter().find(|target| !inside(target)) {
        Some(target) => Err(Error::setting("target", target, "above 0, and at most 1")),
        None => Ok(()),
    }
}

/// Values of one half of a cosine's bits.
const HALF: usize = 1 << 16;
/// Rows whose pairs are taken together, so that they stay in the processor's cache.
const BLOCK_ROWS: usize = 64;

/// Calls `visit` with the cosine of every pair of two identities.
fn different_pairs(embeddings: &Embeddings, identities: &[u64], mut visit: impl FnMut(f32)) {
    let blocks = || (0..embeddings.len()).step_by(BLOCK_ROWS);
    let end = |start: usize| embeddings.len().min(start + BLOCK_ROWS);
    for first in blocks() {
        for second in blocks().filter(|&second| second >= first) {
            for a in first..end(first) {
                for b in second.max(a + 1)..end(second) {
                    if identities[a] != identities[b] {
                        visit(embeddings.cosine(a, b));
                    }
                }
            }
        }
    }
}

/// A number that orders as the cosine does. Both zeros are one.
fn key(cosine: f32) -> u32 {
    let bits = (cosine + 0.0).to_bits();
    if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    }
}

fn cosine(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 {
        key & !(1 << 31)
    } else {
        !key
    })
}

/// Counts of the cosines of different identities by the upper half of their keys.
fn count_upper(embeddings: &Embeddings, identities: &[u64]) -> Vec<u64> {
    let mut counts = vec![0; HALF];
    different_pairs(embeddings, identities, |cosine| {
        counts[key(cosine) as usize >> 16] += 1;
    });
    counts
}

/// Where a wished number of accepted pairs lies.
struct Place {
    /// The number, a target of the FAR times the pairs.
    wished: f64,
    /// Upper half of the key at which the count passes it. None if it never does.
    upper: Option<usize>,
    /// Pairs with a greater upper half.
    above: u64,
    /// The next upper half below that occurs.
    below: Option<usize>,
}

impl Place {
    fn find(counts: &[u64], wished: f64) -> Self {
        let mut above = 0;
        let mut occurring = (0..HALF).rev().filter(|&upper| counts[upper] > 0);
        let upper = occurring.find(|&upper| {
            let passes = (above + counts[upper]) as f64 > wished;
            if !passes {
                above += counts[upper];
            }
            passes
        });
        Self {
            wished,
            upper,
            above,
            below: occurring.next(),
        }
    }

    /// The threshold whose count is nearest.
    fn cut(&self, lower: &BTreeMap<usize, Vec<u64>>, all: u64) -> Cut {
        let everything = Cut {
            above: f32::NEG_INFINITY,
            accepted: all,
        };
        // Keys that occur here, in descending order, with their counts.
        let occurring = |upper: Option<usize>| {
            let counts = upper.and_then(|upper| Some((upper, lower.get(&upper)?)));
            counts.into_iter().flat_map(|(upper, counts)| {
                let occurring = (0..HALF).rev().filter(|&low| counts[low] > 0);
                occurring.map(move |low| ((upper << 16 | low) as u32, counts[low]))
            })
        };
        let mut values = occurring(self.upper).chain(occurring(self.below));
        let mut fewer = self.above;
        for (value, count) in values.by_ref() {
            let more = fewer + count;
            if more as f64 <= self.wished {
                fewer = more;
                continue;
            }
            if self.wished - (fewer as f64) < more as f64 - self.wished {
                return Cut {
                    above: cosine(value),
                    accepted: fewer,
                };
            }
            // All pairs with this value are accepted, and none with the next.
            return match values.next() {
                Some((next, _)) => Cut {
                    above: cosine(next),
                    accepted: more,
                },
                None => everything,
            };
        }
        everything
    }
}

/// A threshold.
struct Cut {
    /// Pairs with a greater cosine are accepted.
    above: f32,
    /// Pairs of different identities that are.
    accepted: u64,
}

/// Counts by the lower half of the keys, for the upper halves that matter.
fn count_lower(
    embeddings: &Embeddings,
    identities: &[u64],
    places: &[Place],
) -> BTreeMap<usize, Vec<u64>> {
    let uppers = places.iter().flat_map(|place| [place.upper, place.below]);
    let mut counts: BTreeMap<usize, Vec<u64>> = uppers
        .flatten()
        .map(|upper| (upper, vec![0; HALF]))
        .collect();
    different_pairs(embeddings, identities, |cosine| {
        let key = key(cosine) as usize;
        if let Some(counts) = counts.get_mut(&(key >> 16)) {
            counts[key % HALF] += 1;
        }
    });
    counts
}

/// For each threshold and each identity, pairs that are accepted, and pairs.
fn count_accepted(
    embeddings: &Embeddings,
    groups: &[Vec<usize>],
    cuts: &[Cut],
) -> Vec<Vec<(f64, f64)>> {
    let mut accepted = vec![vec![(0.0, 0.0); groups.len()]; cuts.len()];
    for (group, rows) in groups.iter().enumerate() {
        for (number, &a) in rows.iter().enumerate() {
            for &b in &rows[number + 1..] {
                let cosine = embeddings.cosine(a, b);
                for (cut, accepted) in cuts.iter().zip(&mut accepted) {
                    accepted[group].0 += f64::from(u8::from(cosine > cut.above));
                    accepted[group].1 += 1.0;
                }
            }
        }
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_cosines_do() {
        let cosines = [-1.0, -0.5, -1e-30, 0.0, 1e-30, 0.5, 1.0];
        for pair in cosines.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        assert_eq!(key(-0.0), key(0.0));
        assert_eq!(cosines.map(|value| cosine(key(value))), cosines);
    }
}
