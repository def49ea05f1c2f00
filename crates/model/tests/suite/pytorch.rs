//! Both ways through PyTorch itself, at full size. Needs Python; `fixtures/make.py` says how to run it.

use std::process::Command;

use ffc_model::network::MobileFaceNetConfig;
use ffc_model::{BackboneConfig, NormMode, Preprocessing};
use serde_json::Value;

use crate::support::*;

fn python(task: &str, folder: &std::path::Path) {
    let python = std::env::var("FFC_PYTHON").expect("FFC_PYTHON names a Python with torch");
    let script = fixtures().join("make.py");
    let status = Command::new(python)
        .arg("-B")
        .arg(script)
        .arg(task)
        .arg(folder)
        .status()
        .unwrap();
    assert!(status.success(), "make.py {task}: {status}");
}

#[test]
#[ignore = "needs Python with torch, named by FFC_PYTHON"]
fn pytorch_takes_our_files() {
    let folder = tempfile::tempdir().unwrap();
    python("write", folder.path());
    let truth = std::fs::read_to_string(folder.path().join("truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let configs = [
        ("iresnet18", iresnet(18)),
        (
            "mobile_face_net",
            BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default()),
        ),
    ];
    for (name, config) in configs {
        let mut backbone = config.init(&device()).unwrap();
        let file = folder.path().join(format!("{name}.pth"));
        backbone.read_weights(file, None).unwrap();
        let images = pictures(4, config.input(), 0.0, &device());
        let found = values(backbone.forward(images, NormMode::Evaluate).unwrap());
        let expected: Vec<Vec<f32>> = serde_json::from_value(truth[name].clone()).unwrap();
        let error = relative_error(&found, &expected.concat());
        println!("{name}: loaded from PyTorch, relative error of the embeddings {error:.1e}");
        assert!(error < 1e-4);
        let file = folder.path().join(format!("{name}.safetensors"));
        backbone
            .write_weights(file, &Preprocessing::ARCFACE)
            .unwrap();
    }
    python("verify", folder.path());
}
