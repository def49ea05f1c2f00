//! The layers that the networks are made of.

mod batch_norm;
mod conv2d;
mod linear;
mod norm_mode;
mod prelu;

pub use batch_norm::{BatchNorm, BatchNormConfig};
pub use conv2d::{Conv2d, Conv2dConfig};
pub use linear::{Linear, LinearConfig};
pub use norm_mode::NormMode;
pub use prelu::Prelu;
