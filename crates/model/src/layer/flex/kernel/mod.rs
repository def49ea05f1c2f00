//! The layers' arithmetic over slices of numbers, forward and backward. No file knows of tensors.
//!
//! | file | what |
//! |---|---|
//! | `tile`, `epilogue` | the tile of sums in registers, and what becomes of it at last |
//! | `gemm`, `packed_lhs` | the matrix product of packed factors |
//! | `unpacked_gemm` | the same where the left factor is read where it lies |
//! | `conv_geometry`, `im2col` | pictures laid out so that a tap of a kernel reads one contiguous run |
//! | `fusion` | norms and rectifier that go along with a convolution in evaluation |
//! | `tasks`, `workspace` | how threads share a convolution; memory that they keep |
//! | `conv2d`, `depthwise` | output, gradient of the input, gradient of the weight |
//! | `winograd` | the same for 3x3 kernels of stride 1, with fewer multiplications |
//! | `batch_norm`, `prelu`, `relu6` | the other layers of convolutional networks |
//! | `linear`, `layer_norm`, `attention` | the layers of transformers |
//! | `residual` | a transformer's branches from end to end in evaluation |
//!
//! Sums, exponentials and loops for several instruction sets are `ffc_simd`'s.
//! `pulp` compiles the loops for AVX2 and AVX-512 and chooses at run time; `rayon` shares them among threads.

pub(super) mod attention;
pub(super) mod batch_norm;
pub(super) mod conv2d;
pub(super) mod conv_geometry;
pub(super) mod depthwise;
mod epilogue;
pub(super) mod fusion;
mod gemm;
pub(super) mod im2col;
pub(super) mod layer_norm;
pub(super) mod linear;
mod packed_lhs;
pub(super) mod prelu;
pub(super) mod relu6;
pub(super) mod residual;
mod tasks;
mod tile;
mod unpacked_gemm;
mod winograd;
mod workspace;
