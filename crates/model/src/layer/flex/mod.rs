//! Kernels for burn's Flex backend, in safe Rust.
//!
//! Flex computes most backward passes by general means: a convolution's through transposed convolutions of permuted
//! copies, a normalisation's through a chain of broadcasts. Here each layer has the loop that its formula asks for:
//!
//! | file | what |
//! |---|---|
//! | `grid` | pictures laid out so that a tap of a kernel reads one contiguous run |
//! | `product`, `inner` | the two matrix products, over such runs |
//! | `convolution`, `depthwise` | output, gradient of the input, gradient of the weight |
//! | `norm`, `rectifier` | batch normalisation, PReLU and ReLU6 |
//! | `dense`, `layer_norm`, `attention` | the layers of transformers |
//! | `operation`, `transformer_operation` | the layers as operations of the backend and of autodiff |
//! | `call` | those operations on tensors |
//!
//! `pulp` compiles the loops for AVX2 and AVX-512 and chooses at run time; `rayon` shares them among threads.

mod attention;
mod call;
mod convolution;
mod dense;
mod depthwise;
mod exponential;
mod grid;
mod inner;
mod layer_norm;
mod norm;
mod operation;
mod product;
mod rectifier;
mod sum;
mod transformer_operation;
mod vectorised;
mod window;

pub(super) use call::{
    attention, batch_norm, convolution, layer_norm, linear, prelu, relu6, scale_and_shift, takes,
    takes_rows,
};
pub(super) use window::Window;
