use std::path::{Path, PathBuf};

use crate::weights::{Preprocessing, TensorMismatch};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate. After an error the network is as it was before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range.
    #[error("{setting} is {value}, but must be {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value that was given.
        value: String,
        /// The values that are allowed.
        expected: &'static str,
    },

    /// Pictures of another size or with other channels than the network was built for.
    #[error(
        "the pictures have shape {found:?}, but the network takes [rows, {}, {}, {}]: rows, channels, height, width",
        expected[0], expected[1], expected[2]
    )]
    InputShape {
        /// Channels, height and width that the network was built for.
        expected: [usize; 3],
        /// Shape of the pictures.
        found: [usize; 4],
    },

    /// Too few pictures for statistics of the batch.
    #[error("{rows} pictures in a batch, but statistics of the batch need at least 2")]
    BatchTooSmall {
        /// Pictures of the batch.
        rows: usize,
    },

    /// The operating system refused an operation on a file.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },

    /// An ONNX file cannot be read into a network, for most because its graph is another.
    #[error("{}, as an ONNX file: {problem}", path.display())]
    OnnxGraph {
        /// The file.
        path: PathBuf,
        /// What was found, and at which node.
        problem: String,
    },

    /// A file is no weight file, or a damaged one.
    #[error("{} is not a whole weight file: {problem}", path.display())]
    WeightFile {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },

    /// The tensors of a file are not those of the network.
    #[error("{} does not fit the network: {mismatch}", path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// Everything that is missing, unused or of another shape.
        mismatch: Box<TensorMismatch>,
    },

    /// One tensor cannot be read or written.
    #[error("tensor `{tensor}` of {}: {problem}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Name of the tensor, as in PyTorch.
        tensor: String,
        /// What was found and what was expected.
        problem: String,
    },

    /// The weights belong to pictures that were prepared in another way.
    #[error(
        "the weights of {} belong to pictures prepared as {found}, but {expected} is configured", path.display()
    )]
    Preprocessing {
        /// The file.
        path: PathBuf,
        /// The configured preprocessing.
        expected: Preprocessing,
        /// What the file says.
        found: Preprocessing,
    },

    /// The preprocessing does not give the pictures that the network takes.
    #[error("the preprocessing gives pictures of [{}, {}, {}], but the network takes {network:?}: channels, height, width", preprocessing[0], preprocessing[1], preprocessing[2])]
    PreprocessingShape {
        /// Channels, height and width of the preprocessing.
        preprocessing: [usize; 3],
        /// Channels, height and width of the network.
        network: [usize; 3],
    },

    /// A network cannot be written as ONNX.
    #[error("{} cannot be written as ONNX: {problem}", path.display())]
    Onnx {
        /// The file.
        path: PathBuf,
        /// What stands in the way.
        problem: String,
    },
}

impl Error {
    /// For `map_err`: names the action and the path of a failed system call.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn weight_file(path: &Path, problem: impl ToString) -> Self {
        Self::WeightFile {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn tensor(path: &Path, tensor: &str, problem: impl ToString) -> Self {
        Self::Tensor {
            path: path.to_owned(),
            tensor: tensor.to_owned(),
            problem: problem.to_string(),
        }
    }
}
