//! TAR at FAR against a list of all cosines, sorted.

use std::collections::BTreeMap;

use ffc_eval::{Embeddings, Interval, pool_templates, tar_at_far};
use ffc_random::Key;

use super::support::{coarse, random};

/// Every threshold tried: FAR and TAR of the one whose count is nearest to the wished one; of two the greater FAR, then the greater TAR.
fn naive(embeddings: &Embeddings, identities: &[u64], target: f64) -> (f64, f64) {
    let (mut same, mut different) = (Vec::new(), Vec::new());
    for a in 0..embeddings.len() {
        for b in 0..a {
            let list = if identities[a] == identities[b] {
                &mut same
            } else {
                &mut different
            };
            list.push(embeddings.cosine(a, b));
        }
    }
    let mut thresholds = [&same[..], &different, &[f32::INFINITY]].concat();
    thresholds.sort_by(f32::total_cmp);
    thresholds.dedup();
    let wished = target * different.len() as f64;
    let counts = thresholds.iter().map(|threshold| {
        let count = |list: &[f32]| list.iter().filter(|cosine| *cosine >= threshold).count();
        (count(&different), count(&same))
    });
    let away = |count: usize| (count as f64 - wished).abs();
    let best = counts
        .min_by(|a, b| {
            away(a.0)
                .total_cmp(&away(b.0))
                .then(b.0.cmp(&a.0))
                .then(b.1.cmp(&a.1))
        })
        .unwrap();
    (
        best.0 as f64 / different.len() as f64,
        best.1 as f64 / same.len() as f64,
    )
}

/// The bootstrap pair by pair: of the identities with two rows as many as there are, drawn with replacement, and each time all pairs
/// of each.
fn naive_interval(embeddings: &Embeddings, identities: &[u64], above: f32, seed: u64) -> Interval {
    let mut rows: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (row, &identity) in identities.iter().enumerate() {
        rows.entry(identity).or_default().push(row);
    }
    let pairable: Vec<Vec<usize>> = rows.into_values().filter(|rows| rows.len() > 1).collect();
    let mut rates = Vec::new();
    for sample in 0..1_000 {
        // The bootstrap's stream.
        let mut rng = Key::new(seed, 6).rng(sample);
        let (mut accepted, mut pairs) = (0, 0);
        for _ in 0..pairable.len() {
            let rows = &pairable[rng.below(pairable.len() as u64) as usize];
            for &a in rows {
                for &b in rows.iter().filter(|&&b| b > a) {
                    accepted += u32::from(embeddings.cosine(a, b) > above);
                    pairs += 1;
                }
            }
        }
        rates.push(f64::from(accepted) / f64::from(pairs));
    }
    rates.sort_by(f64::total_cmp);
    Interval {
        low: rates[25],
        high: rates[974],
    }
}

const TARGETS: [f64; 9] = [1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.33, 0.5, 0.999, 1.0];

fn check(embeddings: &Embeddings, identities: &[u64]) {
    let results = tar_at_far(embeddings, identities, &TARGETS, 0).unwrap();
    for (result, target) in results.iter().zip(TARGETS) {
        assert_eq!(
            (result.far, result.tar),
            naive(embeddings, identities, target),
            "{target}"
        );
        assert_eq!(result.target, target);
        let Interval { low, high } = result.interval;
        assert!(low <= result.tar && result.tar <= high, "{result:?}");
    }
    // The slower oracle for some.
    for result in &results[3..6] {
        let expected = naive_interval(embeddings, identities, result.above, 0);
        assert_eq!(result.interval, expected, "{result:?}");
    }
}

/// Few different cosines, so that pairs tie, and more rows than a block holds.
#[test]
fn ties_are_accepted_together() {
    for (seed, (rows, dim)) in [(30, 2), (64, 3), (65, 2), (150, 3), (130, 5)]
        .into_iter()
        .enumerate()
    {
        let identities: Vec<u64> = (0..rows as u64).map(|row| row * row % 23).collect();
        check(&coarse(rows, dim, seed as u64), &identities);
    }
}

/// All cosines differ, many of them near each other; 40 dimensions are no multiple of the vector length.
#[test]
fn fine_cosines() {
    for dim in [1, 7, 16, 40] {
        let mut noise = random(dim as u64);
        let identities: Vec<u64> = (0..140).map(|row| row % 35).collect();
        let mut values = Vec::new();
        for &identity in &identities {
            let mut own = random(100 + identity);
            values.extend((0..dim).map(|_| own() + 0.7 * noise()));
        }
        check(&Embeddings::new(dim, values).unwrap(), &identities);
    }
}

#[test]
fn known_answers() {
    // Equal embeddings all: everything or nothing.
    let equal = Embeddings::new(2, [0.6, 0.8].repeat(4)).unwrap();
    let results = tar_at_far(&equal, &[0, 0, 1, 1], &[0.1, 0.5, 0.9], 0).unwrap();
    let found: Vec<_> = results
        .iter()
        .map(|result| (result.far, result.tar))
        .collect();
    assert_eq!(found, [(0.0, 0.0), (1.0, 1.0), (1.0, 1.0)]);
    // Told apart: all accepted at no false accept, and the reported threshold does that.
    let apart = Embeddings::new(2, vec![1.0, 0.0, 1.0, 0.1, 0.0, 1.0, 0.1, 1.0]).unwrap();
    let result = tar_at_far(&apart, &[5, 5, 9, 9], &[1e-3], 0).unwrap()[0];
    assert_eq!((result.far, result.tar), (0.0, 1.0));
    assert_eq!(result.above, apart.cosine(1, 3));
    assert_eq!((result.interval.low, result.interval.high), (1.0, 1.0));
    // Zeros have cosine 0 with everything, of either sign: one value.
    let zeros = Embeddings::new(1, vec![0.0, -0.0, 1.0, -1.0]).unwrap();
    check(&zeros, &[0, 0, 1, 2]);
}

/// Identities with a single picture are in no pair of one identity: a sample of them alone has no rate.
#[test]
fn single_pictures_are_not_drawn() {
    let (people, single, dim) = (3, 300, 16);
    let mut noise = random(7);
    let mut values = Vec::new();
    let mut identities = Vec::new();
    // Two equal pictures of each person, at right angles to all others.
    for person in 0..people {
        for _ in 0..2 {
            values.extend((0..dim).map(|at| f32::from(u8::from(at == person))));
            identities.push(1_000 + person as u64);
        }
    }
    for identity in 0..single {
        values.extend((0..dim).map(|at| if at < people { 0.0 } else { noise() }));
        identities.push(identity);
    }
    let embeddings = Embeddings::new(dim, values).unwrap();
    let result = tar_at_far(&embeddings, &identities, &[1e-6], 0).unwrap()[0];
    assert_eq!((result.far, result.tar), (0.0, 1.0));
    assert_eq!((result.interval.low, result.interval.high), (1.0, 1.0));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let embeddings = coarse(4, 2, 0);
    let message = |identities: &[u64], targets: &[f64]| {
        tar_at_far(&embeddings, identities, targets, 0)
            .unwrap_err()
            .to_string()
    };
    assert!(message(&[1, 1, 1, 1], &[0.1]).starts_with("2 identities are needed"));
    assert!(message(&[1, 2, 3, 4], &[0.1]).starts_with("2 images of one identity are needed"));
    assert!(message(&[1, 2], &[0.1]).starts_with("2 identities, but 4"));
    assert!(message(&[1, 1, 2, 2], &[]).starts_with("1 targets"));
    for target in [0.0, -1.0, 1.1, f64::NAN] {
        assert!(message(&[1, 1, 2, 2], &[target]).starts_with("target is"));
    }
    let error = Embeddings::new(2, vec![1.0, 0.0, f32::NAN, 0.0]).unwrap_err();
    assert_eq!(error.to_string(), "the embedding of row 1 is not finite");
    assert!(Embeddings::new(2, vec![1.0; 3]).is_err());
    assert!(Embeddings::new(0, vec![]).is_err());
}

/// A video's frames count once: the mean of each medium, summed.
#[test]
fn templates_are_pooled_by_medium() {
    let values = vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 2.0, 3.0, 4.0];
    let embeddings = Embeddings::new(2, values).unwrap();
    // Template 7: medium 1 is one picture (1, 0), medium 2 three frames (0, 1).
    let (templates, pooled) =
        pool_templates(&embeddings, &[7, 7, 7, 7, 3], &[1, 2, 2, 2, 1]).unwrap();
    assert_eq!(templates, [3, 7]);
    let expected = [0.6, 0.8, 0.5f32.sqrt(), 0.5f32.sqrt()];
    let found = [pooled.row(0), pooled.row(1)].concat();
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    assert!(pool_templates(&embeddings, &[7], &[1, 2, 2, 2, 1]).is_err());
}
