//! What the examples share.

mod clusters;
mod train;

pub use clusters::{Clusters, nearest_centre_accuracy};
pub use train::train;
