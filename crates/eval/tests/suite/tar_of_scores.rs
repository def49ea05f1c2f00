//! TAR at FAR of listed pairs against every threshold tried.

use ffc_eval::{Scores, tar_at_far_of_scores};
use ffc_random::Key;

/// Of all thresholds the one whose count is nearest; of two the greater FAR, then the greater TAR.
fn naive(scores: &Scores, target: f64) -> (f64, f64) {
    let mut thresholds = [&scores.same[..], &scores.different, &[f32::INFINITY]].concat();
    thresholds.sort_by(f32::total_cmp);
    let count = |list: &[f32], at: f32| list.iter().filter(|cosine| **cosine >= at).count();
    let wished = target * scores.different.len() as f64;
    let counts = thresholds
        .iter()
        .map(|&at| (count(&scores.different, at), count(&scores.same, at)));
    let away = |count: usize| (count as f64 - wished).abs();
    let best = counts.min_by(|a, b| {
        let order = away(a.0).total_cmp(&away(b.0));
        order.then(b.0.cmp(&a.0)).then(b.1.cmp(&a.1))
    });
    let (different, same) = best.unwrap();
    (
        different as f64 / scores.different.len() as f64,
        same as f64 / scores.same.len() as f64,
    )
}

#[test]
fn rates_are_those_of_a_naive_search() {
    let targets = [1e-6, 0.01, 0.1, 0.25, 0.33, 0.5, 0.999, 1.0];
    for seed in 0..60 {
        // Few different cosines, and many.
        let values = if seed % 2 == 0 { 7 } else { 10_000 };
        let mut rng = Key::new(seed, 98).rng(0);
        let mut cosines = |count: u64| -> Vec<f32> {
            let value = |_| rng.below(values) as f32 / values as f32 - 0.5;
            (0..count).map(value).collect()
        };
        let scores = Scores {
            same: cosines(1 + seed),
            different: cosines(1 + 3 * seed),
        };
        let results = tar_at_far_of_scores(&scores, &targets, 0).unwrap();
        for (result, target) in results.iter().zip(targets) {
            let found = (result.far, result.tar);
            assert_eq!(found, naive(&scores, target), "seed {seed}, {target}");
            assert_eq!(result.same_pairs, scores.same.len() as u64);
            assert_eq!(result.different_pairs, scores.different.len() as u64);
            assert!(result.interval.low <= result.tar && result.tar <= result.interval.high);
        }
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let message = |same: &[f32], different: &[f32], target: f64| {
        let scores = Scores {
            same: same.to_vec(),
            different: different.to_vec(),
        };
        let error = tar_at_far_of_scores(&scores, &[target], 0).unwrap_err();
        error.to_string()
    };
    assert!(message(&[], &[0.5], 0.1).starts_with("1 pairs of the same identity"));
    assert!(message(&[0.5], &[], 0.1).starts_with("1 pairs of different identities"));
    assert!(message(&[0.5], &[f32::NAN], 0.1).contains("pair 1 is not finite"));
    assert!(message(&[0.5], &[0.5], 0.0).starts_with("target is 0"));
}
