//! Files of recorded states: reading them, and writing those of our own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::support::assert_close;

/// A file of recorded states.
pub struct Recorded {
    name: String,
    bytes: Vec<u8>,
    metadata: HashMap<String, String>,
}

impl Recorded {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            metadata: header.metadata().clone().unwrap(),
            bytes,
        }
    }

    /// Those of the official code in a folder of `shared/golden/heads`. Empty where the folder is not at hand; with
    /// `FFC_REQUIRE_SHARED` it must be.
    pub fn official(folder: &str, count: usize) -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/heads");
        let path = path.join(folder);
        let files = Self::folder(&path);
        if files.is_empty() {
            let required =
                std::env::var_os("FFC_REQUIRE_SHARED").is_some_and(|value| !value.is_empty());
            assert!(!required, "{} is missing or empty", path.display());
            eprintln!(
                "skipped: no recorded states of the official code in {}",
                path.display()
            );
            return files;
        }
        assert_eq!(files.len(), count, "in {}", path.display());
        files
    }

    /// Our own, written by a naive oracle.
    pub fn own(name: &str) -> Self {
        Self::read(&own_path(name))
    }

    fn folder(path: &Path) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(path) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "safetensors")
        });
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The file's name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A setting.
    pub fn number(&self, key: &str) -> f64 {
        self.metadata[key].parse().unwrap()
    }

    fn tensor(&self, name: &str, dtype: Dtype) -> Vec<u8> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = file.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), dtype, "{name}");
        tensor.data().to_vec()
    }

    /// A setting in words.
    pub fn text(&self, key: &str) -> &str {
        &self.metadata[key]
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        file.names().contains(&name)
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        let bytes = self.tensor(name, Dtype::F32);
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()
    }

    pub fn integers(&self, name: &str) -> Vec<u64> {
        let bytes = self.tensor(name, Dtype::I64);
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .collect()
    }

    #[track_caller]
    pub fn check(&self, name: &str, found: &[f32], tolerance: f32) {
        assert_close(
            &format!("{}: {name}", self.name),
            found,
            &self.floats(name),
            tolerance,
        );
    }
}

/// A file of our own that is to be written.
#[derive(Default)]
pub struct Recorder {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, Dtype, usize, Vec<u8>)>,
}

impl Recorder {
    pub fn number(&mut self, key: &str, value: f64) {
        self.metadata.insert(key.to_owned(), value.to_string());
    }

    pub fn floats(&mut self, name: &str, values: impl IntoIterator<Item = f64>) {
        let bytes: Vec<u8> = values
            .into_iter()
            .flat_map(|value| (value as f32).to_le_bytes())
            .collect();
        self.tensors
            .push((name.to_owned(), Dtype::F32, bytes.len() / 4, bytes));
    }

    pub fn integers(&mut self, name: &str, values: &[u64]) {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.tensors
            .push((name.to_owned(), Dtype::I64, values.len(), bytes));
    }

    pub fn write(self, name: &str) {
        let views = self.tensors.iter().map(|(name, dtype, len, bytes)| {
            (
                name.as_str(),
                TensorView::new(*dtype, vec![*len], bytes).unwrap(),
            )
        });
        std::fs::create_dir_all(own_path(name).parent().unwrap()).unwrap();
        safetensors::serialize_to_file(views, Some(self.metadata.clone()), &own_path(name))
            .unwrap();
    }
}

fn own_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/rivals/{name}.safetensors"))
}
