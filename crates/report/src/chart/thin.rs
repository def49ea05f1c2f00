use super::{Point, is_drawable};

/// At most `limit` of the points (8 or more), in their order: the first and the last, and of equal stretches between them the lowest, the
/// highest and one that breaks the line.
pub(super) fn thin(points: &[Point], limit: usize) -> Vec<Point> {
    if points.len() <= limit {
        return points.to_vec();
    }
    let [first, inner @ .., last] = points else {
        return points.to_vec();
    };
    let stretches = (limit - 2) / 3;
    let mut kept = vec![*first];
    for stretch in 0..stretches {
        let begin = inner.len() * stretch / stretches;
        let end = inner.len() * (stretch + 1) / stretches;
        let by_height = |a: &usize, b: &usize| inner[*a].y.total_cmp(&inner[*b].y);
        let drawable = || (begin..end).filter(|index| is_drawable(inner[*index].y));
        let lowest = drawable().min_by(by_height);
        let highest = drawable().max_by(by_height);
        let gap = (begin..end).find(|index| !is_drawable(inner[*index].y));
        let mut indices: Vec<usize> = [lowest, highest, gap].into_iter().flatten().collect();
        indices.sort_unstable();
        indices.dedup();
        kept.extend(indices.into_iter().map(|index| inner[index]));
    }
    kept.push(*last);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(y: impl IntoIterator<Item = f64>) -> Vec<Point> {
        let numbered = y.into_iter().enumerate();
        numbered.map(|(x, y)| Point::new(x as f64, y)).collect()
    }

    #[test]
    fn few_points_stay() {
        let all = points([3.0, 1.0, 2.0]);
        assert_eq!(thin(&all, 8), all);
    }

    #[test]
    fn extremes_ends_and_gaps_stay() {
        let mut y: Vec<f64> = (0..10_000).map(|x| (x as f64 * 0.37).sin()).collect();
        y[1_234] = 50.0;
        y[1_235] = -50.0;
        y[7_777] = f64::NAN;
        let all = points(y);
        let kept = thin(&all, 500);
        assert!(kept.len() <= 500 && kept.len() > 300, "{}", kept.len());
        assert!(kept.is_sorted_by(|a, b| a.x < b.x));
        for index in [0, 1_234, 1_235, 9_999] {
            assert!(kept.contains(&all[index]), "point {index}");
        }
        assert_eq!(kept.iter().filter(|point| point.y.is_nan()).count(), 1);
    }

    #[test]
    fn every_kept_point_was_there() {
        let all = points((0..1_000).map(|x| f64::from(x % 7)));
        assert!(thin(&all, 50).iter().all(|point| all.contains(point)));
    }
}
