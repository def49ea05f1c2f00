//! The layers that face networks are made of.
//!
//! They compute what burn's and PyTorch's layers of the same names compute, and run on every backend. With the
//! feature `flex`, `f32` tensors on burn's Flex backend (the CPU) go through kernels with backward passes of their
//! own, several times faster than the general ones; everything else goes through burn's operations.
//! A layer computes in the precision of its input, so a network fed with `bf16` pictures computes in `bf16`; its parameters stay
//! as they are, and norms compute in their precision.
//!
//! `docs/model-speed.md` in the repository has the numbers.

mod attention;
mod batch_norm;
mod conv2d;
mod conv_chain;
#[cfg_attr(not(feature = "flex"), path = "flex/absent.rs")]
mod flex;
mod layer_norm;
mod linear;
mod mlp;
mod norm_mode;
mod precision;
mod prelu;
mod relu6;

pub use attention::{Attention, AttentionConfig};
pub use batch_norm::{BatchNorm, BatchNormConfig};
pub(crate) use conv_chain::ConvChain;
pub use conv2d::{Conv2d, Conv2dConfig};
pub use layer_norm::{LayerNorm, LayerNormConfig};
pub use linear::{Linear, LinearConfig};
pub use mlp::Mlp;
pub use norm_mode::NormMode;
pub(crate) use precision::{cast, is_single, single};
pub use prelu::{Prelu, PreluConfig};
pub(crate) use relu6::relu6;
