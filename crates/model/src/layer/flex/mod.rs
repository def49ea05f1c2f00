//! Kernels for burn's Flex backend, in safe Rust.
//!
//! Flex computes most backward passes by general means: a convolution's through transposed convolutions of permuted
//! copies, a normalisation's through a chain of broadcasts. Here each layer has the loop that its formula asks for:
//!
//! | file | what |
//! |---|---|
//! | `grid` | pictures laid out so that a tap of a kernel reads one contiguous run |
//! | `product`, `inner` | the two matrix products of a convolution, over such runs |
//! | `convolution`, `depthwise` | output, gradient of the input, gradient of the weight |
//! | `norm`, `rectifier` | batch normalisation, PReLU |
//! | `operation` | the layers as operations of the backend and of autodiff |
//! | `call` | those operations on tensors |
//!
//! `pulp` compiles the loops for AVX2 and AVX-512 and chooses at run time; `rayon` shares them among threads.

mod call;
mod convolution;
mod depthwise;
mod grid;
mod inner;
mod norm;
mod operation;
mod product;
mod rectifier;
mod sum;
mod vectorised;
mod window;

pub(super) use call::{batch_norm, convolution, prelu, scale_and_shift, takes};
pub(super) use window::Window;
