//! Bootstrap intervals against the normal approximation.

use ffc_eval::Interval;

#[test]
fn of_a_mean() {
    let values: Vec<f64> = (0..1_000)
        .map(|number| f64::from(u8::from(number % 5 != 0)))
        .collect();
    let Interval { low, high } = Interval::of_mean(&values, 1);
    // 0.8 -+ 1.96 sqrt(0.8 * 0.2 / 1000); the ends themselves scatter by a tenth of the width.
    let half = 1.96 * (0.16f64 / 1_000.0).sqrt();
    assert!((low - (0.8 - half)).abs() < 0.15 * half, "{low}");
    assert!((high - (0.8 + half)).abs() < 0.15 * half, "{high}");
    assert_eq!(Interval::of_mean(&values, 1), Interval { low, high });
    assert_ne!(Interval::of_mean(&values, 2), Interval { low, high });
    assert_eq!(
        Interval::of_mean(&[0.25; 9], 1),
        Interval {
            low: 0.25,
            high: 0.25
        }
    );
    assert!(Interval::of_mean(&[], 1).low.is_nan());
}

/// Groups as wholes: pairs that all agree within a group tell no more than one, so the interval is wider than that of the pairs.
#[test]
fn of_a_ratio_over_groups() {
    let groups: Vec<(f64, f64)> = (0..100)
        .map(|group| (if group % 5 == 0 { 0.0 } else { 50.0 }, 50.0))
        .collect();
    let grouped = Interval::of_ratio(&groups, 1);
    let half = 1.96 * (0.16f64 / 100.0).sqrt();
    assert!(
        (grouped.low - (0.8 - half)).abs() < 0.15 * half,
        "{grouped:?}"
    );
    assert!(
        (grouped.high - (0.8 + half)).abs() < 0.15 * half,
        "{grouped:?}"
    );
    // Groups without trials change nothing, wherever they are.
    let mut more: Vec<(f64, f64)> = groups
        .iter()
        .flat_map(|&group| [(0.0, 0.0), group])
        .collect();
    more.extend([(0.0, 0.0); 300]);
    assert_eq!(Interval::of_ratio(&more, 1), grouped);
    assert!(Interval::of_ratio(&[(0.0, 0.0)], 1).low.is_nan());
}
