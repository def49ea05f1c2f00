use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffc_data::{Content, Dataset, ImageCounts, LoaderConfig, SourceConfig, SyntheticConfig};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A writable copy of some fixtures, by their last names.
pub fn copies(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let from = fixture(name);
        let to = folder.path().join(from.file_name().unwrap());
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            for entry in std::fs::read_dir(&from).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
    folder
}

pub fn truth(name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

/// Opens and indexes what lies at `path`.
pub fn open(path: &Path) -> ffc_data::Result<Dataset> {
    Dataset::from_path(path)
}

pub fn open_config(config: &SourceConfig) -> ffc_data::Result<Dataset> {
    Dataset::open_or_build(config, &Default::default(), &mut |_| {})
}

/// An image's encoded bytes.
pub fn encoded(dataset: &Dataset, image: u64) -> Vec<u8> {
    let mut buffer = Vec::new();
    let Content::Encoded(range) = dataset.read(image, &mut buffer).unwrap() else {
        panic!("not encoded")
    };
    buffer[range].to_vec()
}

/// First 16 hex digits of the SHA-256 of an image's encoded bytes.
pub fn sha(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Small synthetic identities: `counts` by a long tail from 9 images to 1.
pub fn synthetic(identities: u64) -> Arc<Dataset> {
    let config = SyntheticConfig {
        identities,
        images: ImageCounts::Zipf {
            max: 9,
            min: 1,
            exponent: 0.7,
        },
        size_px: 16,
        ..Default::default()
    };
    Arc::new(Dataset::synthetic(config).unwrap())
}

/// Batches of 16 x 16 pictures.
pub fn small(batch: usize) -> LoaderConfig {
    LoaderConfig {
        batch,
        height_px: 16,
        width_px: 16,
        seed: 7,
        ..Default::default()
    }
}
