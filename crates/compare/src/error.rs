use std::path::{Path, PathBuf};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A plan cannot be read, or a key or value in it is wrong.
    #[error("{origin}: {problem}")]
    Plan {
        /// The file, or the plan's name.
        origin: String,
        /// What is wrong and what was expected.
        problem: String,
    },

    /// The configuration of a column is wrong.
    #[error("{origin}, column {column}")]
    Column {
        /// The plan.
        origin: String,
        /// The column.
        column: String,
        /// What is wrong.
        source: Box<ffc_train::Error>,
    },

    /// A cell's folder holds another run.
    #[error(
        "{}: a run with other settings lies there ({}); name another folder with --out, or remove it",
        path.display(),
        changes.join(", ")
    )]
    OtherRun {
        /// The cell's folder.
        path: PathBuf,
        /// Each setting with its value there and in the plan.
        changes: Vec<String>,
    },

    /// Another process works in the folder.
    #[error("{}: another process works there", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },

    /// The program for a cell cannot be started, or does not answer as it should.
    #[error("{program}: {problem}")]
    Program {
        /// What was called.
        program: String,
        /// What went wrong.
        problem: String,
    },

    /// The steps of a column cannot be timed.
    #[error("column {column} cannot be timed")]
    Timing {
        /// The column.
        column: String,
        /// Why.
        source: Box<Error>,
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

    /// From a training's configuration or folder.
    #[error(transparent)]
    Train(#[from] ffc_train::Error),
}

impl Error {
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

    /// Whether the plan or the arguments are wrong, and not the machine or the data.
    pub fn is_of_configuration(&self) -> bool {
        match self {
            Self::Plan { .. } | Self::Column { .. } | Self::OtherRun { .. } => true,
            Self::Train(error) => error.is_of_configuration(),
            _ => false,
        }
    }
}
