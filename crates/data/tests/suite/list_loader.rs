//! Given images in the given order, as they are.

use std::sync::Arc;

use ffc_data::{AugmentConfig, Channels, Content, Damaged, Error, ListLoader, LoaderConfig};

use super::support::{copies, open, small, synthetic};

/// Batches of images with repetitions, whatever the workers; pixels as the source has them, though the configuration asks for
/// changes; the last batch short.
#[test]
fn images_come_in_their_order_and_unchanged() {
    let dataset = synthetic(37);
    let images = vec![5, 0, 5, 50, 3, 2, 1, 49, 49, 6, 4];
    for (batch, workers, sizes) in [(4, 1, vec![4, 4, 3]), (11, 3, vec![11]), (100, 2, vec![11])] {
        let config = LoaderConfig {
            workers,
            augment: AugmentConfig {
                grey: 1.0,
                ..Default::default()
            },
            ..small(batch)
        };
        let loader = ListLoader::new(dataset.clone(), images.clone(), &config).unwrap();
        let batches: Vec<_> = loader.map(Result::unwrap).collect();
        let found: Vec<usize> = batches.iter().map(|batch| batch.images().len()).collect();
        assert_eq!(found, sizes);
        let mut expected = images.iter();
        for batch in &batches {
            assert_eq!(batch.shape(), [batch.images().len(), 16, 16, 3]);
            let rows = batch.images().iter().zip(batch.identities());
            for ((&image, &identity), pixels) in rows.zip(batch.pixels().chunks_exact(16 * 16 * 3))
            {
                assert_eq!(Some(&image), expected.next());
                assert_eq!(identity, dataset.index().identity_of(image));
                let mut truth = Vec::new();
                let content = dataset.read(image, &mut truth).unwrap();
                assert!(matches!(
                    content,
                    Content::Rgb {
                        width: 16,
                        height: 16
                    }
                ));
                assert!(pixels == truth, "image {image}");
            }
        }
        assert_eq!(expected.next(), None);
    }
}

#[test]
fn no_images_no_batch() {
    let mut loader = ListLoader::new(synthetic(3), Vec::new(), &small(4)).unwrap();
    assert!(loader.next().is_none());
}

#[test]
fn an_unknown_image_is_refused_at_once() {
    let dataset = synthetic(3);
    let images = dataset.index().images();
    let error = ListLoader::new(dataset, vec![0, images], &small(4))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains(&format!("image is {images}")),
        "{error}"
    );
}

/// A damaged image ends the list, or another of its identity takes its place, which the batch says.
#[test]
fn a_damaged_image() {
    let folder = copies(&["made/images"]);
    let root = folder.path().join("set");
    std::fs::create_dir_all(root.join("a")).unwrap();
    std::fs::copy(
        folder.path().join("images/png_rgb.png"),
        root.join("a/1.png"),
    )
    .unwrap();
    std::fs::write(root.join("a/2.png"), b"no picture").unwrap();
    let dataset = Arc::new(open(&root).unwrap());
    let config = |damaged| LoaderConfig {
        damaged,
        channels: Channels::Grey,
        ..small(1)
    };
    let skip = config(Damaged::Skip { limit: 9 });
    let loader = ListLoader::new(dataset.clone(), vec![0, 1], &skip).unwrap();
    let batches: Vec<_> = loader.map(Result::unwrap).collect();
    assert_eq!(batches[1].images(), [0]);
    assert_eq!(batches[1].pixels(), batches[0].pixels());

    let fail = config(Damaged::Fail);
    let mut loader = ListLoader::new(dataset, vec![0, 1, 0], &fail).unwrap();
    assert!(loader.next().unwrap().is_ok());
    let error = loader.next().unwrap().unwrap_err();
    assert!(matches!(error, Error::Image { image: 1, .. }), "{error}");
    assert!(loader.next().is_none());
}
