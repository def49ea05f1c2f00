//! Random damage: an error or what can be read, never a panic.

use std::path::Path;
use std::sync::Arc;

use ffc_data::{Content, Damaged, Error, InstanceLoader, LoaderConfig};
use proptest::prelude::*;

use super::folder;
use crate::support::{copies, encoded, fixture, open, truth};

/// Every way to damage a file by a run of bytes or a cut: an error or a data set whose images can be asked for, but
/// never a panic.
fn damage(names: &[&str], file: &str, at: f64, bytes: &[u8], cut: bool) {
    let folder = copies(names);
    let opened = names
        .iter()
        .map(|name| folder.path().join(Path::new(name).file_name().unwrap()))
        .next()
        .unwrap();
    let path = folder.path().join(file);
    let mut content = std::fs::read(&path).unwrap();
    let at = (content.len() as f64 * at) as usize;
    if cut {
        content.truncate(at);
    } else {
        let end = (at + bytes.len()).min(content.len());
        content[at..end].copy_from_slice(&bytes[..end - at]);
    }
    std::fs::write(&path, content).unwrap();
    if let Ok(dataset) = open(&opened) {
        let dataset = Arc::new(dataset);
        let config = LoaderConfig {
            batch: 32,
            workers: 1,
            height_px: 24,
            width_px: 24,
            damaged: Damaged::Skip { limit: 1_000 },
            ..Default::default()
        };
        if let Some(Err(error)) = InstanceLoader::new(dataset, config, 0).unwrap().next() {
            assert!(!matches!(error, Error::WorkerPanic { .. }), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_record_files(at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool, list: bool) {
        let file = if list { "insightface.idx" } else { "insightface.rec" };
        damage(&["golden/insightface.rec", "golden/insightface.idx"], file, at, &bytes, cut);
        let file = file.replace("insightface", "im2rec");
        damage(&["golden/im2rec.rec", "golden/im2rec.idx"], &file, at, &bytes, cut);
    }

    #[test]
    fn damaged_archives(at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool) {
        damage(&["made/stored.zip"], "stored.zip", at, &bytes, cut);
        damage(&["made/deflated.zip"], "deflated.zip", at, &bytes, cut);
        damage(&["made/pax.tar"], "pax.tar", at, &bytes, cut);
    }

    /// Checksums let no changed byte of a member through.
    #[test]
    fn damaged_archives_give_true_images_or_errors(at in 0.0..1.0, flip in 1u8.., deflated: bool) {
        let name = if deflated { "deflated.zip" } else { "stored.zip" };
        let folder = copies(&[&format!("made/{name}")]);
        let path = folder.path().join(name);
        let dataset = open(&path).unwrap();
        let images = 0..dataset.index().images();
        let before: Vec<_> = images.clone().map(|image| encoded(&dataset, image)).collect();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= flip;
        std::fs::write(&path, bytes).unwrap();
        for image in images {
            let mut buffer = Vec::new();
            if let Ok(Content::Encoded(range)) = dataset.read(image, &mut buffer) {
                prop_assert_eq!(&buffer[range], &before[image as usize][..]);
            }
        }
    }

    #[cfg(feature = "lmdb")]
    #[test]
    fn damaged_lists(at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool) {
        damage(&["made/pylmdb.lmdb", "made/pylmdb.txt"], "pylmdb.txt", at, &bytes, cut);
    }

    #[test]
    fn damaged_pictures(picture in 0usize..14, at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool) {
        let cases = truth("made/images/truth.json");
        let file = cases[picture]["file"].as_str().unwrap();
        let root = folder(&["a/1.jpg"]);
        let mut content = std::fs::read(fixture("made/images").join(file)).unwrap();
        let at = (content.len() as f64 * at) as usize;
        if cut {
            content.truncate(at);
        } else {
            let end = (at + bytes.len()).min(content.len());
            content[at..end].copy_from_slice(&bytes[..end - at]);
        }
        std::fs::write(root.path().join("set/a/1.jpg"), content).unwrap();
        let dataset = Arc::new(open(&root.path().join("set")).unwrap());
        let config = LoaderConfig { batch: 1, workers: 1, ..Default::default() };
        if let Some(Err(error)) = InstanceLoader::new(dataset, config, 0).unwrap().next() {
            prop_assert!(matches!(error, Error::Image { .. }), "{}", error);
        }
    }
}
