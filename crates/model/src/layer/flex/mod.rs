//! Kernels for burn's Flex backend, in safe Rust.
//!
//! Flex computes most backward passes by general means: a convolution's through transposed convolutions of permuted
//! copies, a normalisation's through a chain of broadcasts. Here each layer has the loop that its formula asks for:
//!
//! | file | what |
//! |---|---|
//! | `grid` | pictures laid out so that a tap of a kernel reads one contiguous run |
//! | `product`, `inner` | the two matrix products, over such runs |
//! | `buffers` | memory that threads keep |
//! | `convolution`, `depthwise` | output, gradient of the input, gradient of the weight |
//! | `winograd` | output and gradient of the input for 3x3 kernels of stride 1, with fewer multiplications |
//! | `surroundings` | norms and rectifier that go along with a convolution in evaluation |
//! | `norm`, `rectifier` | batch normalisation, PReLU and ReLU6 |
//! | `dense`, `layer_norm`, `attention` | the layers of transformers |
//! | `residual` | a transformer's branches from end to end in evaluation |
//! | `operation`, `transformer_operation` | the layers as operations of the backend and of autodiff |
//! | `evaluation_operation` | several layers as one operation of the backend |
//! | `call` | those operations on tensors |
//!
//! `pulp` compiles the loops for AVX2 and AVX-512 and chooses at run time; `rayon` shares them among threads.

mod attention;
mod buffers;
mod call;
mod convolution;
mod dense;
mod depthwise;
mod evaluation_operation;
mod exponential;
mod grid;
mod inner;
mod layer_norm;
mod norm;
mod operation;
mod product;
mod rectifier;
mod residual;
mod sum;
mod surroundings;
mod transformer_operation;
mod vectorised;
mod window;
mod winograd;

pub(super) use call::{
    attention, attention_residual, batch_norm, convolution, convolution_within, is_single,
    layer_norm, linear, mlp_residual, prelu, relu6, scale_and_shift, takes, takes_residual,
    takes_rows,
};
pub(super) use surroundings::{Affine, Surroundings};
pub(super) use window::Window;
