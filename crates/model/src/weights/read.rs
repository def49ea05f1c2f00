use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::store::pytorch_reader::PytorchError;
use burn::store::{ModuleStore, PytorchStore, PytorchStoreError, SafetensorsStore, bridge};
use burn::tensor::TensorData;

use super::{Preprocessing, ShapeMismatch, TensorInfo, TensorMismatch, safetensors_header};
use crate::backbone::Backbone;
use crate::{Error, Result};

/// Key of the preprocessing in a file's metadata.
pub(crate) const PREPROCESSING: &str = "preprocessing";

/// Key of the network's settings in a file's metadata.
pub(crate) const NETWORK: &str = "network";

/// Where FFC's training and many others put the weights of a checkpoint.
const WRAPPER: &str = "state_dict";

/// What PyTorch's parallel wrappers put before every name.
const PREFIX: &str = "module.";

/// PyTorch counts batches in its norms and never reads the count.
const COUNTER: &str = "num_batches_tracked";

impl Backbone {
    /// Reads weights under PyTorch's names: SafeTensors, or PyTorch's own files (`.pt`, `.pth`), plain, below the key `state_dict` as
    /// in FFC's checkpoints, and with or without the prefix `module.`.
    ///
    /// Gives the preprocessing that the file tells, which only SafeTensors can. Where `expected` is given too, they must agree.
    ///
    /// # Errors
    ///
    /// [`Error::Tensors`] lists everything that is missing, unused or of another shape; [`Error::Preprocessing`] where the file tells
    /// another preprocessing; [`Error::Io`], [`Error::WeightFile`] and [`Error::Tensor`] for files that cannot be read. The network
    /// is then unchanged.
    pub fn read_weights(
        &mut self,
        path: impl AsRef<Path>,
        expected: Option<&Preprocessing>,
    ) -> Result<Option<Preprocessing>> {
        let path = path.as_ref();
        let (tensors, metadata) = match safetensors_header::metadata(path)? {
            Some(metadata) => (read_safetensors(path)?, metadata),
            None => (read_pytorch(path)?, HashMap::new()),
        };
        let tensors = under_plain_names(tensors);

        let mut mismatch = compare(&self.tensors(), &tensors);
        if !mismatch.is_empty() {
            mismatch.network = metadata.get(NETWORK).cloned();
            return Err(Error::Tensors {
                path: path.to_owned(),
                mismatch: Box::new(mismatch),
            });
        }
        let preprocessing = preprocessing(path, &metadata, expected)?;
        self.fill(|tensor| {
            let stored = tensors.get(&tensor.name);
            let stored = stored.ok_or_else(|| Error::tensor(path, &tensor.name, "missing"))?;
            data(stored).map_err(|problem| Error::tensor(path, &tensor.name, problem))
        })?;
        Ok(preprocessing)
    }
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<String, StoredTensor>> {
    let mut store = SafetensorsStore::from_file(path).map_indices_contiguous(false);
    let tensors = store
        .get_all_tensors()
        .map_err(|error| Error::weight_file(path, error))?;
    Ok(tensors.clone())
}

fn read_pytorch(path: &Path) -> Result<BTreeMap<String, StoredTensor>> {
    let store = || PytorchStore::from_file(path).map_indices_contiguous(false);
    let mut wrapped = store().with_top_level_key(WRAPPER);
    let tensors = match wrapped.get_all_tensors() {
        Err(PytorchStoreError::Reader(PytorchError::KeyNotFound(_))) => {
            store().get_all_tensors().cloned()
        }
        tensors => tensors.cloned(),
    };
    tensors.map_err(|error| Error::weight_file(path, error))
}

fn under_plain_names(tensors: BTreeMap<String, StoredTensor>) -> BTreeMap<String, StoredTensor> {
    let is_wrapped = tensors.keys().all(|name| name.starts_with(PREFIX));
    tensors
        .into_iter()
        .filter(|(name, _)| !name.ends_with(COUNTER))
        .map(|(name, tensor)| match name.strip_prefix(PREFIX) {
            Some(plain) if is_wrapped => (plain.to_owned(), tensor),
            _ => (name, tensor),
        })
        .collect()
}

fn compare(network: &[TensorInfo], file: &BTreeMap<String, StoredTensor>) -> TensorMismatch {
    let mut mismatch = TensorMismatch::default();
    let mut unused: BTreeMap<&str, ()> = file.keys().map(|name| (name.as_str(), ())).collect();
    for tensor in network {
        unused.remove(tensor.name.as_str());
        match file.get(&tensor.name) {
            None => mismatch.missing.push(tensor.name.clone()),
            Some(stored) if stored.shape.as_slice() != tensor.shape => {
                mismatch.shapes.push(ShapeMismatch {
                    name: tensor.name.clone(),
                    expected: tensor.shape.clone(),
                    found: stored.shape.to_vec(),
                });
            }
            Some(_) => {}
        }
    }
    mismatch.unused = unused.into_keys().map(str::to_owned).collect();
    mismatch
}

fn preprocessing(
    path: &Path,
    metadata: &HashMap<String, String>,
    expected: Option<&Preprocessing>,
) -> Result<Option<Preprocessing>> {
    let Some(text) = metadata.get(PREPROCESSING) else {
        return Ok(None);
    };
    let found: Preprocessing = serde_json::from_str(text)
        .map_err(|error| Error::weight_file(path, format!("its preprocessing: {error}")))?;
    match expected {
        Some(expected) if *expected != found => Err(Error::Preprocessing {
            path: path.to_owned(),
            expected: expected.clone(),
            found,
        }),
        _ => Ok(Some(found)),
    }
}

fn data(stored: &StoredTensor) -> std::result::Result<TensorData, String> {
    if !stored.dtype.is_float() {
        return Err(format!("{:?} instead of floating point", stored.dtype));
    }
    let data = bridge::to_data(stored).map_err(|error| error.to_string())?;
    Ok(data.convert::<f32>())
}
