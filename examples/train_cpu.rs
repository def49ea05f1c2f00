//! Trains on the processor.
//!
//! `cargo run --release --example train_cpu`

use burn::tensor::Device;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    ffc_examples::train(&Device::flex(), 200)
}
