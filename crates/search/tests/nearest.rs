//! Against a naive loop over all rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use ffc_search::{Error, Gallery, Neighbour};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// Cosines in double precision.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum()
    };
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 {
        dot(a, b) / length
    } else {
        0.0
    }
}

/// Every rank's cosine is the true one of its row and of its rank, no row comes twice, and equal ones come by row.
#[track_caller]
fn check(dim: usize, rows: &[f32], query: &[f32], top: usize, found: &[Neighbour]) {
    let row = |row: usize| &rows[row * dim..][..dim];
    let mut all: Vec<f64> = rows.chunks(dim).map(|row| cosine(row, query)).collect();
    let mut seen: Vec<usize> = found.iter().map(|neighbour| neighbour.row).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), top.min(all.len()));
    assert_eq!(found.len(), seen.len());
    all.sort_unstable_by(|a, b| b.total_cmp(a));
    for (neighbour, expected) in found.iter().zip(all) {
        let found = f64::from(neighbour.cosine);
        assert!(
            (found - expected).abs() < 2e-6,
            "{neighbour:?}, expected {expected}"
        );
        assert!((found - cosine(row(neighbour.row), query)).abs() < 2e-6);
    }
    for pair in found.windows(2) {
        let earlier = pair[0].cosine > pair[1].cosine
            || (pair[0].cosine == pair[1].cosine && pair[0].row < pair[1].row);
        assert!(earlier, "{pair:?}");
    }
}

#[test]
fn a_naive_loop_agrees() {
    // Dimensions around the widths of vectors, rows around those of tiles and blocks, one query to more than a panel.
    for dim in [1, 3, 16, 31, 64, 130] {
        for rows in [1, 5, 6, 7, 48, 49, 301] {
            for queries in [1, 3, 4, 16, 33, 70] {
                let gallery = random(rows * dim, (dim * rows) as u64);
                let asked = random(queries * dim, 9 + queries as u64);
                for top in [1, 5, 400] {
                    let found = Gallery::new(dim, &gallery).unwrap();
                    let found = found.nearest(&asked, top).unwrap();
                    assert_eq!(found.len(), queries);
                    for (query, found) in asked.chunks(dim).zip(&found) {
                        check(dim, &gallery, query, top, found);
                    }
                }
            }
        }
    }
}

/// Over many blocks, by one thread and by two, to the bit.
#[test]
fn any_number_of_threads_finds_the_same() {
    let (dim, rows) = (512, 9_001);
    let gallery = random(rows * dim, 1);
    let gallery = Gallery::new(dim, &gallery).unwrap();
    for queries in [1, 40] {
        let asked = random(queries * dim, 2);
        let by = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            pool.install(|| gallery.nearest(&asked, 7).unwrap())
        };
        let one = by(1);
        for threads in [2, 5] {
            assert_eq!(one, by(threads));
        }
        assert_eq!(one.len(), queries);
    }
}

/// The same row in several blocks: the earlier comes first, and the later ones are those that go.
#[test]
fn equal_rows_come_in_their_order() {
    let (dim, rows) = (512, 5_000);
    let mut gallery = random(rows * dim, 3);
    let same = [11, 47, 48, 2_047, 2_048, 4_999];
    let query = random(dim, 4);
    for row in same {
        gallery[row * dim..][..dim].copy_from_slice(&query);
    }
    let gallery = Gallery::new(dim, &gallery).unwrap();
    for queries in [1, 5] {
        let asked = query.repeat(queries);
        for top in [1, 3, 6] {
            for found in gallery.nearest(&asked, top).unwrap() {
                let rows: Vec<usize> = found.iter().map(|neighbour| neighbour.row).collect();
                assert_eq!(rows, same[..top]);
            }
        }
    }
}

#[test]
fn zeros_have_cosine_zero() {
    let gallery = [0.0, 0.0, -1.0, -1.0, 0.0, 0.0, 2.0, 2.0];
    let gallery = Gallery::new(2, &gallery).unwrap();
    let found = gallery.nearest(&[1.0, 1.0], 4).unwrap().remove(0);
    let rows: Vec<usize> = found.iter().map(|neighbour| neighbour.row).collect();
    assert_eq!(rows, [3, 0, 2, 1]);
    assert_eq!(found[1].cosine.to_bits(), 0);
    // A query of zeros is as far from everything.
    for queries in [1, 4] {
        for found in gallery.nearest(&vec![0.0; 2 * queries], 3).unwrap() {
            let rows: Vec<usize> = found.iter().map(|neighbour| neighbour.row).collect();
            assert_eq!(rows, [0, 1, 2]);
            assert!(found.iter().all(|neighbour| neighbour.cosine == 0.0));
        }
    }
}

#[test]
fn nothing_to_search_or_to_find() {
    let none = Gallery::new(3, &[]).unwrap();
    assert!(none.is_empty());
    assert_eq!(none.nearest(&[1.0; 6], 2).unwrap(), [vec![], vec![]]);
    let gallery = Gallery::new(3, &[1.0; 6]).unwrap();
    assert_eq!((gallery.len(), gallery.dim()), (2, 3));
    assert_eq!(
        gallery.nearest(&[], 2).unwrap(),
        Vec::<Vec<Neighbour>>::new()
    );
    assert!(matches!(gallery.nearest(&[1.0; 3], 0), Err(Error::Top)));
    assert!(matches!(
        gallery.nearest(&[1.0; 4], 1),
        Err(Error::Shape { dim: 3, values: 4 })
    ));
    assert!(matches!(Gallery::new(0, &[]), Err(Error::Shape { .. })));
}

#[test]
fn what_is_not_finite_is_named() {
    for bad in [f32::NAN, f32::INFINITY, 1e30] {
        let mut values = vec![1.0; 300];
        values[3 * 77 + 1] = bad;
        let gallery = Gallery::new(3, &values).unwrap();
        for queries in [1, 6] {
            let error = gallery.nearest(&vec![1.0; 3 * queries], 2).unwrap_err();
            assert_eq!(error.to_string(), "row 77 is not finite");
        }
    }
    let gallery = Gallery::new(3, &[1.0; 6]).unwrap();
    let error = gallery
        .nearest(&[1.0, 1.0, 1.0, 1.0, f32::NAN, 1.0], 1)
        .unwrap_err();
    assert_eq!(error.to_string(), "query 1 is not finite");
}

proptest! {
    #[test]
    fn any_shape(dim in 1_usize..70, rows in 1_usize..200, queries in 1_usize..40, top in 1_usize..20, seed: u64) {
        let gallery = random(rows * dim, seed);
        let asked = random(queries * dim, !seed);
        let found = Gallery::new(dim, &gallery).unwrap().nearest(&asked, top).unwrap();
        for (query, found) in asked.chunks(dim).zip(&found) {
            check(dim, &gallery, query, top, found);
        }
    }
}
