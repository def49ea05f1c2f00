//! The orders against the laws they promise.

use ffc_data::{IdentityOrder, Index, InstanceOrder, InstanceOrderConfig};

/// Chi-square of counts against probabilities, and its degrees of freedom.
fn chi_square(counts: &[f64], probabilities: &[f64]) -> (f64, f64) {
    let draws: f64 = counts.iter().sum();
    let square = counts
        .iter()
        .zip(probabilities)
        .map(|(count, p)| (count - draws * p).powi(2) / (draws * p));
    (square.sum(), counts.len() as f64 - 1.0)
}

/// Within four standard deviations of its mean (a normal approximation; there are dozens of degrees of freedom).
fn assert_fits(counts: &[f64], probabilities: &[f64], what: &str) {
    let (square, freedom) = chi_square(counts, probabilities);
    assert!(
        (square - freedom).abs() < 4.0 * (2.0 * freedom).sqrt(),
        "{what}: {square} with {freedom} degrees"
    );
}

fn sizes() -> Vec<u64> {
    (0..60).map(|identity| 300 / (identity + 1) + 2).collect()
}

/// Draws over images and draws over identities, whichever the counts favour, give the same law.
#[test]
fn weighted_draws_follow_the_law() {
    let extreme = || {
        (0..60).map(|identity| {
            if identity == 0 {
                20_000
            } else {
                1 + identity % 3
            }
        })
    };
    let level = || (0..60).map(|identity| 900 + identity % 7);
    for sizes in [sizes(), extreme().collect(), level().collect()] {
        weighted_draws(&sizes);
    }
}

fn weighted_draws(sizes: &[u64]) {
    let index = Index::from_counts(sizes.iter().copied()).unwrap();
    for power in [0.0, 0.3, 0.5, 0.9] {
        let order = InstanceOrder::new(&index, 11, InstanceOrderConfig { power }).unwrap();
        let mut counts = vec![0.0; sizes.len()];
        // The images of the first identity, in parts.
        const PARTS: u64 = 40;
        let mut first = [0.0; PARTS as usize];
        for draw in order.draws(0..120_000) {
            counts[draw.identity as usize] += 1.0;
            assert_eq!(index.identity_of(draw.image), draw.identity);
            if draw.identity == 0 {
                first[(draw.image * PARTS / sizes[0]) as usize] += 1.0;
            }
        }
        let weights: Vec<f64> = sizes
            .iter()
            .map(|&size| (size as f64).powf(power))
            .collect();
        let sum: f64 = weights.iter().sum();
        let law: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        assert_fits(&counts, &law, "identities");
        // Within an identity every image is equally likely.
        let parts = (0..PARTS).map(|part| {
            let from = (part * sizes[0]).div_ceil(PARTS);
            let to = ((part + 1) * sizes[0]).div_ceil(PARTS);
            (to - from) as f64 / sizes[0] as f64
        });
        let even: Vec<f64> = parts.collect();
        assert_fits(&first, &even, "images of identity 0");
    }
}

#[test]
fn power_one_is_every_image_once() {
    let index = Index::from_counts(sizes()).unwrap();
    let order = InstanceOrder::new(&index, 11, InstanceOrderConfig::default()).unwrap();
    let mut images: Vec<u64> = order
        .draws(0..index.images())
        .map(|draw| draw.image)
        .collect();
    images.sort_unstable();
    assert!(images.into_iter().eq(0..index.images()));
}

#[test]
fn pairs_are_drawn_evenly() {
    let index = Index::from_counts([1, 2, 7, 3]).unwrap();
    let order = IdentityOrder::new(&index, 3);
    let mut pairs = vec![0.0; 49];
    for draw in order.draws(0..4 * 40_000) {
        let own = index.images_of(draw.identity);
        if draw.identity == 2 {
            let [a, b] = draw.images.map(|image| (image - own.start) as usize);
            pairs[a * 7 + b] += 1.0;
        }
    }
    assert_eq!(pairs.iter().sum::<f64>(), 40_000.0);
    let same: Vec<f64> = (0..7).map(|image| pairs[image * 8]).collect();
    assert_eq!(same, vec![0.0; 7]);
    let ordered: Vec<f64> = (0..49)
        .filter(|pair| pair % 8 != 0)
        .map(|pair| pairs[pair])
        .collect();
    assert_fits(&ordered, &[1.0 / 42.0; 42], "ordered pairs");
}

/// Positions count on over epochs, from wherever one begins.
#[test]
fn any_range_of_positions() {
    let index = Index::from_counts(sizes()).unwrap();
    let order = InstanceOrder::new(&index, 1, InstanceOrderConfig::default()).unwrap();
    let all: Vec<_> = order.draws(0..4000).collect();
    for start in (0..3900).step_by(37) {
        assert!(
            order
                .draws(start..start + 90)
                .eq(all[start as usize..start as usize + 90].iter().copied())
        );
    }
    assert_eq!(all.last().unwrap().epoch, 3999 / index.images());
}

#[test]
fn a_power_out_of_range_is_refused() {
    let index = Index::from_counts([1]).unwrap();
    for power in [-0.1, 1.5, f64::NAN] {
        let error = InstanceOrder::new(&index, 1, InstanceOrderConfig { power }).unwrap_err();
        assert!(error.to_string().starts_with("order.power is"), "{error}");
    }
}
