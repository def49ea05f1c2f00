//! What each change does to the pictures, and that nothing but flip is on by default.

use std::sync::Arc;

use ffc_data::{
    AugmentConfig, ColourJitter, Cutout, Dataset, ImageCounts, InstanceLoader, LoaderConfig,
    RandomCrop, SyntheticConfig,
};

const SIZE: usize = 24;
const ROW: usize = SIZE * 3;

/// Pictures of 200 images by number, drawn at `drawn` pixels.
fn pictures(augment: AugmentConfig, drawn: usize) -> Vec<Vec<u8>> {
    let dataset = Dataset::synthetic(SyntheticConfig {
        identities: 200,
        images: ImageCounts::Equal { images: 1 },
        size_px: drawn,
        ..Default::default()
    });
    let config = LoaderConfig {
        batch: 200,
        height_px: SIZE,
        width_px: SIZE,
        augment,
        ..Default::default()
    };
    let batch = InstanceLoader::new(Arc::new(dataset.unwrap()), config, 0)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let mut pictures = vec![Vec::new(); 200];
    for (picture, &image) in batch
        .images
        .pixels()
        .chunks(SIZE * ROW)
        .zip(batch.images.images())
    {
        pictures[image as usize] = picture.to_vec();
    }
    pictures
}

fn plain() -> AugmentConfig {
    AugmentConfig {
        flip: false,
        ..Default::default()
    }
}

fn mirrored(picture: &[u8]) -> Vec<u8> {
    let mut mirror = Vec::new();
    for row in picture.chunks(ROW) {
        row.chunks(3).rev().for_each(|pixel| mirror.extend(pixel));
    }
    mirror
}

#[test]
fn flip_alone_is_the_default() {
    let (before, after) = (
        pictures(plain(), SIZE),
        pictures(AugmentConfig::default(), SIZE),
    );
    let mut flipped = 0;
    for (before, after) in before.iter().zip(&after) {
        if before != after {
            assert_eq!(*after, mirrored(before));
            flipped += 1;
        }
    }
    assert!((70..=130).contains(&flipped), "{flipped} of 200");
}

#[test]
fn grey_has_three_equal_channels() {
    let after = pictures(
        AugmentConfig {
            grey: 0.5,
            ..plain()
        },
        SIZE,
    );
    let grey = after
        .iter()
        .filter(|picture| picture.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]))
        .count();
    assert!((70..=130).contains(&grey), "{grey} of 200");
}

#[test]
fn cutout_covers_one_rectangle() {
    let cutout = Cutout {
        probability: 1.0,
        max_side: 0.5,
    };
    let after = pictures(
        AugmentConfig {
            cutout: Some(cutout),
            ..plain()
        },
        SIZE,
    );
    let mut covered = 0;
    for (before, after) in pictures(plain(), SIZE).iter().zip(&after) {
        let changed: Vec<usize> = (0..SIZE * SIZE)
            .filter(|&at| before[at * 3..at * 3 + 3] != after[at * 3..at * 3 + 3])
            .collect();
        let Some((first, last)) = changed.first().zip(changed.last()) else {
            continue;
        };
        covered += 1;
        assert!(last / SIZE - first / SIZE < SIZE / 2);
        for &at in &changed {
            assert_eq!(after[at * 3..at * 3 + 3], [128; 3]);
            let columns: Vec<usize> = changed.iter().map(|at| at % SIZE).collect();
            assert!(columns.iter().max().unwrap() - columns.iter().min().unwrap() < SIZE / 2);
        }
    }
    assert!(covered > 150, "{covered} of 200");
}

/// A crop of everything is the picture; a crop of a part keeps the range of values and moves the mean little.
#[test]
fn crop_takes_a_part() {
    let all = RandomCrop {
        min_area: 1.0,
        max_aspect: 1.0,
        ..Default::default()
    };
    assert_eq!(
        pictures(
            AugmentConfig {
                crop: Some(all),
                ..plain()
            },
            SIZE
        ),
        pictures(plain(), SIZE)
    );
    let part = RandomCrop {
        min_area: 0.3,
        max_aspect: 1.3,
        ..Default::default()
    };
    let (before, after) = (
        pictures(plain(), 96),
        pictures(
            AugmentConfig {
                crop: Some(part),
                ..plain()
            },
            96,
        ),
    );
    let mean =
        |picture: &[u8]| picture.iter().map(|&v| f64::from(v)).sum::<f64>() / picture.len() as f64;
    let mut changed = 0;
    for (before, after) in before.iter().zip(&after) {
        changed += usize::from(before != after);
        assert!((mean(before) - mean(after)).abs() < 60.0);
    }
    assert!(changed > 190, "{changed} of 200");
}

/// Brightness alone multiplies every value by one factor within its range.
#[test]
fn colour_changes_by_a_factor() {
    let colour = ColourJitter {
        probability: 1.0,
        brightness: 0.3,
        contrast: 0.0,
        saturation: 0.0,
    };
    let after = pictures(
        AugmentConfig {
            colour: Some(colour),
            ..plain()
        },
        SIZE,
    );
    for (before, after) in pictures(plain(), SIZE).iter().zip(&after) {
        let ratio =
            |(b, a): (&u8, &u8)| (*b > 100 && *a < 255).then(|| f64::from(*a) / f64::from(*b));
        let ratios: Vec<f64> = before.iter().zip(after).filter_map(ratio).collect();
        let (low, high) = ratios.iter().fold((9.0f64, 0.0f64), |(low, high), &r| {
            (low.min(r), high.max(r))
        });
        if !ratios.is_empty() {
            assert!(
                high - low < 0.02 && low > 0.69 && high < 1.31,
                "{low} to {high}"
            );
        }
    }
}

/// Off or at strength 0, nothing changes at all.
#[test]
fn strength_zero_changes_nothing() {
    let colour = ColourJitter {
        probability: 1.0,
        brightness: 0.0,
        contrast: 0.0,
        saturation: 0.0,
    };
    assert_eq!(
        pictures(
            AugmentConfig {
                colour: Some(colour),
                ..plain()
            },
            SIZE
        ),
        pictures(plain(), SIZE)
    );
}
