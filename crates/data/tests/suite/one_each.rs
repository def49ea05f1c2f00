//! One image of each of some identities.

use std::collections::HashSet;

use ffc_data::{AugmentConfig, Index, InstanceLoader, ListLoader, LoaderConfig, draw_one_each};

use super::support::{small, synthetic};

/// Exactly so many different identities, each equally often in every place, and each image of an identity equally often.
#[test]
fn identities_and_images_are_drawn_evenly() {
    let counts = [1, 4, 2, 3, 1];
    let index = Index::from_counts(counts).unwrap();
    const SEEDS: u64 = 20_000;
    let (mut first, mut images) = ([0f64; 5], vec![0f64; 11]);
    for seed in 0..SEEDS {
        let drawn = draw_one_each(&index, 3, seed);
        let identities: HashSet<u64> = drawn
            .iter()
            .map(|&image| index.identity_of(image))
            .collect();
        assert_eq!((drawn.len(), identities.len()), (3, 3));
        first[index.identity_of(drawn[0]) as usize] += 1.0;
        for image in drawn {
            images[image as usize] += 1.0;
        }
    }
    let near = |seen: f64, share: f64| {
        let expected = SEEDS as f64 * share;
        (seen - expected).abs() < 5.0 * expected.sqrt()
    };
    assert!(first.iter().all(|&seen| near(seen, 0.2)), "{first:?}");
    for (image, &seen) in images.iter().enumerate() {
        let count = counts[index.identity_of(image as u64) as usize];
        assert!(near(seen, 0.6 / count as f64), "{images:?}");
    }
    assert_eq!(draw_one_each(&index, 0, 1), Vec::<u64>::new());
    let mut all = draw_one_each(&index, 9, 1);
    all.sort_unstable();
    assert_eq!(all.len(), 5, "there are no more");
    assert!((0..5).eq(all.into_iter().map(|image| index.identity_of(image))));
}

/// Read by a list they are as training would have them, less its changes; and not the pictures of its first steps.
#[test]
fn pictures_for_a_prefill() {
    let dataset = synthetic(300);
    let config = LoaderConfig {
        height_px: 24,
        width_px: 20,
        seed: 7,
        ..small(30)
    };
    let drawn = draw_one_each(dataset.index(), 40, config.seed);
    let prefill: Vec<_> = ListLoader::new(dataset.clone(), drawn.clone(), &config)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let rows: Vec<u64> = prefill
        .iter()
        .flat_map(|batch| batch.images().to_vec())
        .collect();
    assert_eq!(rows, drawn);
    let plain = LoaderConfig {
        augment: AugmentConfig {
            flip: false,
            ..Default::default()
        },
        ..config
    };
    let loader = InstanceLoader::new(dataset.clone(), plain, 0).unwrap();
    let steps = loader.steps_per_epoch() as usize;
    let epoch: Vec<_> = loader
        .take(steps)
        .map(|batch| batch.unwrap().images)
        .collect();
    let picture = 24 * 20 * 3;
    for batch in &prefill {
        assert_eq!(batch.shape()[1..], [24, 20, 3]);
        for (image, pixels) in batch.images().iter().zip(batch.pixels().chunks(picture)) {
            let found = epoch.iter().find_map(|batch| {
                let row = batch.images().iter().position(|other| other == image)?;
                Some(&batch.pixels()[row * picture..][..picture])
            });
            assert!(found == Some(pixels), "image {image}");
        }
    }
    let first: HashSet<u64> = epoch[..2]
        .iter()
        .flat_map(|batch| batch.images().to_vec())
        .collect();
    let common = drawn.iter().filter(|image| first.contains(image)).count();
    assert!(common < 10, "{common} of 40 are among the first 60 images");
}
