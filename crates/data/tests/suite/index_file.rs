//! The index on disk.

use std::path::Path;

use ffc_data::{
    BuildConfig, BuildProgress, Error, ImageCounts, Index, IndexBuilder, Synthetic, SyntheticConfig,
};
use proptest::prelude::*;

use super::support::{copies, fixture, open, open_config};

fn source(identities: u64) -> Synthetic {
    Synthetic::new(SyntheticConfig {
        identities,
        images: ImageCounts::Zipf {
            max: 3000,
            min: 1,
            exponent: 0.9,
        },
        ..Default::default()
    })
    .unwrap()
}

fn build(source: &Synthetic, path: &Path, memory_bytes: usize) {
    let config = BuildConfig {
        memory_bytes,
        ..Default::default()
    };
    IndexBuilder::build(source, path, &config, &mut |_| {}).unwrap();
}

#[test]
fn memory_changes_nothing_and_the_file_equals_the_one_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(5_000);
    let paths = [folder.path().join("much"), folder.path().join("little")];
    build(&source, &paths[0], 1 << 28);
    build(&source, &paths[1], 0);
    assert_eq!(
        std::fs::read(&paths[0]).unwrap(),
        std::fs::read(&paths[1]).unwrap()
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let file = Index::open(&paths[0], &source).unwrap();
    let memory = Index::from_counts(source.counts()).unwrap();
    assert_eq!(
        (file.identities(), file.images()),
        (memory.identities(), memory.images())
    );
    assert_eq!((file.min_images(), file.max_images()), (1, 3000));
    for identity in 0..file.identities() {
        assert_eq!(file.images_of(identity), memory.images_of(identity));
    }
    for image in 0..file.images() {
        assert_eq!(file.identity_of(image), memory.identity_of(image));
    }
}

#[test]
fn progress_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let source = source(60_000);
    IndexBuilder::build(
        &source,
        &folder.path().join("index"),
        &BuildConfig::default(),
        &mut |progress| {
            told.push(progress);
        },
    )
    .unwrap();
    let images: u64 = source.counts().sum();
    assert!(matches!(
        told[0],
        BuildProgress::Scanning { images: 65_536 }
    ));
    assert!(matches!(told.last(), Some(BuildProgress::Writing { total, .. }) if *total == images));
}

#[test]
fn another_state_of_the_source_makes_it_stale() {
    let folder = copies(&["golden/im2rec.rec", "golden/im2rec.idx"]);
    let path = folder.path().join("im2rec.rec");
    open(&path).unwrap();
    open(&path).unwrap();
    // Same length, later time.
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let changed = file.metadata().unwrap().modified().unwrap();
    file.set_modified(changed + std::time::Duration::from_secs(1))
        .unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, Error::ChangedSource { .. }), "{error}");
    // Another byte.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, Error::StaleIndex { .. }), "{error}");
}

#[test]
fn a_folder_is_indexed_anew_when_a_picture_comes_or_goes() {
    let folder = tempfile::tempdir().unwrap();
    let picture = |name: &str| folder.path().join("set").join(name);
    std::fs::create_dir_all(picture("a")).unwrap();
    std::fs::create_dir_all(picture("b")).unwrap();
    for name in ["a/1.png", "a/2.png", "b/1.png"] {
        std::fs::copy(fixture("made/images/png_rgb.png"), picture(name)).unwrap();
    }
    let index = folder.path().join("set.ffc-index");
    let images = |identity| {
        let set = open(&picture("")).unwrap();
        let images = set.index().images_of(identity);
        images.end - images.start
    };
    assert_eq!([images(0), images(1)], [2, 1]);
    let before = std::fs::read(&index).unwrap();
    std::fs::write(picture("a/notes.txt"), "no picture").unwrap();
    assert_eq!([images(0), images(1)], [2, 1]);
    assert_eq!(std::fs::read(&index).unwrap(), before);
    std::fs::rename(picture("a/2.png"), picture("b/2.png")).unwrap();
    assert_eq!([images(0), images(1)], [1, 2]);
    assert_ne!(std::fs::read(&index).unwrap(), before);
}

#[test]
fn an_index_of_another_source_is_refused() {
    let folder = copies(&[
        "golden/im2rec.rec",
        "golden/im2rec.idx",
        "made/plain.rec",
        "made/plain.idx",
    ]);
    open(&folder.path().join("plain.rec")).unwrap();
    std::fs::rename(
        folder.path().join("plain.rec.ffc-index"),
        folder.path().join("im2rec.rec.ffc-index"),
    )
    .unwrap();
    let error = open(&folder.path().join("im2rec.rec")).unwrap_err();
    assert!(matches!(error, Error::StaleIndex { .. }), "{error}");
}

/// A failed scan leaves nothing, and an index that was there stays.
#[test]
fn another_file_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.zip");
    std::fs::write(&path, b"PK\x03\x04 and more").unwrap();
    let build =
        |path: &Path| IndexBuilder::build(&source(9), path, &BuildConfig::default(), &mut |_| {});
    let error = build(&path).unwrap_err().to_string();
    assert!(
        error.contains("archive.zip") && error.contains("is no index"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"PK\x03\x04 and more");
    // One that is damaged is, and one that is whole.
    let index = folder.path().join("set.ffc-index");
    std::fs::write(&index, b"damaged").unwrap();
    build(&index).unwrap();
    let other = folder.path().join("index");
    std::fs::copy(&index, &other).unwrap();
    build(&other).unwrap();
}

#[test]
fn a_failed_build_leaves_the_old_index() {
    let folder = copies(&["golden/im2rec.rec", "golden/im2rec.idx"]);
    let path = folder.path().join("im2rec.rec");
    open(&path).unwrap();
    let index = folder.path().join("im2rec.rec.ffc-index");
    let before = std::fs::read(&index).unwrap();
    let list = folder.path().join("im2rec.idx");
    std::fs::write(&list, std::fs::read_to_string(&list).unwrap() + "99\t7\n").unwrap();
    let config = ffc_data::SourceConfig::detect(&path).unwrap();
    let source = config.open().unwrap();
    assert!(IndexBuilder::build(&*source, &index, &BuildConfig::default(), &mut |_| {}).is_err());
    assert_eq!(std::fs::read(&index).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    assert!(matches!(
        open_config(&config).unwrap_err(),
        Error::StaleIndex { .. }
    ));
}

/// Cut off at every length, and with every one of the first bytes changed.
#[test]
fn damaged_headers_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let (path, source) = (folder.path().join("index"), source(50));
    build(&source, &path, 1 << 20);
    let whole = std::fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged");
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&damaged, &whole[..length]).unwrap();
        assert!(
            matches!(
                Index::open(&damaged, &source),
                Err(Error::DamagedIndex { .. })
            ),
            "{length}"
        );
    }
    let header = whole[..4096]
        .iter()
        .rposition(|&byte| byte == b'}')
        .unwrap();
    for at in 0..=header {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&damaged, &bytes).unwrap();
        assert!(Index::open(&damaged, &source).is_err(), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Any changed byte behind the header is found by `verify`, and no look-up leaves its range.
    #[test]
    fn damage_is_found_and_does_no_harm(at in 4096usize..8000, flip in 1u8..) {
        let folder = tempfile::tempdir().unwrap();
        let (path, source) = (folder.path().join("index"), source(200));
        build(&source, &path, 1 << 20);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = 4096 + (at - 4096) * (bytes.len() - 4096) / 4000;
        bytes[at] ^= flip;
        std::fs::write(&path, &bytes).unwrap();
        let index = Index::open(&path, &source).unwrap();
        prop_assert!(index.verify().is_err());
        for identity in 0..index.identities() {
            let range = index.images_of(identity);
            prop_assert!(range.start < range.end && range.end <= index.images());
            let _ = index.name_of(identity);
        }
        for image in 0..index.images() {
            prop_assert!(index.identity_of(image) < index.identities());
        }
    }
}
