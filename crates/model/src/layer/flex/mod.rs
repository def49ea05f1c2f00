//! Kernels for burn's Flex backend, in safe Rust.
//!
//! Flex computes most backward passes by general means: a convolution's through transposed convolutions of permuted
//! copies, a normalisation's through a chain of broadcasts. Here each layer has the loop that its formula asks for:
//!
//! [`kernel`] has the arithmetic, over slices of numbers; [`op`] the same as operations of the backend and of autodiff, on tensors.
//!
//! `pulp` compiles the loops for AVX2 and AVX-512 and chooses at run time; `rayon` shares them among threads.

mod kernel;
mod op;

pub(super) use kernel::conv_geometry::Window;
pub(super) use kernel::fusion::{Affine, Surroundings};
pub(super) use op::{
    attention, attention_residual, batch_norm, convolution, convolution_within, is_single,
    layer_norm, linear, mlp_residual, prelu, relu6, scale_and_shift, takes, takes_residual,
    takes_rows,
};
