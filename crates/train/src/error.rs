use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration cannot be read or a key or value in it is wrong.
    #[error("{origin}: {problem}")]
    Config {
        /// The file, or the override.
        origin: String,
        /// What is wrong and what was expected.
        problem: String,
    },

    /// A setting is outside its range, or two do not fit.
    #[error("{setting} is {value}, but must be {expected}")]
    Setting {
        /// The key in the configuration.
        setting: Cow<'static, str>,
        /// The value that was given.
        value: String,
        /// The values that are allowed.
        expected: String,
    },

    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },

    /// A file as a whole is not what it should be.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },

    /// A line of a file is damaged.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What was found and what was expected.
        problem: String,
    },

    /// The folder of a run cannot be used.
    #[error("{}: {problem}", path.display())]
    RunFolder {
        /// The folder.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },

    /// Loss or gradient is no longer a finite number.
    #[error(
        "{what} is {value} at step {step}; the last checkpoint is from before. \
         A lower learning rate, a longer warm-up or clip_norm may help"
    )]
    NotFinite {
        /// Loss or norm of the gradient.
        what: &'static str,
        /// Its value.
        value: f32,
        /// The step, counted from 1.
        step: u64,
    },

    /// A network embedded a picture as zeros, which have no direction.
    #[error(
        "an embedding is all zeros at step {step}: the network has collapsed, or a picture of one colour meets a network without \
         biases; the last checkpoint is from before"
    )]
    ZeroEmbedding {
        /// The step, counted from 1.
        step: u64,
    },

    /// A head does what its announcements do not say.
    #[error("the head {problem}")]
    Head {
        /// What.
        problem: String,
    },

    /// A run cannot be resumed with other settings that decide it.
    #[error(
        "{}: a resumed run keeps the settings that decide it, but would change {}; start a new run for that, which can take the weights of this \
         one by training.weights",
        path.display(),
        changes.join(", ")
    )]
    Resume {
        /// The run's folder.
        path: PathBuf,
        /// Each setting with its old and new value.
        changes: Vec<String>,
    },

    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),

    /// From the head or the moving average.
    #[error(transparent)]
    Core(#[from] ffc_core::Error),

    /// From the data.
    #[error(transparent)]
    Data(#[from] ffc_data::Error),

    /// From the network.
    #[error(transparent)]
    Model(#[from] ffc_model::Error),

    /// From an evaluation.
    #[error("evaluation {name} failed")]
    Evaluation {
        /// Its name.
        name: String,
        /// What went wrong.
        source: ffc_eval::Error,
    },
}

impl Error {
    /// Whether the configuration is wrong, not the world.
    pub fn is_of_configuration(&self) -> bool {
        if let Self::Evaluation { source, .. } = self {
            return source.is_of_configuration();
        }
        matches!(
            self,
            Self::Config { .. }
                | Self::Setting { .. }
                | Self::Resume { .. }
                | Self::Core(ffc_core::Error::Setting { .. })
                | Self::Data(ffc_data::Error::Setting { .. })
                | Self::Model(ffc_model::Error::Setting { .. })
        )
    }

    /// An error of a lower crate's settings, with the whole key.
    pub(crate) fn in_table(table: &'static str, error: ffc_core::Error) -> Self {
        match error {
            ffc_core::Error::Setting {
                setting,
                value,
                expected,
            } => Self::setting(format!("{table}.{setting}"), value, expected),
            ffc_core::Error::CapacityTooSmall { capacity, rows } => Self::setting(
                format!("{table}.pool"),
                capacity,
                format!("at least the {rows} rows of a dual batch's side"),
            ),
            ffc_core::Error::QueueSize { .. } => Self::Config {
                origin: format!("{table}.queue"),
                problem: error.to_string(),
            },
            ffc_core::Error::Memory { .. } | ffc_core::Error::WeightFile { .. } => Self::Config {
                origin: table.to_owned(),
                problem: error.to_string(),
            },
            ffc_core::Error::TooFewVirtualRows { .. } => Self::Config {
                origin: format!("{table}.rows"),
                problem: error.to_string(),
            },
            error => error.into(),
        }
    }

    /// A network's setting with its table in the configuration.
    pub(crate) fn in_backbone(error: ffc_model::Error) -> Self {
        match error {
            ffc_model::Error::Setting {
                setting,
                value,
                expected,
            } => Self::setting(format!("backbone.{setting}"), value, expected),
            error => error.into(),
        }
    }

    /// A protocol's setting with its table in the configuration.
    pub(crate) fn in_evaluation(at: usize, name: &str, error: ffc_eval::Error) -> Self {
        match error {
            ffc_eval::Error::Setting {
                setting,
                value,
                expected,
            } => Self::setting(
                format!("evaluation.{at}.protocol.{setting}"),
                value,
                expected,
            ),
            source => Self::Evaluation {
                name: name.to_owned(),
                source,
            },
        }
    }

    /// An error of the loaders' settings, with the whole key.
    pub(crate) fn in_loader(error: ffc_data::Error) -> Self {
        match error {
            ffc_data::Error::Setting {
                setting,
                value,
                expected,
            } => {
                let table = match setting {
                    "height_px" | "width_px" => "backbone",
                    _ => "loader",
                };
                Self::setting(format!("{table}.{setting}"), value, expected)
            }
            error => error.into(),
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn format(path: impl AsRef<Path>, problem: impl ToString) -> Self {
        Self::Format {
            path: path.as_ref().to_owned(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn setting(
        setting: impl Into<Cow<'static, str>>,
        value: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Setting {
            setting: setting.into(),
            value: value.to_string(),
            expected: expected.into(),
        }
    }
}
