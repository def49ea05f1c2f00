//! The layers' arithmetic over slices of numbers, forward and backward.

pub(super) mod attention;
pub(super) mod batch_norm;
pub(super) mod conv2d;
pub(super) mod conv_geometry;
pub(super) mod depthwise;
mod exp;
pub(super) mod fusion;
mod gemm;
pub(super) mod im2col;
pub(super) mod layer_norm;
pub(super) mod linear;
mod multiversion;
pub(super) mod prelu;
mod reduction;
pub(super) mod residual;
mod unpacked_gemm;
mod winograd;
mod workspace;
