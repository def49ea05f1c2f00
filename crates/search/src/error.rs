use std::path::PathBuf;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },

    /// A file does not hold embeddings as `ffc embed` writes them.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },

    /// Numbers that are no whole embeddings.
    #[error("{values} numbers are no embeddings of {dim} dimensions")]
    Shape {
        /// Dimensions of an embedding.
        dim: usize,
        /// Numbers that were given.
        values: usize,
    },

    /// No neighbours were asked for.
    #[error("top is 0, but must be 1 or more")]
    Top,

    /// An embedding holds NaN or an infinity, or its squares overflow.
    #[error("{what} {row} is not finite")]
    NotFinite {
        /// Of which matrix.
        what: &'static str,
        /// Which row.
        row: usize,
    },
}
