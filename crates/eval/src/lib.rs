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
//! | [`random_pairs`], [`PairsFile`], [`ffc_data::PairBin`] | where the pairs come from: drawn from a set, LFW's lists or paths, insightface's `.bin` |
//! | [`tar_at_far()`], [`tar_at_far_of_scores`] | true accept rate at a false accept rate, exact over all pairs or over listed ones |
//! | [`Identification`] | rank-1 with distractors |
//! | [`Episodes`] | N-way k-shot |
//! | [`Templates`] | IJB-B and IJB-C: sets of pictures of one person ([`pool_templates`]), 1:1 and 1:N |
//! | [`VideoPairs`] | YouTube Faces |
//! | [`Thresholds`], [`ThresholdsFile`] | the cosines that decide "the same", with their false accept rates |
//! | [`Interval`] | the bootstrap interval beside each result |
//!
//! Several [`Protocols`] embed each picture once. Everything random depends on a seed alone.

mod all_pairs;
mod cosine_key;
mod embed;
mod embeddings;
mod episodes;
mod error;
mod evaluation;
mod identification;
mod image_paths;
mod interval;
mod list_file;
mod pairs;
mod prepared;
mod protocol;
mod protocols;
mod purpose;
mod roc;
mod scores;
mod tar_at_far;
mod tar_of_scores;
mod templates;
mod thresholds;
mod thresholds_file;
mod verification;
mod videos;

pub use embed::{Embed, RawPixels};
#[cfg(feature = "model")]
pub use embed::{Embedder, EmbedderConfig};
pub use embeddings::Embeddings;
pub use episodes::Episodes;
pub use error::{Error, Result};
pub use evaluation::{Evaluation, Measure, ReachedFar};
pub use identification::{Identification, IdentificationDraw};
pub use interval::Interval;
pub use pairs::{ImageName, NamedPair, Pair, PairsFile, random_pairs};
pub use prepared::Prepared;
pub use protocol::Protocol;
pub use protocols::Protocols;
pub use roc::RocPoint;
pub use scores::Scores;
pub use tar_at_far::{TarAtFar, tar_at_far};
pub use tar_of_scores::tar_at_far_of_scores;
pub use templates::{Templates, pool_templates};
pub use thresholds::{FarThreshold, Threshold, Thresholds};
pub use thresholds_file::{MeasuredOn, ThresholdsFile};
pub use verification::{Decision, Fold, Mistake, Verification};
pub use videos::{VideoPair, VideoPairs};
