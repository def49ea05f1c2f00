//! Tests of the crate from outside, each against an oracle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bad_input;
mod config;
mod damaged_files;
mod evaluation;
mod gallery;
mod golden;
mod initial_values;
mod layer_attention;
mod layer_batch_norm;
mod layer_conv2d;
mod layer_linear;
mod layer_oracle;
mod layer_prelu;
mod layer_residual;
mod norm_modes;
mod onnx;
mod pytorch;
mod summary;
mod support;
mod training_vit;
mod weight_names;
mod weights;
