use std::path::{Path, PathBuf};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Images cannot be read.
    #[error(transparent)]
    Data(#[from] ffc_data::Error),

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

    /// A list of pairs, templates or videos is not what its format says, or does not fit the images.
    #[error("{}, line {line}: {problem}", path.display())]
    PairsFile {
        /// The list.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What was found and what was expected.
        problem: String,
    },

    /// A file is none of thresholds.
    #[error("{} holds no thresholds: {problem}; `ffc eval` writes such files", path.display())]
    Thresholds {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },

    /// The set is too small for the protocol.
    #[error("{}{needed} {what} are needed, but there are {found}", before(list.as_deref()))]
    TooFew {
        /// The list that they are of, where they are of one.
        list: Option<PathBuf>,
        /// Of what.
        what: &'static str,
        /// Number that the protocol needs.
        needed: u64,
        /// Number that there are.
        found: u64,
    },

    /// An embedding holds NaN or an infinity.
    #[error("the embedding of {origin} is not finite")]
    NotFinite {
        /// The image, or the row.
        origin: String,
    },

    /// What makes the embeddings makes zeros alone, which have no direction.
    #[error(
        "all {count} embeddings are zeros, which are like nothing: these are not the weights of a trained network"
    )]
    AllZero {
        /// How many.
        count: usize,
    },

    /// Numbers that belong together differ in number.
    #[error("{found} {what}, but {expected} were expected")]
    Count {
        /// Of what.
        what: &'static str,
        /// Number that was expected.
        expected: usize,
        /// Number that was given.
        found: usize,
    },

    /// What makes the embeddings fails: the network refuses the pictures, or the device fails.
    #[error("the pictures cannot be embedded")]
    Embed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// For `map_err` in an [`Embed`](crate::Embed): what its network or device says.
    pub fn embed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Embed(source.into())
    }

    /// For `map_err`: names the list that something is too few of.
    pub(crate) fn in_list(path: &Path) -> impl FnOnce(Self) -> Self {
        move |error| match error {
            Self::TooFew {
                what,
                needed,
                found,
                ..
            } => Self::TooFew {
                list: Some(path.to_owned()),
                what,
                needed,
                found,
            },
            other => other,
        }
    }

    /// Whether what was asked for is wrong or more than the set holds, not the world.
    pub fn is_of_configuration(&self) -> bool {
        matches!(
            self,
            Self::Setting { .. }
                | Self::TooFew { .. }
                | Self::Data(ffc_data::Error::Setting { .. })
        )
    }

    pub(crate) fn setting(
        setting: &'static str,
        value: impl ToString,
        expected: &'static str,
    ) -> Self {
        Self::Setting {
            setting,
            value: value.to_string(),
            expected,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn line(path: &Path, line: usize, problem: impl Into<String>) -> Self {
        Self::PairsFile {
            path: path.to_owned(),
            line,
            problem: problem.into(),
        }
    }
}

/// An error unless `found` is at least `needed`.
pub(crate) fn at_least(what: &'static str, needed: usize, found: usize) -> Result<()> {
    if found >= needed {
        return Ok(());
    }
    Err(Error::TooFew {
        list: None,
        what,
        needed: needed as u64,
        found: found as u64,
    })
}

/// A list's name before what is said of it.
fn before(list: Option<&Path>) -> String {
    list.map_or(String::new(), |list| format!("{}: ", list.display()))
}
