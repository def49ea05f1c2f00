use std::collections::BTreeMap;

use crate::cosine_key::{cosine, key};
use crate::embeddings::Embeddings;
use crate::error::at_least;
use crate::interval::Interval;
use crate::roc::{RocPoint, curve};
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
    /// Pairs of one identity that were measured.
    pub same_pairs: u64,
    /// Pairs of two.
    pub different_pairs: u64,
    /// Bootstrap interval of the true accept rate at this threshold, which stays. Over all pairs drawn are the identities that have a
    /// pair of their own, each with all of its pairs, which depend on each other; the others have no part in the rate. Of listed pairs
    /// those of one identity are drawn.
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
    Ok(tar_and_roc(embeddings, identities, targets, seed)?.0)
}

/// [`tar_at_far`] and the ROC curve, of whose thresholds the lower half of the bits is 0: exact rates at so many thresholds that at most
/// 1/128 of the cosine lies between two.
pub(crate) fn tar_and_roc(
    embeddings: &Embeddings,
    identities: &[u64],
    targets: &[f64],
    seed: u64,
) -> Result<(Vec<TarAtFar>, Vec<RocPoint>)> {
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

    let upper_counts = count_upper(embeddings, identities);
    let different: u64 = upper_counts.iter().sum();
    let places: Vec<Place> = targets
        .iter()
        .map(|target| Place::find(&upper_counts, target * different as f64))
        .collect();
    let lower = count_lower(embeddings, identities, &places);
    let cuts: Vec<Cut> = places
        .iter()
        .map(|place| place.cut(&lower, different))
        .collect();
    let accepted = count_accepted(embeddings, &groups, &cuts);
    let results = targets.iter().zip(&cuts).zip(&accepted);
    let results = results.map(|((&target, cut), accepted)| {
        let sums = accepted.iter().fold((0.0, 0.0), |sums, group| {
            (sums.0 + group.0, sums.1 + group.1)
        });
        TarAtFar {
            target,
            far: cut.accepted as f64 / different as f64,
            tar: sums.0 / sums.1,
            above: cut.above,
            same_pairs: sums.1 as u64,
            different_pairs: different,
            interval: Interval::of_ratio(accepted, seed),
        }
    });
    let same = count_same(embeddings, &groups);
    let occurring = (0..HALF).rev().filter_map(|upper| {
        let counts = [same[upper], upper_counts[upper]];
        (counts != [0, 0]).then_some((upper, counts))
    });
    let lowest = |upper: usize| cosine((upper << 16) as u32);
    let greatest = occurring.clone().next().map_or(0, |(upper, _)| upper);
    let mut roc = curve(
        occurring.map(|(upper, counts)| (lowest(upper), counts)),
        [same.iter().sum(), different],
    );
    // Just above the greatest cosine is not known, the next upper half is.
    roc[0].threshold = lowest(greatest + 1);
    Ok((results.collect(), roc))
}

/// Whether so many pairs of different identities can show a false accept rate: one of them accepted is not above it.
pub(crate) fn can_show(target: f64, different_pairs: u64) -> bool {
    // 1e-3 of 1,000 is 1, however it is rounded.
    target * different_pairs as f64 > 1.0 - 1e-9
}

/// The targets that so many pairs of different identities can show, and what is to be said of each other one.
///
/// # Errors
/// If none is left.
pub(crate) fn showable(targets: &[f64], different_pairs: u64) -> Result<(Vec<f64>, Vec<String>)> {
    let (shown, others): (Vec<f64>, Vec<f64>) = targets
        .iter()
        .partition(|&&target| can_show(target, different_pairs));
    let needed = |target: f64| (1.0 / target - 1e-6).ceil() as u64;
    if shown.is_empty() {
        let easiest = others.iter().copied().fold(0.0, f64::max);
        return Err(Error::TooFew {
            list: None,
            what: "pairs of different identities",
            needed: needed(easiest),
            found: different_pairs,
        });
    }
    let left_out = others.into_iter().map(|target| {
        format!(
            "TAR@FAR {target:e} is left out: {} pairs of different identities would show it, there are {different_pairs}",
            needed(target)
        )
    });
    Ok((shown, left_out.collect()))
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

/// Counts of the cosines of different identities by the upper half of their keys.
fn count_upper(embeddings: &Embeddings, identities: &[u64]) -> Vec<u64> {
    let mut counts = vec![0; HALF];
    different_pairs(embeddings, identities, |cosine| {
        counts[key(cosine) as usize >> 16] += 1;
    });
    counts
}

/// Counts of the cosines of one identity by the upper half of their keys.
fn count_same(embeddings: &Embeddings, groups: &[Vec<usize>]) -> Vec<u64> {
    let mut counts = vec![0; HALF];
    for rows in groups {
        for (number, &a) in rows.iter().enumerate() {
            for &b in &rows[number + 1..] {
                counts[key(embeddings.cosine(a, b)) as usize >> 16] += 1;
            }
        }
    }
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
