//! Tests of the crate from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bin;
mod embedding;
mod episodes;
mod identification;
mod intervals;
mod pairs_files;
mod protocols;
mod random_pairs;
#[cfg(unix)]
mod real_data;
mod several_protocols;
mod support;
mod tar_at_far;
mod tar_of_scores;
mod templates;
mod thresholds;
mod verification;
mod videos;
