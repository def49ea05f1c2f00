//! Thresholds: rates by counting, held-out pairs, and the file.

use std::path::Path;

use ffc_eval::{MeasuredOn, Scores, Threshold, Thresholds, ThresholdsFile};
use ffc_random::Key;

/// Normally distributed cosines around `mean` (Box and Muller, 1958).
fn normal(count: usize, mean: f64, deviation: f64, stream: u64) -> Vec<f32> {
    let mut rng = Key::new(1, stream).rng(0);
    let mut uniform = || (rng.below(1 << 40) as f64 + 1.0) / (1u64 << 40) as f64;
    (0..count)
        .map(|_| {
            let (radius, angle) = (uniform(), uniform());
            let value = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
            (mean + deviation * value) as f32
        })
        .collect()
}

fn rates(scores: &Scores, threshold: f32) -> (f64, f64) {
    let share = |cosines: &[f32]| {
        let accepted = cosines.iter().filter(|cosine| **cosine >= threshold);
        accepted.count() as f64 / cosines.len() as f64
    };
    (share(&scores.different), share(&scores.same))
}

/// The rates that thresholds of one half state are those of the other half, within four standard deviations of their difference.
#[test]
fn held_out_pairs_reach_the_stated_rates() {
    let half = |at: u64| Scores {
        same: normal(20_000, 0.5, 0.12, 10 + at),
        different: normal(200_000, 0.0, 0.08, 20 + at),
    };
    let (first, second) = (half(0), half(1));
    let thresholds = Thresholds::of_scores(&first).unwrap();
    let targets: Vec<f64> = thresholds.at_far.iter().map(|at| at.target).collect();
    assert_eq!(targets, [1e-1, 1e-2, 1e-3, 1e-4, 1e-5]);
    for at in &thresholds.at_far {
        let Threshold { cosine, far, tar } = at.threshold;
        assert_eq!((far, tar), rates(&first, cosine), "stated rates");
        assert!(far <= at.target && far > 0.5 * at.target, "{at:?}");
        assert_eq!(at.accepted, (far * 200_000.0).round() as u64);
        assert_eq!(at.is_rough(), at.accepted < 10);
        let (held_far, held_tar) = rates(&second, cosine);
        let spread = |rate: f64, pairs: f64| 4.0 * (2.0 * rate * (1.0 - rate) / pairs).sqrt();
        assert!(
            (held_far - far).abs() <= spread(at.target, 2e5),
            "{at:?}: {held_far}"
        );
        assert!(
            (held_tar - tar).abs() <= spread(tar, 2e4),
            "{at:?}: {held_tar}"
        );
    }
    // Normal densities weighed alike cross near 0.21.
    let best = thresholds.best;
    assert!((best.cosine - 0.21).abs() < 0.02, "{best:?}");
    assert_eq!((best.far, best.tar), rates(&first, best.cosine));
}

/// Few pairs with ties, against every threshold tried.
#[test]
fn thresholds_are_those_of_a_naive_search() {
    for seed in 0..40 {
        let mut rng = Key::new(seed, 99).rng(0);
        let mut cosines = |count: u64, shift: f32| -> Vec<f32> {
            let value = |_| rng.below(9) as f32 / 10.0 + shift;
            (0..count).map(value).collect()
        };
        let scores = Scores {
            same: cosines(1 + seed % 12, 0.3),
            different: cosines(1 + 5 * seed, 0.0),
        };
        let found = Thresholds::of_scores(&scores).unwrap();
        let mut tried = [&scores.same[..], &scores.different].concat();
        let above_all = tried.iter().copied().fold(f32::MIN, f32::max).next_up();
        tried.push(above_all);
        tried.sort_by(f32::total_cmp);
        let expected = [1e-1, 1e-2, 1e-3]
            .into_iter()
            .filter(|target| target * scores.different.len() as f64 >= 1.0);
        let expected: Vec<(f64, f32)> = expected
            .map(|target| {
                let fits = tried
                    .iter()
                    .find(|cosine| rates(&scores, **cosine).0 <= target);
                (target, *fits.unwrap())
            })
            .collect();
        let at_far: Vec<(f64, f32)> = found
            .at_far
            .iter()
            .map(|at| (at.target, at.threshold.cosine))
            .collect();
        assert_eq!(at_far, expected, "seed {seed}");
        let balance = |cosine: f32| {
            let (far, tar) = rates(&scores, cosine);
            tar - far
        };
        let best = tried
            .iter()
            .map(|&cosine| balance(cosine))
            .fold(f64::MIN, f64::max);
        assert_eq!(balance(found.best.cosine), best, "seed {seed}");
    }
}

#[test]
fn pairs_of_one_kind_show_no_threshold() {
    let one = Scores {
        same: vec![0.5],
        different: vec![],
    };
    let error = Thresholds::of_scores(&one).unwrap_err().to_string();
    assert!(
        error.starts_with("1 pairs of different identities are needed"),
        "{error}"
    );
    let one = Scores {
        same: vec![],
        different: vec![0.5],
    };
    assert!(Thresholds::of_scores(&one).is_err());
}

fn file() -> ThresholdsFile {
    let scores = Scores {
        same: vec![0.75, 0.6875, 0.65625],
        different: (0..20).map(|at| at as f32 / 32.0).collect(),
    };
    ThresholdsFile {
        measured_on: MeasuredOn {
            network: "best-gallery.safetensors".into(),
            weights_xxh3: Some("00112233445566ff".into()),
            data: "faces".into(),
            pairs: "6000 random pairs".into(),
            flip: true,
            aligned: false,
        },
        thresholds: Thresholds::of_scores(&scores).unwrap(),
    }
}

#[test]
fn files_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.thresholds.json");
    file().write(&path).unwrap();
    assert_eq!(ThresholdsFile::read(&path).unwrap(), file());
    let error = ThresholdsFile::read(Path::new("no/such.json")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read no/such.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, part) in [
        ("\"flip\"", "\"flop\"", "unknown field `flop`"),
        ("\"best\"", "\"b\"", "unknown field `b`"),
        ("\"tar\": 1.0", "\"tar\": 1.5", "rates are 0 to 1"),
        (
            "\"target\": 0.1",
            "\"target\": 0.0",
            "the FAR 0 is not above 0",
        ),
        ("{", "", "expected struct ThresholdsFile"),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text, "{from}");
        std::fs::write(&path, wrong).unwrap();
        let error = ThresholdsFile::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("a.thresholds.json holds no thresholds") && error.contains(part),
            "{error}"
        );
    }
    let mut wrong = file();
    wrong.thresholds.best.cosine = f32::INFINITY;
    assert!(wrong.write(&path).is_err());
}
