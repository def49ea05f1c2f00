//! Trains on an NVIDIA GPU.
//!
//! `cargo run --release --features cuda --example train_cuda`

use burn::tensor::Device;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    ffc_examples::train(&Device::cuda(0), 200)
}
