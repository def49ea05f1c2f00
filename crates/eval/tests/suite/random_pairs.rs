//! Pairs drawn from a set.

use std::collections::HashSet;

use ffc_data::Index;
use ffc_eval::random_pairs;

#[test]
fn half_the_same_none_twice() {
    let index = Index::from_counts((0..50).map(|identity| 1 + identity % 7)).unwrap();
    let pairs = random_pairs(&index, 400, 9).unwrap();
    assert_eq!(pairs.len(), 400);
    let mut known = HashSet::new();
    for (number, pair) in pairs.iter().enumerate() {
        let [a, b] = pair.images;
        assert_ne!(a, b);
        assert_eq!(pair.same, index.identity_of(a) == index.identity_of(b));
        assert_eq!(pair.same, number % 2 == 0);
        assert!(known.insert([a.min(b), a.max(b)]));
    }
    assert_eq!(random_pairs(&index, 400, 9).unwrap(), pairs);
    assert_ne!(random_pairs(&index, 400, 8).unwrap(), pairs);
}

/// An identity with many images is drawn no more often than others.
#[test]
fn identities_have_equal_chances() {
    let index = Index::from_counts([2_000].into_iter().chain([60; 19])).unwrap();
    let pairs = random_pairs(&index, 4_000, 0).unwrap();
    let of_first = |same: bool| {
        let pairs = pairs.iter().filter(|pair| pair.same == same);
        pairs
            .filter(|pair| pair.images.iter().any(|&image| image < 2_000))
            .count()
    };
    // Of 2,000 pairs 1 in 20 expected, standard deviation 9.7; of two identities 1 in 10, 13.4.
    assert!(of_first(true).abs_diff(100) < 50, "{}", of_first(true));
    assert!(of_first(false).abs_diff(200) < 70, "{}", of_first(false));
}

/// All pairs that there are can be had, and no more.
#[test]
fn sets_are_used_up() {
    // 3 + 3 + 1 pairs of the same identity, 3 * 3 + 2 * 6 + 1 * 8 of different ones.
    let index = Index::from_counts([3, 3, 2, 1]).unwrap();
    let pairs = random_pairs(&index, 14, 0).unwrap();
    let same: HashSet<[u64; 2]> = pairs
        .iter()
        .filter(|pair| pair.same)
        .map(|pair| {
            let [a, b] = pair.images;
            [a.min(b), a.max(b)]
        })
        .collect();
    let all: HashSet<[u64; 2]> = [[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5], [6, 7]].into();
    assert_eq!(same, all);
    let error = random_pairs(&index, 16, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "8 pairs of the same identity are needed, but there are 7"
    );
    let index = Index::from_counts([100, 1]).unwrap();
    assert_eq!(random_pairs(&index, 200, 0).unwrap().len(), 200);
    let error = random_pairs(&index, 202, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "101 pairs of different identities are needed, but there are 100"
    );
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let index = Index::from_counts([1, 1, 1]).unwrap();
    assert!(
        random_pairs(&index, 2, 0)
            .unwrap_err()
            .to_string()
            .starts_with("1 pairs of the same identity")
    );
    let index = Index::from_counts([9]).unwrap();
    assert!(
        random_pairs(&index, 2, 0)
            .unwrap_err()
            .to_string()
            .starts_with("1 pairs of different identities")
    );
    for count in [0, 3, 1 << 25] {
        assert!(
            random_pairs(&index, count, 0)
                .unwrap_err()
                .to_string()
                .starts_with("pairs is")
        );
    }
}
