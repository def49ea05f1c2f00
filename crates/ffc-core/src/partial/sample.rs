use ffc_random::Key;

/// The classes that take part in a step, ascending: all distinct labels, filled up with uniformly drawn others to `count`
/// (Partial FC, arXiv:2203.15565, section 3.2; positives count toward it). Costs as much as `count` classes, not as all.
pub(crate) fn sample(labels: &[u64], identities: u64, count: u64, key: Key, step: u64) -> Vec<u64> {
    if count >= identities {
        return (0..identities).collect();
    }
    let mut positives = labels.to_vec();
    positives.sort_unstable();
    positives.dedup();
    let missing = count.saturating_sub(positives.len() as u64);
    // Ranks among the classes that are no positives.
    let others = identities - positives.len() as u64;
    let mut ranks = key.rng(step).distinct(missing as usize, others);
    ranks.sort_unstable();

    let mut classes = Vec::with_capacity(positives.len() + ranks.len());
    let mut positives = positives.into_iter().peekable();
    let mut before = 0;
    for rank in ranks {
        // A class is its rank plus the positives below it.
        while let Some(positive) = positives.next_if(|&positive| positive <= rank + before) {
            classes.push(positive);
            before += 1;
        }
        classes.push(rank + before);
    }
    classes.extend(positives);
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purpose::Purpose;

    fn key() -> Key {
        Purpose::ClassSample.key(3)
    }

    #[test]
    fn all_labels_and_drawn_others() {
        for count in [0, 1, 4, 5, 12, 29, 30, 99] {
            for step in 0..50 {
                let labels = [7, 29, 7, 0, 3];
                let classes = sample(&labels, 30, count, key(), step);
                assert_eq!(classes.len() as u64, count.clamp(4, 30));
                assert!(classes.is_sorted_by(|a, b| a < b));
                assert!(classes.iter().all(|&class| class < 30));
                assert!(labels.iter().all(|label| classes.contains(label)));
                assert_eq!(classes, sample(&labels, 30, count, key(), step));
            }
        }
    }

    #[test]
    fn others_are_uniform() {
        let mut drawn = [0; 20];
        let steps = 20_000;
        for step in 0..steps {
            for class in sample(&[2, 11], 20, 8, key(), step) {
                drawn[class as usize] += 1;
            }
        }
        for (class, &times) in drawn.iter().enumerate() {
            match class {
                2 | 11 => assert_eq!(times, steps),
                // 6 of 18, within five standard deviations.
                _ => assert!(
                    (f64::from(times as u32) - 20_000.0 / 3.0).abs() < 340.0,
                    "{class}: {times}"
                ),
            }
        }
    }
}
