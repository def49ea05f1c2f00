//! The transform and the crop against other ways to the same.

use ffc_align::{Error, Picture, Similarity, TEMPLATE, template, warp};
use proptest::prelude::*;

fn apply(points: [[f64; 2]; 5], angle: f64, scale: f64, shift: [f64; 2]) -> [[f64; 2]; 5] {
    let (sin, cos) = angle.sin_cos();
    points.map(|[x, y]| {
        [
            scale * (cos * x - sin * y) + shift[0],
            scale * (sin * x + cos * y) + shift[1],
        ]
    })
}

fn squares(similarity: &Similarity, from: &[[f64; 2]; 5], to: &[[f64; 2]; 5]) -> f64 {
    let pairs = from.iter().zip(to);
    pairs
        .map(|(&from, to)| {
            let [x, y] = similarity.apply(from);
            (x - to[0]).powi(2) + (y - to[1]).powi(2)
        })
        .sum()
}

proptest! {
    /// A similarity that exists is found, and its inverse undoes it.
    #[test]
    fn what_was_done_is_undone(angle in -3.1f64..3.1, scale in 0.05f64..20.0, x in -500f64..500.0, y in -500f64..500.0) {
        let moved = apply(TEMPLATE, angle, scale, [x, y]);
        let found = Similarity::fit(&moved, &TEMPLATE).unwrap();
        for (point, expected) in moved.into_iter().zip(TEMPLATE) {
            let [u, v] = found.apply(point);
            prop_assert!((u - expected[0]).abs() < 1e-8 && (v - expected[1]).abs() < 1e-8);
            let back = found.inverse().apply([u, v]);
            prop_assert!((back[0] - point[0]).abs() < 1e-6 && (back[1] - point[1]).abs() < 1e-6);
        }
        prop_assert!((found.scale() * scale - 1.0).abs() < 1e-9);
    }

    /// No similarity near it is better: its sum of squares is the least.
    #[test]
    fn none_nearby_is_better(noise in prop::collection::vec(-8f64..8.0, 10), angle in -0.01f64..0.01, scale in 0.99f64..1.01, x in -0.5f64..0.5, y in -0.5f64..0.5) {
        let from: [[f64; 2]; 5] = std::array::from_fn(|at| [TEMPLATE[at][0] + noise[2 * at], TEMPLATE[at][1] + noise[2 * at + 1]]);
        let best = Similarity::fit(&from, &TEMPLATE).unwrap();
        let least = squares(&best, &from, &TEMPLATE);
        let other: f64 = from.iter().zip(&TEMPLATE).map(|(&from, to)| {
            let [moved] = [best.apply(from)].map(|point| {
                let (sin, cos) = f64::sin_cos(angle);
                [scale * (cos * point[0] - sin * point[1]) + x, scale * (sin * point[0] + cos * point[1]) + y]
            });
            (moved[0] - to[0]).powi(2) + (moved[1] - to[1]).powi(2)
        }).sum();
        prop_assert!(least <= other + 1e-9, "{least} {other}");
    }
}

#[test]
fn points_that_are_one() {
    let error = Similarity::fit(&[[3.0, 4.0]; 5], &TEMPLATE).unwrap_err();
    assert!(matches!(error, Error::Setting { .. }), "{error}");
    let mut points = TEMPLATE;
    points[2][0] = f64::NAN;
    assert!(Similarity::fit(&points, &TEMPLATE).is_err());
}

/// Whole steps move pixels as they are, and what comes from outside is black.
#[test]
fn a_crop_by_whole_steps() {
    let rgb: Vec<u8> = (0..6 * 5 * 3).map(|at| (at * 7 % 251) as u8 + 1).collect();
    let picture = Picture::new(6, 5, &rgb).unwrap();
    let moved = apply(TEMPLATE, 0.0, 1.0, [-2.0, -1.0]);
    let crop = warp(picture, &Similarity::fit(&TEMPLATE, &moved).unwrap(), 5);
    for row in 0..5 {
        for column in 0..5 {
            let inside = column + 2 < 6 && row + 1 < 5;
            let expected = match inside {
                true => &rgb[3 * (6 * (row + 1) + column + 2)..][..3],
                false => &[0; 3],
            };
            assert_eq!(
                &crop[3 * (5 * row + column)..][..3],
                expected,
                "{row} {column}"
            );
        }
    }
}

/// A face that shrinks by eight is the mean of its pixels, not a choice of them.
#[test]
fn what_shrinks_is_averaged() {
    let side = 256;
    // Stripes of one pixel: samples without averaging would be all black or all white.
    let rgb: Vec<u8> = (0..side * side)
        .flat_map(|at| [if at % side % 2 == 0 { 255 } else { 0 }; 3])
        .collect();
    let picture = Picture::new(side, side, &rgb).unwrap();
    let to = apply(TEMPLATE, 0.0, 1.0 / 8.0, [0.0, 0.0]);
    let crop = warp(picture, &Similarity::fit(&TEMPLATE, &to).unwrap(), 24);
    // The first row and column lie half outside.
    let inside = (1..24).flat_map(|row| &crop[3 * (24 * row + 1)..3 * 24 * (row + 1)]);
    let mut odd = inside.filter(|value| !(120..=135).contains(*value));
    assert_eq!(odd.next(), None);
}

#[test]
fn templates_of_other_sizes() {
    assert_eq!(template(112), TEMPLATE);
    assert_eq!(template(224)[3], [2.0 * 41.5493, 2.0 * 92.3655]);
}

#[test]
fn bytes_that_are_no_picture() {
    assert!(matches!(
        Picture::new(2, 2, &[0; 11]),
        Err(Error::Shape { bytes: 11, .. })
    ));
    assert!(Picture::new(usize::MAX, 2, &[]).is_err());
}
