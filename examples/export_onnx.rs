//! Writes narrow networks as ONNX files, each with embeddings to compare, into a folder.
//!
//! `cargo run --example export_onnx -- FOLDER`, then `python crates/model/tests/fixtures/run_onnx.py FOLDER` runs the files in onnxruntime.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use ffc_model::{BackboneConfig, NormMode, Preprocessing};

const NETWORKS: [(&str, &str); 6] = [
    (
        "iresnet",
        r#"{ "network": "iresnet", "depth": 18, "stem_channels": 8, "height_px": 32, "width_px": 32 }"#,
    ),
    (
        "ir_bottleneck",
        r#"{ "network": "ir_bottleneck", "blocks": [1, 2, 1, 1], "stem_channels": 8, "height_px": 32, "width_px": 32 }"#,
    ),
    (
        "mobile_face_net",
        r#"{ "network": "mobile_face_net", "width": 0.25, "height_px": 32, "width_px": 32 }"#,
    ),
    (
        "resnet50",
        r#"{ "network": "resnet50", "stem_channels": 8, "height_px": 32, "width_px": 32 }"#,
    ),
    (
        "vit",
        r#"{ "network": "vit", "width": 16, "depth": 1, "heads": 2, "height_px": 32, "width_px": 32 }"#,
    ),
    ("compact", r#"{ "network": "compact" }"#),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    let device = Device::flex();
    for (name, json) in NETWORKS {
        let config: BackboneConfig = serde_json::from_str(json)?;
        let mut backbone = config.init(&device)?;
        // New networks have means of 0 and variances of 1, which would hide a mistake.
        backbone.fill(|tensor| {
            let elements = tensor.elements();
            let fan = (elements / tensor.shape[0]).max(1);
            let value = |j: usize| match tensor.name.ends_with("running_var") {
                true => 1.0 + 0.5 * (0.7 * j as f32).sin().powi(2),
                false => (0.7 * j as f32).sin() / (fan as f32).sqrt(),
            };
            let values: Vec<f32> = (0..elements).map(value).collect();
            Ok(TensorData::new(values, tensor.shape.clone()))
        })?;
        let preprocessing = Preprocessing {
            height_px: 32,
            width_px: 32,
            ..Preprocessing::FFC
        };
        backbone.write_onnx(folder.join(format!("{name}.onnx")), &preprocessing)?;
        // Five pictures, flat element j: sin(0.013 j).
        let shape = [5, 3, 32, 32];
        let pixels: Vec<f32> = (0..shape.iter().product())
            .map(|j: usize| (0.013 * j as f64).sin() as f32)
            .collect();
        let images = Tensor::from_data(TensorData::new(pixels, shape), &device);
        let embeddings = backbone.forward(images, NormMode::Evaluate)?;
        let embeddings = embeddings.into_data().try_to_vec::<f32>()?;
        let file = folder.join(format!("{name}.json"));
        std::fs::write(file, serde_json::to_string(&embeddings)?)?;
        println!("{name}: written");
    }
    Ok(())
}
