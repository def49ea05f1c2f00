use crate::error::at_least;
use crate::interval::Interval;
use crate::scores::Scores;
use crate::tar_at_far::{TarAtFar, check_targets};
use crate::{Error, Result};

/// TAR at FAR over listed pairs, such as IJB's, from their cosines. Pairs with equal cosines are accepted together or not at all; of the
/// false accept rates that there are, the nearest to the target is taken, as [`tar_at_far`](crate::tar_at_far()) does over all pairs of a set.
///
/// # Errors
/// If a target is not above 0 and at most 1, a cosine is not finite, or there is no pair of the same identity or none of different ones.
pub fn tar_at_far_of_scores(scores: &Scores, targets: &[f64], seed: u64) -> Result<Vec<TarAtFar>> {
    check_targets(targets)?;
    at_least("pairs of the same identity", 1, scores.same.len())?;
    at_least("pairs of different identities", 1, scores.different.len())?;
    let mut all = scores.same.iter().chain(&scores.different);
    if let Some(pair) = all.position(|cosine| !cosine.is_finite()) {
        return Err(Error::NotFinite {
            origin: format!("pair {pair}"),
        });
    }
    let mut different = scores.different.clone();
    different.sort_unstable_by(|a, b| b.total_cmp(a));
    let result = |&target: &f64| {
        let accepted = nearest(&different, target * different.len() as f64);
        let above = different.get(accepted).copied();
        let above = above.unwrap_or(f32::NEG_INFINITY);
        let accepts = |&cosine: &f32| f64::from(u8::from(cosine > above));
        let same: Vec<f64> = scores.same.iter().map(accepts).collect();
        TarAtFar {
            target,
            far: accepted as f64 / different.len() as f64,
            tar: same.iter().sum::<f64>() / same.len() as f64,
            above,
            same_pairs: same.len() as u64,
            different_pairs: different.len() as u64,
            interval: Interval::of_mean(&same, seed),
        }
    };
    Ok(targets.iter().map(result).collect())
}

/// The number nearest to the wished one that a threshold accepts of descending cosines; of two the greater.
fn nearest(cosines: &[f32], wished: f64) -> usize {
    let inside = &cosines[..(wished as usize).min(cosines.len())];
    // The pairs before those that tie with the first one that is too many.
    let Some(&next) = cosines.get(inside.len()) else {
        return cosines.len();
    };
    let fewer = inside.partition_point(|&cosine| cosine > next);
    let more = cosines.partition_point(|&cosine| cosine >= next);
    match wished - (fewer as f64) < more as f64 - wished {
        true => fewer,
        false => more,
    }
}
