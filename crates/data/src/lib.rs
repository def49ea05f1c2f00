//! Pictures by identity for FFC: an index of any size, readers of real formats, the dual loaders.
//!
//! A [`Dataset`] is a [`Source`] with its [`Index`]. Loaders draw from it and make batches ahead on worker threads:
//!
//! ```
//! use std::sync::Arc;
//! use burn::tensor::Device;
//! use ffc_data::{Dataset, DualLoader, LoaderConfig, Normalisation, SyntheticConfig};
//!
//! # fn main() -> ffc_data::Result<()> {
//! // `Dataset::from_path` opens a folder, an archive or record files instead.
//! let dataset = Dataset::synthetic(SyntheticConfig { identities: 100, ..Default::default() })?;
//! let config = LoaderConfig { batch: 8, ..Default::default() };
//! for batch in DualLoader::new(Arc::new(dataset), config, 0)?.take(3) {
//!     let batch = batch?;
//!     // 8 pictures of 8 identities, then half of the instance batch: 12 rows a side.
//!     assert_eq!(batch.x.identities()[..8], batch.y.identities()[..8]);
//!     let x = batch.x.to_device(&Device::flex(), &Normalisation::FFC);
//!     assert_eq!(x.dims(), [12, 3, 112, 112]);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | part | what |
//! |---|---|
//! | [`Folder`], [`Zip`], [`RecordIo`], `Lmdb` (feature `lmdb`, on by default), [`WebDataset`], [`Synthetic`] | sources; [`SourceConfig`] names one in a configuration or tells it by its path |
//! | [`Index`], [`IndexBuilder`] | which images belong to which identity and where their bytes are; built once in bounded memory, opened at no cost |
//! | [`InstanceOrder`], [`IdentityOrder`] | orders that are computed, not stored |
//! | [`InstanceLoader`], [`IdentityLoader`], [`DualLoader`], [`GroupLoader`] | batches of bytes; [`ImageBatch::to_device`] uploads and normalises |
//! | [`ListLoader`], [`PairBin`] | for evaluation: given images in their order, insightface's pair files |
//!
//! Everything random depends on (seed, epoch, position) alone: the number of workers, a resume at any step and the
//! division over ranks change nothing.

mod augment;
mod channels;
mod dataset;
mod decode;
mod error;
mod error_chain;
mod fingerprint;
mod index;
mod loader;
mod normalisation;
mod order;
mod permutation;
mod purpose;
mod read_at;
mod source;

pub use augment::{AugmentConfig, ColourJitter, Cutout, RandomCrop};
pub use channels::Channels;
pub use dataset::{Dataset, Split, SplitSide};
pub use error::{Error, Result};
pub use error_chain::ErrorChain;
pub use fingerprint::{Fingerprint, FingerprintWriter};
pub use index::{BuildConfig, BuildProgress, Index, IndexBuilder, Location, PassedOver};
pub use loader::{
    Damaged, DualBatch, DualLoader, DualPlan, DualRows, GroupBatch, GroupLoader, GroupPlan,
    IdentityBatch, IdentityLoader, IdentityPlan, ImageBatch, InstanceBatch, InstanceLoader,
    InstancePlan, ListLoader, Loader, LoaderConfig, Plan, Row, View,
};
pub use normalisation::Normalisation;
pub use order::{
    IdentityDraw, IdentityOrder, InstanceDraw, InstanceOrder, InstanceOrderConfig, draw_one_each,
};
#[cfg(feature = "lmdb")]
pub use source::Lmdb;
pub use source::{
    Content, Files, FlatZip, Folder, ImageCounts, ImageRef, LmdbPart, PairBin, RecordIo, Source,
    SourceConfig, Synthetic, SyntheticConfig, WebDataset, Zip,
};
