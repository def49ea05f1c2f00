use serde::{Deserialize, Serialize};

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocPoint {
    /// Pairs with this cosine or more are accepted; infinity in the first point of [`Scores::roc`](crate::Scores::roc).
    pub threshold: f32,
    /// Share of the different pairs that are accepted.
    pub far: f64,
    /// Share of the same pairs that are accepted.
    pub tar: f64,
}

/// Points of a decade of false accept rates that [`thinned`] keeps.
const POINTS_A_DECADE: f64 = 40.0;

/// The curve of equal cosines in descending order, each with how many pairs of one identity and of two have it. The first point accepts
/// nothing.
pub(crate) fn curve(
    counts: impl Iterator<Item = (f32, [u64; 2])>,
    totals: [u64; 2],
) -> Vec<RocPoint> {
    let mut points = vec![RocPoint {
        threshold: f32::INFINITY,
        far: 0.0,
        tar: 0.0,
    }];
    let mut accepted = [0; 2];
    let share = |kind: usize, accepted: u64| accepted as f64 / totals[kind].max(1) as f64;
    points.extend(counts.map(|(threshold, [same, different])| {
        accepted[0] += same;
        accepted[1] += different;
        RocPoint {
            threshold,
            far: share(1, accepted[1]),
            tar: share(0, accepted[0]),
        }
    }));
    points
}

/// Some hundred points of a curve, for a chart: its ends, and for each of 40 parts of a decade of false accept rates the lowest threshold,
/// which has the greatest true accept rate. All thresholds are finite: the first is just above the greatest cosine.
pub(crate) fn thinned(points: &[RocPoint]) -> Vec<RocPoint> {
    let part = |point: &RocPoint| match point.far > 0.0 {
        true => (point.far.log10() * POINTS_A_DECADE).floor() as i64,
        false => i64::MIN,
    };
    let first = points.first().filter(|_| points.len() > 1);
    let lowest = points
        .chunk_by(|a, b| part(a) == part(b))
        .filter_map(|chunk| chunk.last());
    let mut thin: Vec<RocPoint> = first.into_iter().chain(lowest).copied().collect();
    thin.dedup();
    if let Some(first) = thin.first_mut() {
        first.threshold = finite_threshold(points, 0);
    }
    thin
}

/// The threshold of a point of a whole curve; of the one that accepts nothing, just above the greatest cosine, not the infinity that JSON
/// does not have.
pub(crate) fn finite_threshold(points: &[RocPoint], at: usize) -> f32 {
    let threshold = points[at].threshold;
    match points.get(at + 1) {
        Some(next) if threshold.is_infinite() => next.threshold.next_up(),
        _ => threshold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million thresholds: a few hundred points of them, the ends among them, none left out for longer than a fortieth of a decade.
    #[test]
    fn thin_curves_keep_ends_and_decades() {
        let count = 1_000_000_u64;
        let counts = (0..count).map(|at| (-(at as f32), [u64::from(at % 3 == 0), 1]));
        let points = curve(counts, [count.div_ceil(3), count]);
        let thin = thinned(&points);
        assert!((200..300).contains(&thin.len()), "{}", thin.len());
        assert!(thin.iter().all(|point| point.threshold.is_finite()));
        assert!(thin.iter().skip(1).all(|point| points.contains(point)));
        let (first, last) = (thin[0], thin[thin.len() - 1]);
        assert!(first.threshold > 0.0 && (first.far, first.tar) == (0.0, 0.0));
        assert_eq!((last.far, last.tar), (1.0, 1.0));
        for pair in thin.windows(2).filter(|pair| pair[0].far > 1e-4) {
            let step = (pair[1].far / pair[0].far).log10();
            assert!(step > 0.0 && step < 2.0 / POINTS_A_DECADE, "{pair:?}");
        }
    }
}
