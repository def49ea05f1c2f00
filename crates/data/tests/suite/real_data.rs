//! Omniglot and LFW as they are shipped, where they are at hand beside the project; with `FFC_REQUIRE_SHARED` they must be. Counts from
//! their documentation.

use std::path::PathBuf;
use std::sync::Arc;

use ffc_data::{Dataset, InstanceLoader, LoaderConfig};

use super::support::open;

fn data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("FFC_REQUIRE_SHARED").is_some_and(|value| !value.is_empty());
    assert!(!required, "{} is missing", path.display());
    println!("skipped: {name} is not at hand");
    None
}

/// Indexes a link to the archive, so that nothing is written beside it.
fn open_linked(name: &str) -> Option<(tempfile::TempDir, Dataset)> {
    let path = data(name)?.canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("data.zip");
    std::os::unix::fs::symlink(path, &link).unwrap();
    let dataset = open(&link).unwrap();
    Some((folder, dataset))
}

/// Reads every image once through a loader.
fn read_whole(dataset: Dataset, size: usize) -> u64 {
    let dataset = Arc::new(dataset);
    let config = LoaderConfig {
        batch: 500,
        height_px: size,
        width_px: size,
        ..Default::default()
    };
    let mut seen = vec![false; dataset.index().images() as usize];
    let loader = InstanceLoader::new(dataset.clone(), config, 0).unwrap();
    let steps = loader.steps_per_epoch();
    for batch in loader.take(steps as usize) {
        for &image in batch.unwrap().images.images() {
            seen[image as usize] = true;
        }
    }
    seen.into_iter().filter(|seen| *seen).count() as u64
}

#[test]
fn omniglot_is_read_whole() {
    for (name, identities) in [
        ("omniglot/images_background.zip", 964),
        ("omniglot/images_evaluation.zip", 659),
    ] {
        let Some((_folder, dataset)) = open_linked(name) else {
            return;
        };
        let index = dataset.index();
        assert_eq!(
            (index.identities(), index.images()),
            (identities, identities * 20)
        );
        assert_eq!((index.min_images(), index.max_images()), (20, 20));
        assert_eq!(read_whole(dataset, 105), identities * 20);
    }
}

#[test]
fn lfw_is_read_whole() {
    let Some((_folder, dataset)) = open_linked("lfw/lfw_crop112.zip") else {
        return;
    };
    let index = dataset.index();
    assert_eq!((index.identities(), index.images()), (5_749, 13_233));
    let counts = (0..index.identities()).map(|identity| index.images_of(identity).count());
    let counts: Vec<usize> = counts.collect();
    assert_eq!(counts.iter().filter(|&&count| count == 1).count(), 4_069);
    assert_eq!(counts.iter().filter(|&&count| count >= 10).count(), 158);
    assert_eq!(counts.iter().max(), Some(&530));
    assert_eq!(index.name_of(0).unwrap(), "AJ_Cook");
    let largest = counts.iter().position(|&count| count == 530).unwrap() as u64;
    assert_eq!(index.name_of(largest).unwrap(), "George_W_Bush");
    assert_eq!(read_whole(dataset, 112), 13_233);
}
