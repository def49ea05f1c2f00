//! Trains on a GPU of any vendor through Vulkan, Metal or DirectX.
//!
//! `cargo run --release --features wgpu --example train_wgpu`

use burn::tensor::{Device, DeviceKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    ffc_examples::train(&Device::wgpu(DeviceKind::DefaultDevice), 200)
}
