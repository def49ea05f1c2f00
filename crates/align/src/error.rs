use std::path::PathBuf;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate.
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

    /// Bytes that are no picture of such a size.
    #[error("{bytes} bytes are no RGB picture of {width} x {height} pixels")]
    Shape {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Bytes that were given.
        bytes: usize,
    },

    /// The operating system refused an operation on a file or folder.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },

    /// A file or folder is no detector.
    #[error("{}: {problem}", path.display())]
    Detector {
        /// The file or folder.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },

    /// A file of weights cannot be read.
    #[error(transparent)]
    Weights(#[from] ffc_model::Error),

    /// A line of a table of faces is not one.
    #[error("{}, line {line}: {problem}", path.display())]
    Landmarks {
        /// The table.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What was found and what was expected.
        problem: String,
    },

    /// A picture without a face, where each must have one.
    #[error("there is no face in {image}")]
    NoFace {
        /// The picture.
        image: String,
    },

    /// A folder holds aligned faces of other settings or pictures.
    #[error("{} holds faces that were aligned otherwise: {problem}; take another folder, or remove it", path.display())]
    OtherSettings {
        /// The folder.
        path: PathBuf,
        /// In what they differ.
        problem: String,
    },

    /// From the pictures.
    #[error(transparent)]
    Data(#[from] ffc_data::Error),

    /// Something cannot be written.
    #[error("{0}")]
    Failed(String),

    /// A device fails.
    #[error("the device fails: {0}")]
    Device(String),
}

impl Error {
    /// For `map_err`: names the action and the path of a failed system call.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn detector(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Detector {
            path: path.into(),
            problem: problem.into(),
        }
    }
}
