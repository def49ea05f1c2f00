//! Tests of the crate from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod augmentation;
mod bad_input;
mod decoding;
mod derived;
mod equality;
mod fingerprints;
mod formats;
mod groups;
mod index_file;
mod list_loader;
#[cfg(feature = "lmdb")]
mod lmdb;
#[cfg(not(feature = "lmdb"))]
mod no_lmdb;
mod one_each;
mod orders;
mod orientation;
mod own_pixels;
mod packed_names;
mod pair_bin;
mod passed_over;
#[cfg(unix)]
mod real_data;
mod scripted;
mod support;
mod upload;
mod workers;
