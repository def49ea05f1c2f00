use std::collections::HashSet;

use super::canvas::{Canvas, point};
use super::colour::Colour;
use super::draw;
use crate::rng::{CounterRng, Purpose};

const WHITE: Colour = Colour([255.0; 3]);

fn picture(identity: u64, image: u64, size: usize) -> Vec<u8> {
    let mut pixels = vec![0; size * size * 3];
    draw(7, identity, image, size, &mut pixels);
    pixels
}

#[test]
fn same_arguments_give_same_bytes() {
    let first = picture(3, 5, 112);
    let mut pixels = vec![200; first.len()];
    draw(7, 3, 5, 112, &mut pixels);
    assert!(
        first == pixels,
        "the picture depends on what was there before"
    );
}

#[test]
fn other_arguments_give_other_pictures() {
    let mut seen = HashSet::new();
    for identity in [0, 1, 99_999_999, u64::MAX] {
        for image in [0, 1, u64::MAX] {
            assert!(seen.insert(picture(identity, image, 32)));
        }
    }
    let mut pixels = vec![0; 32 * 32 * 3];
    draw(8, 0, 0, 32, &mut pixels);
    assert!(seen.insert(pixels));
}

#[test]
fn every_size_works() {
    for size in 16..=256 {
        for image in 0..3 {
            picture(size as u64, image, size);
        }
    }
}

/// A face drawn larger is the same face: its mean colour barely changes.
#[test]
fn features_scale_with_the_size() {
    let mean = |pixels: &[u8]| {
        pixels.iter().map(|&value| f64::from(value)).sum::<f64>() / pixels.len() as f64
    };
    for identity in 0..20 {
        let (small, large) = (picture(identity, 0, 32), picture(identity, 0, 256));
        assert!((mean(&small) - mean(&large)).abs() < 3.0);
    }
}

#[test]
fn fill_covers_exact_areas() {
    let mut pixels = vec![0; 16 * 16 * 3];
    let mut canvas = Canvas::new(16, &mut pixels);
    let square = [
        point(2.5, 3.0),
        point(6.0, 3.0),
        point(6.0, 5.25),
        point(2.5, 5.25),
    ];
    canvas.fill(&square, WHITE, 1.0);
    let at = |x: usize, y: usize| pixels[(y * 16 + x) * 3];
    assert_eq!(
        [at(1, 3), at(2, 3), at(3, 3), at(5, 3), at(6, 3)],
        [0, 127, 255, 255, 0]
    );
    assert_eq!([at(3, 2), at(3, 4), at(3, 5), at(2, 5)], [0, 255, 63, 31]);
}

/// An outline that reaches beyond every border neither panics nor leaves coverage for the next one.
#[test]
fn fill_clips_at_the_borders() {
    let mut pixels = vec![0; 16 * 16 * 3];
    let mut canvas = Canvas::new(16, &mut pixels);
    let star = [
        point(8.0, -90.0),
        point(60.0, 70.0),
        point(-50.0, 3.0),
        point(70.0, 2.0),
        point(-40.0, 90.0),
    ];
    canvas.fill(&star, Colour([0.0; 3]), 1.0);
    for away in [
        point(-9.0, 4.0),
        point(40.0, 4.0),
        point(4.0, -9.0),
        point(4.0, 40.0),
    ] {
        let corners = [(0.0, 0.0), (5.3, 1.1), (2.2, 4.9)];
        let triangle = corners.map(|(x, y)| point(away.x + x, away.y + y));
        canvas.fill(&triangle, WHITE, 1.0);
    }
    assert!(pixels.iter().all(|&value| value == 0));
}

/// Raw pixels must not tell who it is, or the pictures would be no test of a network.
#[test]
fn nearest_neighbour_on_pixels_does_poorly() {
    const WAYS: u64 = 20;
    const EPISODES: u64 = 200;
    let mut rng = CounterRng::new(11, Purpose::ImagePair, 0, 0);
    let mut correct = 0;
    for _ in 0..EPISODES {
        let first = rng.below(1 << 40);
        let known: Vec<_> = (0..WAYS).map(|i| picture(first + i, 0, 32)).collect();
        for i in 0..WAYS {
            let probe = picture(first + i, 1, 32);
            let nearest = known
                .iter()
                .enumerate()
                .min_by_key(|(_, other)| distance(&probe, other));
            correct += u64::from(nearest.is_some_and(|(n, _)| n as u64 == i));
        }
    }
    let accuracy = correct as f64 / (WAYS * EPISODES) as f64;
    assert!(
        accuracy < 0.3,
        "nearest neighbour is right in {accuracy} of all cases"
    );
}

fn distance(a: &[u8], b: &[u8]) -> u64 {
    let square = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b)).pow(2);
    a.iter().zip(b).map(square).sum()
}
