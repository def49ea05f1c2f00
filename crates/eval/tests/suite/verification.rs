//! Ten folds and View 1 against naive loops and known answers.

use ffc_eval::{Pair, Scores, Verification};

use super::support::{Table, random, synthetic};

fn pairs(same: &[bool]) -> Vec<Pair> {
    let pair = |(number, &same): (usize, &bool)| Pair {
        images: [2 * number as u64, 2 * number as u64 + 1],
        same,
    };
    same.iter().enumerate().map(pair).collect()
}

fn verification(distances: &[f64], same: &[bool]) -> Verification {
    Verification::new(pairs(same), distances.to_vec()).unwrap()
}

/// The accuracy of a threshold on some pairs.
fn accuracy(distances: &[f64], same: &[bool], among: &[usize], threshold: f64) -> f64 {
    let mut correct = 0;
    for &pair in among {
        let predicted = distances[pair] < threshold;
        if predicted == same[pair] {
            correct += 1;
        }
    }
    correct as f64 / among.len() as f64
}

/// insightface's loops: folds of scikit-learn's KFold, every threshold, the first best.
fn naive(distances: &[f64], same: &[bool]) -> Vec<(f64, f64)> {
    let mut folds = Vec::new();
    let mut start = 0;
    for fold in 0..10 {
        let size = same.len() / 10 + usize::from(fold < same.len() % 10);
        let test: Vec<usize> = (start..start + size).collect();
        let train: Vec<usize> = (0..same.len())
            .filter(|pair| !test.contains(pair))
            .collect();
        let (mut best, mut threshold) = (-1.0, 0.0);
        for number in 0..400 {
            let tried = f64::from(number) * 0.01;
            let accuracy = accuracy(distances, same, &train, tried);
            if accuracy > best {
                (best, threshold) = (accuracy, tried);
            }
        }
        folds.push((threshold, accuracy(distances, same, &test, threshold)));
        start += size;
    }
    folds
}

#[test]
fn ten_folds_are_those_of_naive_loops() {
    for (number, count) in [10, 23, 95, 200, 301].into_iter().enumerate() {
        let mut random = random(number as u64);
        let same: Vec<bool> = (0..count).map(|_| random() > 0.2).collect();
        let distance = |&same: &bool| {
            let distance = f64::from(random() + 1.0) * 1.2 + if same { 0.0 } else { 0.8 };
            // Every other list: exactly at thresholds.
            if number % 2 == 0 {
                (distance * 100.0).round() * 0.01
            } else {
                distance
            }
        };
        let distances: Vec<f64> = same.iter().map(distance).collect();
        let decision = verification(&distances, &same).ten_folds().unwrap();
        let expected = naive(&distances, &same);
        let found: Vec<_> = decision
            .folds
            .iter()
            .map(|fold| (fold.threshold, fold.accuracy))
            .collect();
        assert_eq!(found, expected);
        let mean = expected.iter().map(|fold| fold.1).sum::<f64>() / 10.0;
        let square = expected
            .iter()
            .map(|fold| (fold.1 - mean).powi(2))
            .sum::<f64>()
            / 10.0;
        assert!((decision.accuracy() - mean).abs() < 1e-12);
        assert!((decision.deviation() - square.sqrt()).abs() < 1e-12);
        assert!(decision.accuracy() < 1.0 || count == 10, "too easy to tell");
    }
}

#[test]
fn known_answers() {
    // Told apart: the first threshold above the greatest distance of a same pair.
    let same = [true, false].repeat(10);
    let distances = [0.5, 1.5].repeat(10);
    let decision = verification(&distances, &same).ten_folds().unwrap();
    assert_eq!((decision.accuracy(), decision.deviation()), (1.0, 0.0));
    assert!(decision.folds.iter().all(|fold| fold.threshold == 0.51));
    // All the same distance, half of the pairs the same: chance.
    let decision = verification(&[1.0; 20], &same).ten_folds().unwrap();
    assert_eq!(decision.accuracy(), 0.5);
    // All of one identity, all different: the thresholds that say so always.
    let decision = verification(&distances, &[true; 20]).ten_folds().unwrap();
    assert_eq!(
        (decision.accuracy(), decision.folds[0].threshold),
        (1.0, 1.51)
    );
    let decision = verification(&distances, &[false; 20]).ten_folds().unwrap();
    assert_eq!(
        (decision.accuracy(), decision.folds[0].threshold),
        (1.0, 0.0)
    );
    // One fold is all wrong: its pairs are the other way round.
    let mut distances = distances;
    distances[6..8].reverse();
    let decision = verification(&distances, &same).ten_folds().unwrap();
    assert_eq!(decision.folds[3].accuracy, 0.0);
    assert!((decision.accuracy() - 0.9).abs() < 1e-12);
    assert!((decision.deviation() - 0.3).abs() < 1e-12);
}

#[test]
fn view_1_takes_its_threshold_from_the_other_list() {
    let train = verification(&[0.2, 0.6, 0.9, 1.4], &[true, true, false, false]);
    let threshold = train.best_threshold().unwrap();
    assert_eq!(threshold, 0.61);
    // 0.61 itself is not below.
    let test = verification(&[0.3, 0.61, 0.6, 2.0], &[true, true, false, false]);
    let decision = test.at_threshold(threshold).unwrap();
    assert_eq!(decision.correct, [true, false, false, true]);
    assert_eq!((decision.accuracy(), decision.deviation()), (0.5, 0.0));
}

#[test]
fn mistakes_come_worst_first() {
    let same = [true, true, false, false, false];
    let list = verification(&[0.3, 1.75, 0.6, 0.25, 2.0], &same);
    let decision = list.at_threshold(1.0).unwrap();
    let mistakes = list.mistakes(&decision, 9);
    let found: Vec<_> = mistakes
        .iter()
        .map(|mistake| (mistake.image_a, mistake.image_b, mistake.same))
        .collect();
    // 0.75 on the wrong side twice: the earlier pair first; then 0.4.
    assert_eq!(found, [(2, 3, true), (6, 7, false), (4, 5, false)]);
    assert!((mistakes[0].score - 0.125).abs() < 1e-6);
    let one_each = list.mistakes(&decision, 1);
    let kinds: Vec<bool> = one_each.iter().map(|mistake| mistake.same).collect();
    assert_eq!(kinds, [true, false]);
}

#[test]
fn too_few_pairs_and_bad_numbers_are_refused() {
    let message = |result: ffc_eval::Result<_>| result.unwrap_err().to_string();
    assert_eq!(
        message(verification(&[0.1; 9], &[true; 9]).ten_folds()),
        "10 pairs are needed, but there are 9"
    );
    assert!(verification(&[], &[]).best_threshold().is_err());
    assert!(verification(&[], &[]).at_threshold(1.0).is_err());
    let error = Verification::new(pairs(&[true, true]), vec![0.1, f64::NAN]).unwrap_err();
    assert_eq!(error.to_string(), "the embedding of pair 1 is not finite");
    let error = Verification::new(pairs(&[true]), vec![]).unwrap_err();
    assert_eq!(error.to_string(), "0 distances, but 1 were expected");
}

/// Distances and cosines of real embeddings against double precision; each image is embedded once.
#[test]
fn distances_are_those_of_normalised_embeddings() {
    let dataset = synthetic(12);
    let mut table = Table::random(&dataset, 19, 1.0);
    let images = dataset.index().images();
    let mut pairs = Vec::new();
    for a in 0..images {
        for b in a + 1..images {
            let [x, y] = [a, b].map(|image| dataset.index().identity_of(image));
            pairs.push(Pair {
                images: [a, b],
                same: x == y,
            });
        }
    }
    let verification = Verification::measure(&dataset, pairs.clone(), &mut table).unwrap();
    assert_eq!(table.embedded as u64, images);
    let Scores { same, different } = verification.scores();
    let expected = |wanted| {
        let pairs = pairs.iter().filter(move |pair| pair.same == wanted);
        pairs.map(|pair| table.cosine(pair.images[0], pair.images[1]))
    };
    for (found, wanted) in [(same, true), (different, false)] {
        assert_eq!(found.len(), expected(wanted).count());
        for (found, expected) in found.iter().zip(expected(wanted)) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{found} {expected}"
            );
        }
    }
}

#[test]
fn roc_points_are_those_of_naive_counts() {
    let mut random = random(4);
    let mut list = |count| {
        (0..count)
            .map(|_| (random() * 8.0).round() / 8.0)
            .collect::<Vec<f32>>()
    };
    let scores = Scores {
        same: list(40),
        different: list(70),
    };
    let points = scores.roc();
    let mut values = [&scores.same[..], &scores.different].concat();
    values.sort_by(|a, b| b.total_cmp(a));
    values.dedup();
    assert_eq!(points.len(), values.len() + 1);
    assert_eq!((points[0].far, points[0].tar), (0.0, 0.0));
    for (point, value) in points[1..].iter().zip(values) {
        let share = |list: &[f32]| {
            list.iter().filter(|&&score| score >= value).count() as f64 / list.len() as f64
        };
        assert_eq!(point.threshold, value);
        assert_eq!(
            (point.far, point.tar),
            (share(&scores.different), share(&scores.same))
        );
    }
    assert_eq!(Scores::default().roc().len(), 1);
}
