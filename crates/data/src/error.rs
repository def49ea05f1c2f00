use std::path::{Path, PathBuf};

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

    /// A source's format is read with a feature that this program was built without.
    #[error(
        "{}: {format} are read with the feature `{feature}` of ffc-data, which this program was built without; build it with that feature", path.display()
    )]
    MissingFeature {
        /// The source.
        path: PathBuf,
        /// What is read with the feature.
        format: &'static str,
        /// The feature.
        feature: &'static str,
    },

    /// The operating system refused an operation on a file or folder.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },

    /// A source as a whole is not what its format says.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file or folder.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },

    /// One record of a source is damaged.
    #[error("{}, {record}: {problem}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The record: its name, line or offset.
        record: String,
        /// What was found and what was expected.
        problem: String,
    },

    /// An image cannot be decoded.
    #[error("{origin} (image {image}) cannot be decoded: {problem}")]
    Image {
        /// Number of the image in the index.
        image: u64,
        /// The file and record that holds it.
        origin: String,
        /// The decoder's answer.
        problem: String,
    },

    /// Two images of a source have one key, or are one record.
    #[error("{}: entries {first} and {second}, counted from 1, have the same key or name the same record", path.display())]
    DuplicateKey {
        /// The file.
        path: PathBuf,
        /// The earlier entry, counted from 1.
        first: u64,
        /// The later entry, counted from 1.
        second: u64,
    },

    /// An identity has no image, or several have none.
    #[error("{}: identity `{identity}`{} no image; add one or remove the identity", path.display(), with_others(*others))]
    EmptyIdentity {
        /// The source.
        path: PathBuf,
        /// The first one's name.
        identity: String,
        /// How many others have none, as far as they were looked for.
        others: u64,
    },

    /// Labels are missing between others.
    #[error(
        "{}: no image has label {first}, but there are images with label {next}; `ffc data index --close-gaps {}` numbers the identities without gaps, as does data.build.close_gaps = true in a configuration", path.display(), path.display()
    )]
    LabelGap {
        /// The source.
        path: PathBuf,
        /// The first label without an image.
        first: u64,
        /// The next label with one.
        next: u64,
    },

    /// A source holds no image at all.
    #[error("{}: no images found; {expected}", path.display())]
    NoImages {
        /// The source.
        path: PathBuf,
        /// What the source should hold.
        expected: &'static str,
    },

    /// A name is not valid UTF-8.
    #[error("{}: the name is not valid UTF-8; rename it", path.display())]
    NotUtf8 {
        /// The file or folder, as far as it can be printed.
        path: PathBuf,
    },

    /// The index was made from another source or another state of it.
    #[error(
        "{} was made from another source or another state of {}: it knows {known}, but there is {found}; `ffc data index {}{} --force` builds it again, or delete it", index.display(), source_path.display(), source_path.display(), index_argument(index, source_path)
    )]
    StaleIndex {
        /// The index.
        index: PathBuf,
        /// The source.
        source_path: PathBuf,
        /// The source that the index was made from.
        known: String,
        /// The source as it is.
        found: String,
    },

    /// Files of the source have another time of change than when the index was made, and nothing else that can be told.
    #[error(
        "{} was made before {} was written to, or the set was copied without its times of change; copy it with them (`cp -p`, `rsync -t`), or build the index again (`ffc data index {}{} --force`)", index.display(), source_path.display(), source_path.display(), index_argument(index, source_path)
    )]
    ChangedSource {
        /// The index.
        index: PathBuf,
        /// The source.
        source_path: PathBuf,
    },

    /// A file is not an index, or a damaged one.
    #[error("{} is not a whole index: {problem}; delete it to have it built again", path.display())]
    DamagedIndex {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },

    /// More images than allowed could not be read.
    #[error("{skipped} images could not be read, but only {limit} may be skipped")]
    TooManySkipped {
        /// Images that could not be read so far.
        skipped: u64,
        /// The limit.
        limit: u64,
        /// The last image's error.
        #[source]
        last: Box<Error>,
    },

    /// A worker thread panicked: a defect of this program or of a decoder.
    #[error("a worker panicked while making step {step}: {message}")]
    WorkerPanic {
        /// The step whose batch was being made.
        step: u64,
        /// The panic's message.
        message: String,
    },

    /// The workers cannot be started.
    #[error("worker threads cannot be started: {0}")]
    Workers(String),
}

impl Error {
    /// For `map_err`: names the action and the path of a failed system call.
    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.as_ref().to_owned(),
            source,
        }
    }

    pub(crate) fn format(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Format {
            path: path.as_ref().to_owned(),
            problem: problem.into(),
        }
    }

    pub(crate) fn record(
        path: impl AsRef<Path>,
        record: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Record {
            path: path.as_ref().to_owned(),
            record: record.into(),
            problem: problem.into(),
        }
    }
}

/// The middle of the sentence about identities without images.
fn with_others(others: u64) -> String {
    match others {
        0 => " has".into(),
        1 => " and 1 other have".into(),
        others => format!(" and {others} others have"),
    }
}

/// What names an index that does not lie beside its source.
fn index_argument(index: &Path, source: &Path) -> String {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let is_beside = index.parent() == source.parent()
        && name(index)
            .zip(name(source))
            .is_some_and(|(index, source)| index.starts_with(&source));
    match is_beside {
        true => String::new(),
        false => format!(" --index {}", index.display()),
    }
}
