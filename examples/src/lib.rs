//! What the examples share.

mod clusters;
mod train;

pub use clusters::{Clusters, nearest_centre_accuracy};
pub use train::train;

/// The README's programs, compiled as the tests of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
