use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use burn::store::burn_pack::Tensor as StoredTensor;
use burn::store::{ModuleStore, PytorchStore, SafetensorsStore, bridge};
use burn::tensor::{Bytes, DType, TensorData};

use super::foreign::what_it_is;
use super::found::{COUNTER, Found};
use super::write::contents;
use super::{Preprocessing, TensorInfo, TensorMismatch, safetensors_header};
use crate::backbone::Backbone;
use crate::{Error, Result, onnx};

/// Key of the preprocessing in a file's metadata.
pub(crate) const PREPROCESSING: &str = "preprocessing";

/// Key of the network's settings in a file's metadata.
pub(crate) const NETWORK: &str = "network";

/// Names that a warning gives.
const SHOWN: usize = 4;

impl Backbone {
    /// Reads weights under PyTorch's names: SafeTensors, or PyTorch's own files (`.pt`, `.pth`), plain or below any keys of a checkpoint, such as
    /// `state_dict`, and with or without what PyTorch's wrappers put before all names. Tensors beside the network's, such as a head's, are left out
    /// with a warning. Of ONNX files those whose graph is the network's, with any names; norms that were folded into the layers before them
    /// become norms that only add, so that such a network evaluates as the file's does.
    ///
    /// Gives the preprocessing that the file tells, which SafeTensors can and ONNX files of our own do. Where `expected` is given too, they must agree.
    ///
    /// # Errors
    ///
    /// [`Error::Tensors`] lists everything that is missing, unused or of another shape; [`Error::Preprocessing`] where the file tells
    /// another preprocessing; [`Error::Io`], [`Error::WeightFile`] and [`Error::Tensor`] for files that cannot be read or hold numbers that are
    /// not finite; [`Error::OnnxGraph`] for ONNX files of another graph. The network is then unchanged.
    pub fn read_weights(
        &mut self,
        path: impl AsRef<Path>,
        expected: Option<&Preprocessing>,
    ) -> Result<Option<Preprocessing>> {
        let file = WeightFile::read(path.as_ref(), self)?;
        if !file.mismatch.is_empty() {
            return Err(file.refused());
        }
        let preprocessing = preprocessing(&file.path, &file.metadata, expected, self)?;
        self.fill(|tensor| file.data(tensor))?;
        file.tell_left_out();
        Ok(preprocessing)
    }

    /// Reads those weights of a file that the network has too, with the same shape, and leaves all others as they are: to start from a network
    /// with another embedding or other pictures. Gives in what the two differ.
    ///
    /// # Errors
    ///
    /// As [`read_weights`](Self::read_weights); [`Error::Tensors`] only where nothing fits.
    pub fn read_weights_in_part(
        &mut self,
        path: impl AsRef<Path>,
        expected: Option<&Preprocessing>,
    ) -> Result<(Option<Preprocessing>, TensorMismatch)> {
        let file = WeightFile::read(path.as_ref(), self)?;
        let mismatch = &file.mismatch;
        let others = mismatch.missing.len() + mismatch.shapes.len();
        if others == self.tensors().len() {
            return Err(file.refused());
        }
        let preprocessing = preprocessing(&file.path, &file.metadata, expected, self)?;
        let fits = |tensor: &TensorInfo| {
            !mismatch.missing.contains(&tensor.name)
                && !mismatch
                    .shapes
                    .iter()
                    .any(|shape| shape.name == tensor.name)
        };
        self.fill_some(|tensor| match fits(tensor) {
            true => file.data(tensor).map(Some),
            false => Ok(None),
        })?;
        file.tell_left_out();
        Ok((preprocessing, file.mismatch))
    }
}

/// All tensors of a SafeTensors file or of PyTorch's own by their names, as 32-bit numbers: for networks that are no [`Backbone`]. Counters of
/// steps, as PyTorch's norms have them, are not among them.
///
/// # Errors
///
/// [`Error::Io`], [`Error::WeightFile`] and [`Error::Tensor`] for files that cannot be read, hold no tensors or numbers that are not finite.
pub fn read_tensors(path: impl AsRef<Path>) -> Result<BTreeMap<String, TensorData>> {
    let path = path.as_ref();
    let (tensors, _) = read_file(path)?;
    let tensors = tensors.into_iter();
    let tensors = tensors.filter(|(name, _)| !name.ends_with(COUNTER));
    let tensors = tensors.map(|(name, stored)| {
        let data = data(&stored).map_err(|problem| Error::tensor(path, &name, problem))?;
        Ok((name, data))
    });
    tensors.collect()
}

/// A weight file beside a network.
struct WeightFile {
    path: PathBuf,
    found: Found,
    metadata: HashMap<String, String>,
    mismatch: TensorMismatch,
}

impl WeightFile {
    fn read(path: &Path, network: &Backbone) -> Result<Self> {
        let (tensors, metadata) = match is_onnx(path)? {
            true => read_onnx(path, network)?,
            false => read_file(path)?,
        };
        let network = network.tensors();
        let found = Found::new(&network, tensors);
        let found = found.map_err(|problem| Error::weight_file(path, problem))?;
        let mut mismatch = found.compare(&network);
        mismatch.network = metadata.get(NETWORK).cloned();
        Ok(Self {
            path: path.to_owned(),
            found,
            metadata,
            mismatch,
        })
    }

    fn refused(self) -> Error {
        Error::Tensors {
            path: self.path,
            mismatch: Box::new(self.mismatch),
        }
    }

    fn data(&self, tensor: &TensorInfo) -> Result<TensorData> {
        let wrong = |problem: String| Error::tensor(&self.path, &tensor.name, problem);
        let stored = self.found.tensors.get(&tensor.name);
        let stored = stored.ok_or_else(|| wrong("missing".into()))?;
        let data = data(stored).map_err(wrong)?;
        let is_negative = |data: &TensorData| data.iter::<f32>().any(|value| value < 0.0);
        // Their square roots divide: every embedding would be none.
        if tensor.name.ends_with(".running_var") && is_negative(&data) {
            return Err(wrong("it is a variance, but some are negative".into()));
        }
        Ok(data)
    }

    fn tell_left_out(&self) {
        let names = &self.found.left_out;
        if names.is_empty() {
            return;
        }
        let shown = names[..names.len().min(SHOWN)].join(", ");
        let more = if names.len() > SHOWN { ", ..." } else { "" };
        tracing::warn!(
            "{}: {} tensors are no part of the network and are left out: {shown}{more}",
            self.path.display(),
            names.len()
        );
    }
}

/// Tensors by their names, and metadata.
type Contents = (BTreeMap<String, StoredTensor>, HashMap<String, String>);

/// Whether a file begins as ONNX files do: with the version of their format. SafeTensors may too.
pub(super) fn is_onnx(path: &Path) -> Result<bool> {
    if safetensors_header::metadata(path)?.is_some() {
        return Ok(false);
    }
    let mut first = Vec::new();
    let file = File::open(path).map_err(Error::io("open", path))?;
    file.take(1)
        .read_to_end(&mut first)
        .map_err(Error::io("read", path))?;
    Ok(first == [0x08])
}

/// An ONNX file's tensors under the network's names; those that evaluation does not need are the network's own.
fn read_onnx(path: &Path, network: &Backbone) -> Result<Contents> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let wrong = |problem| Error::OnnxGraph {
        path: path.to_owned(),
        problem,
    };
    let mut found = onnx::tensors(&bytes, network).map_err(wrong)?;
    let metadata = onnx::metadata(&bytes).map_err(wrong)?;
    for (tensor, bytes) in contents(network) {
        if found.contains_key(&tensor.name) {
            continue;
        }
        let bytes = bytes.map_err(|problem| Error::tensor(path, &tensor.name, problem))?;
        let bytes = Bytes::from_bytes_vec(bytes);
        let data = TensorData::from_bytes(bytes, tensor.shape, DType::F32);
        found.insert(tensor.name, data);
    }
    let stored = found.into_iter().map(|(name, data)| {
        let stored = bridge::from_data(data, name.clone(), None);
        (name, stored)
    });
    Ok((stored.collect(), metadata))
}

/// Tensors and metadata of a file of PyTorch's or SafeTensors.
fn read_file(path: &Path) -> Result<Contents> {
    let (tensors, metadata) = match safetensors_header::metadata(path)? {
        Some(metadata) => (read_safetensors(path)?, metadata),
        None => (read_pytorch(path)?, HashMap::new()),
    };
    if tensors.is_empty() {
        let problem = what_it_is(path).unwrap_or("it holds no tensors; save `model.state_dict()`");
        return Err(Error::weight_file(path, problem));
    }
    Ok((tensors, metadata))
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<String, StoredTensor>> {
    let mut store = SafetensorsStore::from_file(path).map_indices_contiguous(false);
    let tensors = store
        .get_all_tensors()
        .map_err(|error| Error::weight_file(path, in_words(&error.to_string())))?;
    Ok(tensors.clone())
}

fn read_pytorch(path: &Path) -> Result<BTreeMap<String, StoredTensor>> {
    let mut store = PytorchStore::from_file(path).map_indices_contiguous(false);
    let tensors = store.get_all_tensors().map_err(|error| {
        let problem = what_it_is(path).map_or_else(|| in_words(&error.to_string()), str::to_owned);
        Error::weight_file(path, problem)
    })?;
    Ok(tensors.clone())
}

/// A reader's message, or what it means where files that are cut off have it.
fn in_words(message: &str) -> String {
    // Of a zip archive, of SafeTensors' tensors beside its length, of a pickle.
    let of_cut_files = [
        "zip archive error",
        "not fully covered",
        "IncompleteBuffer",
        "fill whole buffer",
        "nexpected end",
    ];
    match of_cut_files.iter().any(|part| message.contains(part)) {
        true => format!("it is cut off or damaged, get it again ({message})"),
        false => message.to_owned(),
    }
}

/// The preprocessing that a file tells, which must be the expected one and of the network's pictures.
fn preprocessing(
    path: &Path,
    metadata: &HashMap<String, String>,
    expected: Option<&Preprocessing>,
    network: &Backbone,
) -> Result<Option<Preprocessing>> {
    let Some(text) = metadata.get(PREPROCESSING) else {
        return Ok(None);
    };
    let found: Preprocessing = serde_json::from_str(text)
        .map_err(|error| Error::weight_file(path, format!("its preprocessing: {error}")))?;
    let input = network.config().input();
    let problem = if !found.is_sensible() {
        Some("its mean and scale make no finite numbers of the bytes 0 to 255".to_owned())
    } else if found.shape() != [input.channels, input.height_px, input.width_px] {
        Some(format!(
            "the network takes {} channels of {}x{}",
            input.channels, input.height_px, input.width_px
        ))
    } else {
        None
    };
    if let Some(problem) = problem {
        let problem = format!("its preprocessing is {found}, but {problem}");
        return Err(Error::weight_file(path, problem));
    }
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
    let data = data.convert::<f32>();
    let values = data
        .as_slice::<f32>()
        .map_err(|error| format!("{error:?}"))?;
    match values.iter().filter(|value| !value.is_finite()).count() {
        0 => Ok(data),
        bad => Err(format!(
            "{bad} of its {} values are not finite",
            values.len()
        )),
    }
}
