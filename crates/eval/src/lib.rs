//! Protocols of face recognition for FFC: what a network is worth on people that it was not trained on.
//!
//! A [`Protocol`] runs on a set with anything that makes embeddings, [`Embed`]: a network of `ffc-model` (`Embedder`, behind the feature
//! `model`, which is on by default), one of any other framework, or the baseline that they must beat ([`RawPixels`]). Pictures stream
//! through; only embeddings are kept.
//!
//! ```
//! use std::sync::Arc;
//! use ffc_data::{Dataset, SyntheticConfig};
//! use ffc_eval::{Protocol, RawPixels};
//!
//! # fn main() -> ffc_eval::Result<()> {
//! let dataset = Dataset::synthetic(SyntheticConfig { identities: 40, ..Default::default() })?;
//! let protocol = Protocol::RandomPairs { pairs: 100, seed: 0 };
//! let evaluation = protocol.run(&Arc::new(dataset), &mut RawPixels)?;
//! let accuracy = &evaluation.measures[0];
//! println!("{}: {:.3}, {:.3} to {:.3}", accuracy.name, accuracy.value, accuracy.low, accuracy.high);
//! # Ok(())
//! # }
//! ```
//!
//! | protocol | what |
//! |---|---|
//! | [`Verification`] | two pictures, one person? In ten folds as insightface does, or with the threshold of another list (LFW's View 1) |
//! | [`random_pairs`], [`PairsFile`], [`ffc_data::PairBin`] | where the pairs come from: drawn from a set, LFW's lists, insightface's `.bin` |
//! | [`tar_at_far()`] | true accept rate at a false accept rate, exact over all pairs; [`pool_templates`] for sets of pictures |
//! | [`Identification`] | rank-1 with distractors |
//! | [`Episodes`] | N-way k-shot |
//! | [`Interval`] | the bootstrap interval beside each result |
//!
//! Everything random depends on a seed alone.

mod embed;
mod embeddings;
mod episodes;
mod error;
mod evaluation;
mod identification;
mod interval;
mod pairs;
mod protocol;
mod purpose;
mod scores;
mod tar_at_far;
mod templates;
mod verification;

pub use embed::{Embed, RawPixels};
#[cfg(feature = "model")]
pub use embed::{Embedder, EmbedderConfig};
pub use embeddings::Embeddings;
pub use episodes::Episodes;
pub use error::{Error, Result};
pub use evaluation::{Evaluation, Measure};
pub use identification::{Identification, IdentificationDraw};
pub use interval::Interval;
pub use pairs::{NamedPair, Pair, PairsFile, random_pairs};
pub use protocol::Protocol;
pub use scores::{RocPoint, Scores};
pub use tar_at_far::{TarAtFar, tar_at_far};
pub use templates::pool_templates;
pub use verification::{Decision, Fold, Mistake, Verification};
