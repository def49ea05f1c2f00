//! Sets made of other sets.

use std::sync::Arc;

use ffc_data::{
    Channels, Content, Dataset, ImageCounts, ListLoader, LoaderConfig, Split, SplitSide,
    SyntheticConfig,
};

fn parent() -> Arc<Dataset> {
    let config = SyntheticConfig {
        identities: 6,
        images: ImageCounts::Zipf {
            max: 7,
            min: 2,
            exponent: 0.7,
        },
        size_px: 16,
        ..Default::default()
    };
    Arc::new(Dataset::synthetic(config).unwrap())
}

fn pixels(dataset: &Dataset, image: u64) -> Vec<u8> {
    let mut buffer = Vec::new();
    let content = dataset.read(image, &mut buffer).unwrap();
    assert_eq!(
        content,
        Content::Rgb {
            width: 16,
            height: 16
        }
    );
    buffer
}

/// Identities come in the order asked for, with the images that they had.
#[test]
fn selected_identities_keep_their_images() {
    let parent = parent();
    let wanted = [4, 0, 5];
    let selected = parent.clone().select(wanted.to_vec()).unwrap();
    assert_eq!(selected.index().identities(), 3);
    for (identity, &original) in wanted.iter().enumerate() {
        let images = selected.index().images_of(identity as u64);
        let originals = parent.index().images_of(original);
        assert_eq!(images.end - images.start, originals.end - originals.start);
        for (image, original) in images.zip(originals) {
            assert_eq!(pixels(&selected, image), pixels(&parent, original));
            assert_eq!(selected.origin(image), parent.origin(original));
        }
        let name = selected.identity_name(identity as u64).unwrap();
        assert_eq!(name, original.to_string());
    }
    assert!(parent.clone().select(vec![6]).is_err(), "there are six");
    assert!(parent.select(Vec::new()).is_err(), "none");
}

/// Both sides together are the whole, for shares that round to nothing too; another seed draws others.
#[test]
fn a_split_cuts_the_identities_in_two() {
    let set = |identities| {
        let config = SyntheticConfig {
            identities,
            size_px: 16,
            ..Default::default()
        };
        Dataset::synthetic(config).unwrap()
    };
    let cases = [(40, 0.2, 8), (40, 0.001, 1), (40, 0.999, 39), (2, 0.2, 1)];
    for (identities, held_out, expected) in cases {
        let set = set(identities);
        let side = |take, seed| {
            let split = Split {
                held_out,
                take,
                seed,
            };
            split.identities(set.index()).unwrap()
        };
        let [train, rest] = [SplitSide::Train, SplitSide::HeldOut].map(|take| side(take, 0));
        assert_eq!(rest.len(), expected, "{held_out} of {identities}");
        let mut all = [train, rest.clone()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..identities));
        if expected == 8 {
            assert_eq!(rest, side(SplitSide::HeldOut, 0));
            assert_ne!(rest, side(SplitSide::HeldOut, 1));
        }
    }
    let wrong = |held_out| Split {
        held_out,
        take: SplitSide::Train,
        seed: 0,
    };
    for held_out in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(wrong(held_out).identities(set(40).index()).is_err());
    }
    assert!(wrong(0.5).identities(set(1).index()).is_err(), "one alone");
}

/// Identity 4 i + t shows identity i turned by t quarters clockwise.
#[test]
fn rotations_make_four_identities_of_one() {
    let parent = parent();
    let rotated = parent.clone().with_rotations().unwrap();
    assert_eq!(rotated.index().identities(), 24);
    assert_eq!(rotated.index().images(), 4 * parent.index().images());
    let at = |pixels: &[u8], x: usize, y: usize| pixels[3 * (16 * y + x)..][..3].to_vec();
    for identity in 0..6 {
        for (number, original) in parent.index().images_of(identity).enumerate() {
            let original = pixels(&parent, original);
            for turns in 0..4 {
                let images = rotated.index().images_of(4 * identity + turns);
                let turned = pixels(&rotated, images.start + number as u64);
                for (x, y) in (0..16).flat_map(|x| (0..16).map(move |y| (x, y))) {
                    // Where a pixel of the turned picture comes from: back by quarters.
                    let (mut from_x, mut from_y) = (x, y);
                    for _ in 0..turns {
                        (from_x, from_y) = (from_y, 15 - from_x);
                    }
                    assert_eq!(at(&turned, x, y), at(&original, from_x, from_y));
                }
            }
        }
    }
}

/// Encoded pictures are decoded to be turned; the loaders take them as any other set's.
#[test]
fn encoded_pictures_are_turned_too() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("pictures");
    std::fs::create_dir_all(root.join("someone")).unwrap();
    // A PGM file of 2 x 2 pixels: 10 20 / 30 40.
    let file = b"P5\n2 2\n255\n\x0a\x14\x1e\x28";
    std::fs::write(root.join("someone/1.pgm"), file).unwrap();
    let rotated = Dataset::from_path(&root).unwrap();
    let rotated = Arc::new(Arc::new(rotated).with_rotations().unwrap());
    let config = LoaderConfig {
        batch: 4,
        height_px: 2,
        width_px: 2,
        channels: Channels::Grey,
        ..Default::default()
    };
    let mut loader = ListLoader::new(rotated, vec![0, 1, 2, 3], &config).unwrap();
    let batch = loader.next().unwrap().unwrap();
    let expected = [
        [10, 20, 30, 40],
        [30, 10, 40, 20],
        [40, 30, 20, 10],
        [20, 40, 10, 30],
    ];
    assert_eq!(batch.pixels(), expected.concat());
}

/// Every identity keeps as many different images as the law gives to one of them, in its own numbers.
#[test]
fn a_thinned_set_has_the_laws_images() {
    let config = SyntheticConfig {
        identities: 40,
        images: ImageCounts::Equal { images: 9 },
        size_px: 16,
        ..Default::default()
    };
    let parent = Arc::new(Dataset::synthetic(config).unwrap());
    let law = ImageCounts::Zipf {
        max: 20,
        min: 1,
        exponent: 0.8,
    };
    let thinned = parent.clone().thin(law).unwrap();
    let index = thinned.index();
    assert_eq!(index.identities(), 40);
    let mut counts = Vec::new();
    let mut firsts = Vec::new();
    for identity in 0..40 {
        let images = index.images_of(identity);
        counts.push(images.end - images.start);
        let origins = |dataset: &Dataset, images: std::ops::Range<u64>| {
            let mut origins: Vec<String> = images.map(|image| dataset.origin(image)).collect();
            origins.sort_unstable();
            origins.dedup();
            origins
        };
        let (first, number) = (images.start, images.end - images.start);
        let taken = origins(&thinned, images);
        let all = origins(&parent, parent.index().images_of(identity));
        assert_eq!(taken.len() as u64, number, "no image twice");
        assert!(taken.iter().all(|origin| all.contains(origin)));
        firsts.push(
            all.iter()
                .position(|origin| *origin == thinned.origin(first)),
        );
    }
    // The law's numbers, no more than there are, in another order.
    let mut expected: Vec<u64> = (0..40).map(|rank| law.of(rank).min(9)).collect();
    assert_ne!(counts, expected);
    counts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(counts, expected);
    // Not always from an identity's first image on.
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 5, "{firsts:?}");

    let again = parent.clone().thin(law).unwrap();
    assert_eq!(again.fingerprint().unwrap(), thinned.fingerprint().unwrap());
    let other = parent
        .clone()
        .thin(ImageCounts::Equal { images: 2 })
        .unwrap();
    assert_ne!(other.fingerprint().unwrap(), thinned.fingerprint().unwrap());
    assert!(parent.thin(ImageCounts::Equal { images: 0 }).is_err());
}
