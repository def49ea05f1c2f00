//! Curves that are made from scores and metrics.

use crate::chart::{Point, is_drawable};

/// Bins of a histogram.
const BINS: usize = 50;
/// Places on the axis of false accepts.
const ROC_POINTS: usize = 400;

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

/// Running mean with weights that fall off exponentially over a fiftieth of the points, of the values that can be drawn.
pub fn smooth(points: &[Point]) -> Vec<Point> {
    let keep = 1.0 - 2.0 / (points.len() as f64 / 50.0 + 1.0).max(2.0);
    let (mut sum, mut weights) = (0.0, 0.0);
    points
        .iter()
        .filter(|point| is_drawable(point.y))
        .map(|point| {
            sum = keep * sum + point.y;
            weights = keep * weights + 1.0;
            Point::new(point.x, sum / weights)
        })
        .collect()
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
        let points: Vec<Point> = (0..500).map(|x| Point::new(f64::from(x), 3.0)).collect();
        let smoothed = smooth(&points);
        assert!(smoothed.iter().all(|point| (point.y - 3.0).abs() < 1e-12));

        let mut points = points;
        points[100].y = f64::NAN;
        points[101].y = 1e300;
        points[102].y = 103.0;
        let smoothed = smooth(&points);
        assert_eq!(smoothed.len(), 498);
        // A fiftieth of 500 points are 10, whose last weighs 2 / 11.
        assert_eq!(smoothed[100].x, 102.0);
        assert!((smoothed[100].y - (3.0 + 100.0 * 2.0 / 11.0)).abs() < 1e-6);
    }
}
