use std::collections::HashSet;

use super::canvas::{Canvas, point};
use super::colour::Colour;
use super::draw;
use crate::purpose::Purpose;

/// Identities of an episode.
const WAYS: u64 = 20;

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

/// The simplest descriptions of a picture must not tell who it is, or the pictures would be no test of a network.
#[test]
fn nearest_neighbour_on_pixels_does_poorly() {
    type Describe = fn(&[u8]) -> Vec<f32>;
    let descriptions: [(&str, Describe); 5] = [
        ("raw pixels", |pixels| thumbnail(pixels, 32)),
        ("pixels without brightness and contrast", standardised),
        ("a thumbnail of 8 x 8", |pixels| thumbnail(pixels, 8)),
        ("a thumbnail of 4 x 4", |pixels| thumbnail(pixels, 4)),
        ("the mean colour", |pixels| thumbnail(pixels, 1)),
    ];
    for (name, describe) in descriptions {
        let accuracy = nearest_neighbour_accuracy(describe);
        assert!(
            accuracy < 0.3,
            "the nearest neighbour on {name} is right in {accuracy} of all cases"
        );
    }
}

/// A description that does tell is found out by the measure of the test above.
#[test]
fn nearest_neighbour_finds_what_is_there() {
    let mut drawn = 0;
    // 20 people are described, then the same 20 on other pictures.
    let accuracy = nearest_neighbour_accuracy(|_: &[u8]| {
        drawn += 1;
        vec![(drawn % WAYS) as f32]
    });
    assert_eq!(accuracy, 1.0);
}

/// 20-way 1-shot accuracy of a nearest neighbour on descriptions of pictures of 32 x 32 pixels.
fn nearest_neighbour_accuracy(mut describe: impl FnMut(&[u8]) -> Vec<f32>) -> f64 {
    const EPISODES: u64 = 200;
    let mut rng = Purpose::ImagePair.key(11, 0).rng(0);
    let mut correct = 0;
    for _ in 0..EPISODES {
        let first = rng.below(1 << 40);
        let mut pictures = |image| -> Vec<_> {
            (0..WAYS)
                .map(|i| describe(&picture(first + i, image, 32)))
                .collect()
        };
        let (known, probes) = (pictures(0), pictures(1));
        for (i, probe) in probes.iter().enumerate() {
            let nearest = known
                .iter()
                .enumerate()
                .min_by(|(_, a), (_, b)| distance(probe, a).total_cmp(&distance(probe, b)));
            correct += u64::from(nearest.is_some_and(|(n, _)| n == i));
        }
    }
    correct as f64 / (WAYS * EPISODES) as f64
}

/// Each channel with mean 0 and variance 1 over the picture.
fn standardised(pixels: &[u8]) -> Vec<f32> {
    let count = (pixels.len() / 3) as f32;
    let channel = |c: usize| {
        pixels
            .iter()
            .skip(c)
            .step_by(3)
            .map(|&value| f32::from(value))
    };
    let moments: Vec<_> = (0..3)
        .map(|c| {
            let mean = channel(c).sum::<f32>() / count;
            let variance = channel(c).map(|value| (value - mean).powi(2)).sum::<f32>() / count;
            (mean, variance.sqrt().max(1e-3))
        })
        .collect();
    let value =
        |(i, &value): (usize, &u8)| (f32::from(value) - moments[i % 3].0) / moments[i % 3].1;
    pixels.iter().enumerate().map(value).collect()
}

/// The sums of the colours in `side` x `side` squares of a picture of 32 x 32 pixels.
fn thumbnail(pixels: &[u8], side: usize) -> Vec<f32> {
    let mut sums = vec![0.0; side * side * 3];
    for (i, &value) in pixels.iter().enumerate() {
        let (row, column, channel) = (i / 96 * side / 32, i / 3 % 32 * side / 32, i % 3);
        sums[(row * side + column) * 3 + channel] += f32::from(value);
    }
    sums
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
