use std::path::{Path, PathBuf};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What a command fails with: one sentence, its causes included, and an exit code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments do not fit, beyond what their parser sees.
    #[error("{0}")]
    Usage(String),

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

    /// Something cannot be set up.
    #[error("{0}")]
    Failed(String),

    /// From a training.
    #[error(transparent)]
    Train(#[from] ffc_train::Error),

    /// From a comparison.
    #[error(transparent)]
    Compare(#[from] ffc_compare::Error),

    /// From a report.
    #[error(transparent)]
    Report(#[from] ffc_report::Error),

    /// From the data.
    #[error(transparent)]
    Data(#[from] ffc_data::Error),

    /// From the network.
    #[error(transparent)]
    Model(#[from] ffc_model::Error),

    /// From an evaluation.
    #[error(transparent)]
    Eval(#[from] ffc_eval::Error),

    /// From aligning faces.
    #[error(transparent)]
    Align(#[from] ffc_align::Error),

    /// From a search.
    #[error(transparent)]
    Search(#[from] ffc_search::Error),
}

/// A command was interrupted and can go on later.
pub const INTERRUPTED: u8 = 130;
/// Arguments or configuration are wrong.
const USAGE: u8 = 2;
/// Everything else.
const FAILED: u8 = 1;

impl Error {
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// What helps where a picture cannot be read.
    pub fn remedy(&self) -> Option<&'static str> {
        use ffc_data::Error::Image;
        match self {
            Self::Train(ffc_train::Error::Data(Image { .. })) => Some(
                "`ffc data inspect --decode` names all such pictures; loader.damaged = { policy = \"skip\", limit = 100 } passes over some",
            ),
            Self::Data(Image { .. }) | Self::Eval(ffc_eval::Error::Data(Image { .. })) => Some(
                "remove or replace it; `ffc data inspect --decode` names all such pictures of a set",
            ),
            _ => None,
        }
    }

    /// 2 where arguments or configuration are wrong, 1 for everything else.
    pub fn code(&self) -> u8 {
        let usage = match self {
            Self::Usage(_) => true,
            Self::Train(error) => error.is_of_configuration(),
            Self::Compare(error) => error.is_of_configuration(),
            Self::Eval(error) => error.is_of_configuration(),
            Self::Search(ffc_search::Error::Top)
            | Self::Align(
                ffc_align::Error::Setting { .. } | ffc_align::Error::OtherSettings { .. },
            ) => true,
            Self::Data(ffc_data::Error::Setting { .. })
            | Self::Model(ffc_model::Error::Setting { .. }) => true,
            _ => false,
        };
        match usage {
            true => USAGE,
            false => FAILED,
        }
    }
}
