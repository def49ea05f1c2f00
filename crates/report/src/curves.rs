//! Curves that are made from scores and metrics.

use crate::chart::{Point, is_drawable};

/// Bins of a histogram.
const BINS: usize = 50;
/// Places on the axis of false accepts.
const ROC_POINTS: usize = 400;
/// The fewest points that have a running mean.
const MIN_SMOOTHED: usize = 10;

/// Shares of the scores in equal bins from `low` to `high`, as the outline of its steps.
pub fn histogram(scores: &[f32], low: f64, high: f64) -> Vec<Point> {
    let mut counts = [0u64; BINS];
    for score in scores {
        let place = (f64::from(*score) - low) / (high - low) * BINS as f64;
        // As casts go, a negative place falls into the first bin.
        counts[(place as usize).min(BINS - 1)] += 1;
    }
    let edge = |bin: usize| low + (high - low) * bin as f64 / BINS as f64;
    let bins = counts.iter().enumerate();
    bins.flat_map(|(bin, count)| {
        let share = *count as f64 / scores.len().max(1) as f64;
        [
            Point::new(edge(bin), share),
            Point::new(edge(bin + 1), share),
        ]
    })
    .collect()
}

/// Share of same pairs above the threshold (true accepts) against the share of different pairs above it (false accepts), at places that
/// are spread evenly over the logarithm of the latter.
///
/// Where several different pairs have the score of the threshold none of them is accepted: a curve is never too good.
pub fn roc(same: &[f32], different: &[f32]) -> Vec<Point> {
    if same.is_empty() || different.is_empty() {
        return Vec::new();
    }
    let mut same = same.to_vec();
    let mut different = different.to_vec();
    same.sort_unstable_by(f32::total_cmp);
    different.sort_unstable_by(|a, b| b.total_cmp(a));

    let pairs = different.len();
    let place = |index| (pairs as f64).powf(index as f64 / (ROC_POINTS - 1) as f64);
    let mut accepted: Vec<usize> = (0..ROC_POINTS)
        .map(|index| (place(index).round() as usize).clamp(1, pairs))
        .collect();
    accepted.dedup();
    accepted
        .into_iter()
        .map(|accepted| {
            let true_accepts = match different.get(accepted) {
                Some(threshold) => same.len() - same.partition_point(|score| score <= threshold),
                None => same.len(),
            };
            let share = |number: usize, all: usize| number as f64 / all as f64;
            Point::new(share(accepted, pairs), share(true_accepts, same.len()))
        })
        .collect()
}

/// Running mean with weights that fall off exponentially over a twenty-fifth of the points, 5 at least, of the values that can be drawn;
/// none of fewer than ten, of which it would say no more than they do.
pub fn smooth(points: &[Point]) -> Option<Vec<Point>> {
    let drawable = || points.iter().filter(|point| is_drawable(point.y));
    let number = drawable().count();
    if number < MIN_SMOOTHED {
        return None;
    }
    let span = (number as f64 / 25.0).max(5.0);
    let keep = 1.0 - 2.0 / (span + 1.0);
    let (mut sum, mut weights) = (0.0, 0.0);
    let means = drawable().map(|point| {
        sum = keep * sum + point.y;
        weights = keep * weights + 1.0;
        Point::new(point.x, sum / weights)
    });
    Some(means.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_count_every_score() {
        let scores = [-1.0, -0.99, 0.0, 0.999, 1.0];
        let outline = histogram(&scores, -1.0, 1.0);
        assert_eq!(outline.len(), 2 * BINS);
        let shares: Vec<f64> = outline.iter().step_by(2).map(|point| point.y).collect();
        assert_eq!(shares[0], 0.4);
        assert_eq!(shares[25], 0.2);
        assert_eq!(shares[49], 0.4);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn roc_equals_counting() {
        // Odd steps, with ties within and between the kinds.
        let scores = |number: u32, step: u32, shift: f32| -> Vec<f32> {
            let scores = (0..number).map(|index| (index * step % 89) as f32 / 89.0);
            scores.map(|score| score + shift).collect()
        };
        let (same, different) = (scores(300, 37, 0.25), scores(1_000, 53, 0.0));
        let share = |scores: &[f32], threshold: f32| {
            scores.iter().filter(|score| **score > threshold).count() as f64 / scores.len() as f64
        };
        let curve = roc(&same, &different);
        assert_eq!(curve.last(), Some(&Point::new(1.0, 1.0)));
        assert!(curve.is_sorted_by(|a, b| a.x < b.x && a.y <= b.y));
        for point in &curve[..curve.len() - 1] {
            // Over all thresholds the most true accepts at no more false accepts.
            let best = different
                .iter()
                .filter(|threshold| share(&different, **threshold) <= point.x)
                .map(|threshold| share(&same, *threshold))
                .fold(0.0, f64::max);
            assert_eq!(point.y, best, "at {}", point.x);
        }
    }

    #[test]
    fn smoothing_keeps_what_is_constant_and_passes_over_gaps() {
        let points: Vec<Point> = (0..503).map(|x| Point::new(f64::from(x), 3.0)).collect();
        let smoothed = smooth(&points).unwrap();
        assert!(smoothed.iter().all(|point| (point.y - 3.0).abs() < 1e-12));

        let mut points = points;
        points[200].y = f64::NAN;
        points[201].y = f64::INFINITY;
        points[202].y = 1e300;
        points[203].y = 103.0;
        let smoothed = smooth(&points).unwrap();
        assert_eq!(smoothed.len(), 500);
        // A twenty-fifth of 500 points are 20, whose last weighs 2 / 21.
        assert_eq!(smoothed[200].x, 203.0);
        assert!((smoothed[200].y - (3.0 + 100.0 * 2.0 / 21.0)).abs() < 1e-6);
    }

    /// Where there are few points the mean is still over more than one.
    #[test]
    fn smoothing_takes_away_noise_of_few_points() {
        let noisy = |number: u32| -> Vec<Point> {
            let x = (0..number).map(f64::from);
            x.map(|x| Point::new(x, 1.0 + (x % 2.0))).collect()
        };
        assert_eq!(smooth(&noisy(9)), None);
        for number in [10, 20, 60, 200] {
            let smoothed = smooth(&noisy(number)).unwrap();
            let away = smoothed[5..].iter().map(|point| (point.y - 1.5).abs());
            let away = away.fold(0.0, f64::max);
            assert!(away < 0.2, "{number}: {away}");
        }
        // An oracle: the weights written out, of a span of five points.
        let points = noisy(12);
        let smoothed = smooth(&points).unwrap();
        for (end, mean) in smoothed.iter().enumerate() {
            let weight = |at: usize| (2.0 / 3.0_f64).powi((end - at) as i32);
            let sum: f64 = (0..=end).map(|at| weight(at) * points[at].y).sum();
            let weights: f64 = (0..=end).map(weight).sum();
            assert!((mean.y - sum / weights).abs() < 1e-12);
        }
    }
}
