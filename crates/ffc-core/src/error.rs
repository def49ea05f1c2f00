use std::path::PathBuf;

use burn::tensor::DType;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Which embedding matrix of a step an error speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embeddings {
    /// The probe network's embeddings of a batch without sides.
    Probe,
    /// The gallery network's embeddings of a batch without sides.
    Gallery,
    /// The probe network's embeddings of side x.
    ProbeX,
    /// The gallery network's embeddings of side x.
    GalleryX,
    /// The probe network's embeddings of side y.
    ProbeY,
    /// The gallery network's embeddings of side y.
    GalleryY,
    /// Features given to [`ClassPool::prefill`](crate::ClassPool::prefill).
    Prefill,
}

impl std::fmt::Display for Embeddings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Probe => "probe embeddings",
            Self::Gallery => "gallery embeddings",
            Self::ProbeX => "probe embeddings of side x",
            Self::GalleryX => "gallery embeddings of side x",
            Self::ProbeY => "probe embeddings of side y",
            Self::GalleryY => "gallery embeddings of side y",
            Self::Prefill => "prefill features",
        })
    }
}

/// Everything that can go wrong in this crate. After an error the state is as it was before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Ranks that compute together do not any more.
    #[error("rank {rank}: {problem}")]
    Collective {
        /// The rank that ended, failed or does not fit the others.
        rank: usize,
        /// What it did.
        problem: String,
    },

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

    /// The pool has fewer slots than one batch needs.
    #[error(
        "the pool has {capacity} slots, but a batch of {rows} rows needs at least {rows}: every identity of a batch must find room beside the others"
    )]
    CapacityTooSmall {
        /// Slots of the pool.
        capacity: usize,
        /// Rows of the batch, each of which can bring an identity of its own.
        rows: usize,
    },

    /// A matrix has the wrong number of columns.
    #[error("{what} have {found} dimensions, but the head's centres have {expected}")]
    Dimension {
        /// The matrix.
        what: Embeddings,
        /// Columns of the head's centres.
        expected: usize,
        /// Columns of the matrix.
        found: usize,
    },

    /// A matrix and its identities differ in length.
    #[error("{what} have {rows} rows, but {identities} identities were given")]
    RowCount {
        /// The matrix.
        what: Embeddings,
        /// Rows of the matrix.
        rows: usize,
        /// Number of identities.
        identities: usize,
    },

    /// A batch has no rows.
    #[error("{what} have no rows")]
    EmptyBatch {
        /// The matrix.
        what: Embeddings,
    },

    /// An embedding holds NaN or an infinity, or is so large that its length overflows.
    #[error(
        "row {row} of the {what} (identity {identity}) is not finite: the network has diverged or its input is damaged"
    )]
    NotFinite {
        /// The matrix.
        what: Embeddings,
        /// The first such row.
        row: usize,
        /// The identity of that row.
        identity: u64,
    },

    /// An embedding is zero and so has no direction.
    #[error("row {row} of the {what} (identity {identity}) is all zeros and cannot be normalised")]
    ZeroLength {
        /// The matrix.
        what: Embeddings,
        /// The first such row.
        row: usize,
        /// The identity of that row.
        identity: u64,
    },

    /// A head was given another form of batch than it needs.
    #[error("the head needs {expected}, but was given {found}")]
    BatchForm {
        /// What it needs.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },

    /// A head that compares with a gallery network was given no embeddings of one.
    #[error("the {what} are missing: this head needs a gallery network")]
    NoGallery {
        /// The matrix.
        what: Embeddings,
    },

    /// Keys of a batch do not fill a queue without a rest.
    #[error("a queue of {queue} entries is no multiple of a batch of {batch} identities: set it to {}", nearest_multiples(*.queue, *.batch))]
    QueueSize {
        /// Entries of the queue.
        queue: usize,
        /// Identities of a batch, each of which enters a key.
        batch: usize,
    },

    /// A batch has another size than the head was made for.
    #[error("the head was made for batches of {expected} rows, but was given {found}")]
    BatchRows {
        /// Rows of the batches that it was made for.
        expected: usize,
        /// Rows of the batch.
        found: usize,
    },

    /// A batch holds more identities than there are rows to stand for them.
    #[error(
        "{rows} virtual rows cannot stand for the {identities} identities of a batch: each needs a row of its own, so raise `rows`"
    )]
    TooFewVirtualRows {
        /// Rows of the head.
        rows: usize,
        /// Identities of the batch.
        identities: usize,
    },

    /// An order in which identities shall be visited is not one of the batch's identities.
    #[error("the visiting order does not name each {what} of the batch exactly once")]
    VisitingOrder {
        /// What it should name.
        what: &'static str,
    },

    /// A head that compares embeddings found none of one identity.
    #[error(
        "no two of the batch's {rows} rows are of one identity, so there is nothing to draw together: bring at least two images of each identity"
    )]
    NoPositives {
        /// Rows of the batch.
        rows: usize,
    },

    /// A head that compares embeddings found none of different identities.
    #[error(
        "all of the batch's {rows} rows are of one identity, so there is nothing to tell apart: bring at least two identities"
    )]
    NoNegatives {
        /// Rows of the batch.
        rows: usize,
    },

    /// The images of an identity do not follow each other in groups of the size that the head asks for.
    #[error(
        "the batch is not made of groups of {images} rows of one identity each: row {row} breaks them"
    )]
    Groups {
        /// Rows of a group.
        images: usize,
        /// The first row that is of another identity than its group, or whose group is too short.
        row: usize,
    },

    /// A head with trained class weights was made for no identities.
    #[error(
        "the training set has no identities: a head with trained class weights needs at least 1"
    )]
    NoIdentities,

    /// A batch holds an identity that the head has no class weights for.
    #[error("row {row} has identity {identity}, but the head was made for identities 0 to {last}: use the training set's own numbers",
        last = identities - 1)]
    UnknownIdentity {
        /// The first such row.
        row: usize,
        /// Its identity.
        identity: u64,
        /// Number of identities N.
        identities: u64,
    },

    /// The classes that were given to take part in a step are no sample of the head's.
    #[error(
        "the classes of the step {problem}: they must ascend, lie below {identities} and hold every identity of the batch"
    )]
    Sample {
        /// What is wrong.
        problem: String,
        /// Number of identities N.
        identities: u64,
    },

    /// The rows of a head do not fit.
    #[error(
        "{rows} {what} need {needed_bytes} bytes, but {available_bytes} are available: use {remedy}"
    )]
    Memory {
        /// What the rows are.
        what: &'static str,
        /// How many.
        rows: u64,
        /// Bytes of all of them.
        needed_bytes: u64,
        /// Bytes that can be had.
        available_bytes: u64,
        /// What would fit.
        remedy: &'static str,
    },

    /// The file that holds class weights cannot be used.
    #[error("the file of class weights {} {problem}", path.display())]
    WeightFile {
        /// The file.
        path: PathBuf,
        /// What went wrong, and what helps.
        problem: String,
    },

    /// A part of a head's state cannot be written or read.
    #[error("part {part} of the head's state {problem}")]
    Part {
        /// Its name.
        part: String,
        /// Why.
        problem: String,
    },

    /// Reading values back from the device failed.
    #[error("reading from the device failed: {0}")]
    Device(String),

    /// The device cannot hold tensors of the storage type.
    #[error("the device does not support {dtype:?}, which the pool's storage needs")]
    UnsupportedStorage {
        /// The type.
        dtype: DType,
    },

    /// A plan was applied to a slot map that has changed since the plan was made.
    #[error("the plan was made for another state of the slot map")]
    StalePlan,

    /// A saved state contradicts itself.
    #[error("the saved state is damaged: {0}")]
    DamagedState(String),

    /// A saved pool differs from the configured one.
    #[error("the saved pool has {what} {found}, but {expected} is configured")]
    PoolMismatch {
        /// The property that differs.
        what: &'static str,
        /// The configured value.
        expected: String,
        /// The saved value.
        found: String,
    },

    /// A record file could not be read or written.
    #[error("the record {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<Error>,
    },

    /// The record's container is not valid, or its file could not be read or written.
    #[error(transparent)]
    Record(#[from] burn_pack::Error),

    /// Probe and gallery networks differ in structure.
    #[error("probe and gallery networks differ at `{path}`: {what}")]
    ModuleMismatch {
        /// The path of the tensor inside the module.
        path: String,
        /// The difference.
        what: String,
    },
}

/// The multiples of `batch` beside `queue`, in words. There is none below the batch itself.
fn nearest_multiples(queue: usize, batch: usize) -> String {
    let below = queue / batch * batch;
    match below {
        0 => batch.to_string(),
        below => format!("{below} or {}", below + batch),
    }
}
