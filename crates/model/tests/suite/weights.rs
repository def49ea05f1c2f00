use burn::module::Module;
use ffc_model::network::*;
use ffc_model::weights::ShapeMismatch;
use ffc_model::{Backbone, BackboneConfig, ColourOrder, Error, NormMode, Preprocessing};
use serde_json::Value;

use crate::support::*;

fn loaded(config: &BackboneConfig, file: &str) -> Backbone {
    let mut backbone = config.init(&device().autodiff()).unwrap();
    let found = backbone.read_weights(fixtures().join(file), None).unwrap();
    assert_eq!(found, None);
    backbone
}

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

#[test]
fn files_of_pytorch_give_its_embeddings() {
    let truth = std::fs::read_to_string(fixtures().join("truth.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let cases = [
        ("iresnet18", "iresnet18.pth", narrow_iresnet()),
        (
            "mobile_face_net",
            "mobile_face_net.pt",
            narrow_mobile_face_net(),
        ),
        ("vit", "vit.pth", narrow_vit()),
    ];
    for (name, file, config) in cases {
        let backbone = loaded(&config, file);
        let truth = &truth[name];
        let images = pictures(4, config.input(), 0.0, &device().autodiff());
        for (mode, key) in [
            (NormMode::Evaluate, "evaluate"),
            (NormMode::Batch, "train"),
            (NormMode::Train, "train"),
        ] {
            let found = values(backbone.forward(images.clone(), mode).unwrap());
            let error = relative_error(&found, &numbers(&truth[key]));
            println!("{name} {mode:?}: relative error {error:.1e}");
            assert!(error < 1e-4, "{name} {mode:?}: {error}");
        }
        // One training step has moved the running statistics, as it did in PyTorch.
        let contents = contents(&backbone);
        let running = truth["running"].as_object().unwrap();
        assert_eq!(running.len(), 4);
        for (tensor, expected) in running {
            let (_, found) = contents.iter().find(|(name, _)| name == tensor).unwrap();
            let error = relative_error(found, &numbers(expected));
            assert!(error < 1e-4, "{name}, {tensor}: {error}");
        }
    }
}

/// As AdaFace publishes its weights: a checkpoint of PyTorch Lightning with a head, an optimizer and settings.
#[test]
fn a_checkpoint_of_lightning() {
    let truth = std::fs::read_to_string(fixtures().join("published.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    let config = narrow_ada_face();
    let backbone = loaded(&config, "ada_face.ckpt");
    let images = pictures(4, config.input(), 0.0, &device().autodiff());
    let found = values(backbone.forward(images, NormMode::Evaluate).unwrap());
    let error = relative_error(&found, &numbers(&truth["ada_face"]));
    println!("relative error {error:.1e}");
    assert!(error < 1e-5, "{error}");
}

#[test]
fn wrappers_do_not_matter() {
    let config = narrow_vit();
    let plain = contents(&loaded(&config, "vit.pth"));
    for file in ["vit_module.pth", "vit_checkpoint.pth"] {
        assert_eq!(contents(&loaded(&config, file)), plain, "{file}");
    }
    let half = contents(&loaded(&config, "vit_half.safetensors"));
    for ((name, half), (_, whole)) in half.iter().zip(&plain) {
        // Half precision keeps 11 bits.
        assert!(relative_error(half, whole) < 1.0 / 2048.0, "{name}");
    }
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for config in every_kind() {
        let mut written = config.init(&device().autodiff()).unwrap();
        fill_by_formula(&mut written, 0.4);
        let preprocessing = preprocessing(&config);
        // The second time over the file of another network.
        written.write_weights(&path, &preprocessing).unwrap();
        let mut read = config.init(&device()).unwrap();
        let found = read.read_weights(&path, Some(&preprocessing)).unwrap();
        assert_eq!(found.as_ref(), Some(&preprocessing));
        assert_eq!(contents(&read), contents(&written));

        let images = pictures(3, config.input(), 0.0, &device());
        let [written, read] = [written.valid(), read].map(|backbone| {
            values(
                backbone
                    .forward(images.clone(), NormMode::Evaluate)
                    .unwrap(),
            )
        });
        assert_eq!(written, read);
    }
    let names = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!(names.count(), 1, "nothing temporary is left");
}

#[test]
fn files_hold_what_pytorch_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let backbone = narrow_iresnet().init(&device()).unwrap();
    backbone
        .write_weights(&path, &preprocessing(backbone.config()))
        .unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let extra = metadata.metadata().as_ref().unwrap();
    assert_eq!(extra["format"], "pt");
    let network: BackboneConfig = serde_json::from_str(&extra["network"]).unwrap();
    assert_eq!(network, narrow_iresnet());
    // The state dict that PyTorch wrote, but for the counters.
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("fc.weight").unwrap().shape(), [8, 16]);
    assert_eq!(
        file.tensor("layer2.0.downsample.0.weight").unwrap().shape(),
        [4, 2, 1, 1]
    );
    assert_eq!(file.len(), 156);
}

#[test]
fn a_file_for_another_network_is_listed_whole() {
    let mut backbone = narrow_mobile_face_net().init(&device()).unwrap();
    let before = contents(&backbone);
    let error = backbone
        .read_weights(fixtures().join("iresnet18.pth"), None)
        .unwrap_err();
    let text = error.to_string();
    let Error::Tensors { mismatch, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(mismatch.missing.len(), 283);
    assert_eq!(mismatch.unused.len(), 156);
    assert!(mismatch.unused.contains(&"layer1.0.bn1.weight".to_owned()));
    assert!(mismatch.shapes.is_empty());
    assert!(text.contains("283 missing: conv1.conv.weight, "), "{text}");
    assert!(text.contains("156 unused: bn1.bias, "), "{text}");
    assert!(text.contains(" and 148 more"), "{text}");
    assert_eq!(contents(&backbone), before);
}

#[test]
fn other_shapes_are_listed() {
    let BackboneConfig::Iresnet(config) = narrow_iresnet() else {
        unreachable!()
    };
    let wider = BackboneConfig::Iresnet(IResNetConfig {
        embedding: 9,
        ..config
    });
    let mut backbone = wider.init(&device()).unwrap();
    let before = contents(&backbone);
    let error = backbone
        .read_weights(fixtures().join("iresnet18.pth"), None)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("fc.weight [8, 16] instead of [9, 16]"),
        "{error}"
    );
    let Error::Tensors { mismatch, .. } = error else {
        panic!("{error}")
    };
    assert!(mismatch.missing.is_empty() && mismatch.unused.is_empty());
    let vector = |name: &str| ShapeMismatch {
        name: name.to_owned(),
        expected: vec![9],
        found: vec![8],
    };
    let matrix = ShapeMismatch {
        name: "fc.weight".to_owned(),
        expected: vec![9, 16],
        found: vec![8, 16],
    };
    let mut expected = vec![matrix];
    expected.extend(
        [
            "fc.bias",
            "features.weight",
            "features.bias",
            "features.running_mean",
            "features.running_var",
        ]
        .map(vector),
    );
    assert_eq!(mismatch.shapes, expected);
    assert_eq!(contents(&backbone), before);
}

#[test]
fn a_file_tells_what_it_was_written_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vit.safetensors");
    let vit = narrow_vit().init(&device()).unwrap();
    vit.write_weights(&path, &preprocessing(vit.config()))
        .unwrap();
    let mut other = narrow_iresnet().init(&device()).unwrap();
    let error = other.read_weights(&path, None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(r#"written from {"network":"vit""#),
        "{error}"
    );
}

#[test]
fn preprocessing_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut backbone = narrow_iresnet().init(&device()).unwrap();
    let right = Preprocessing {
        height_px: 16,
        width_px: 16,
        ..Preprocessing::FFC
    };
    backbone.write_weights(&path, &right).unwrap();
    let changes: [fn(&mut Preprocessing); 4] = [
        |p| p.height_px = 32,
        |p| p.colour = ColourOrder::Rgb,
        |p| p.mean = 0.0,
        |p| p.scale = 127.5,
    ];
    for change in changes {
        let mut wrong = right.clone();
        change(&mut wrong);
        match backbone.read_weights(&path, Some(&wrong)) {
            Err(Error::Preprocessing {
                expected, found, ..
            }) => {
                assert_eq!(expected, wrong);
                assert_eq!(found, right);
            }
            other => panic!("{other:?}"),
        }
    }
    // A file that tells nothing contradicts nothing.
    let silent = fixtures().join("iresnet18.pth");
    assert_eq!(backbone.read_weights(silent, Some(&right)).unwrap(), None);
}

#[test]
fn preprocessing_for_other_pictures_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let backbone = narrow_iresnet().init(&device()).unwrap();
    let error = backbone
        .write_weights(&path, &Preprocessing::ARCFACE)
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::PreprocessingShape {
                preprocessing: [3, 112, 112],
                network: [3, 16, 16]
            }
        ),
        "{error}"
    );
    assert!(!path.exists());
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let backbone = narrow_iresnet().init(&device()).unwrap();
    let preprocessing = preprocessing(backbone.config());

    let nowhere = folder.path().join("missing/weights.safetensors");
    let error = backbone
        .write_weights(&nowhere, &preprocessing)
        .unwrap_err();
    assert!(
        matches!(&error, Error::Io { path, .. } if *path == nowhere),
        "{error}"
    );

    // The new file is complete when its name turns out to be taken.
    let taken = folder.path().join("folder");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("inside"), "kept").unwrap();
    let error = backbone.write_weights(&taken, &preprocessing).unwrap_err();
    assert!(
        matches!(&error, Error::Io { path, .. } if *path == taken),
        "{error}"
    );
    assert_eq!(std::fs::read(taken.join("inside")).unwrap(), b"kept");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn names_are_unique_and_follow_the_reference() {
    for config in every_kind() {
        let tensors = config.init(&device()).unwrap().tensors();
        let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), tensors.len());
        for burns in ["gamma", "beta", "alpha", "network"] {
            assert!(
                !names
                    .iter()
                    .any(|name| name.split('.').any(|step| step == burns))
            );
        }
    }
}

/// Equal networks give equal files, byte for byte.
#[test]
fn a_network_is_written_alike_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let config: BackboneConfig =
        serde_json::from_str(r#"{ "network": "compact", "width": 0.25, "embedding": 8 }"#).unwrap();
    let backbone = config.init(&device()).unwrap();
    let preprocessing = Preprocessing {
        height_px: 32,
        width_px: 32,
        ..Preprocessing::FFC
    };
    let write = |number: usize| {
        let path = folder.path().join(format!("{number}.safetensors"));
        backbone.write_weights(&path, &preprocessing).unwrap();
        std::fs::read(path).unwrap()
    };
    let first = write(0);
    assert!((1..8).all(|number| write(number) == first));
}

/// A file whose preprocessing makes no numbers, or that was written for pictures of another size.
#[test]
fn a_preprocessing_that_cannot_be_the_networks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut backbone = narrow_iresnet().init(&device()).unwrap();
    let right = Preprocessing {
        height_px: 16,
        width_px: 16,
        ..Preprocessing::FFC
    };
    let refused = |backbone: &mut ffc_model::Backbone| {
        let error = backbone.read_weights(&path, None).unwrap_err();
        error.to_string()
    };
    for scale in [0.0, 1e-30] {
        let none = Preprocessing {
            scale,
            ..right.clone()
        };
        backbone.write_weights(&path, &none).unwrap();
        let message = refused(&mut backbone);
        assert!(message.contains("no finite numbers"), "{message}");
    }
    backbone.write_weights(&path, &right).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let key = br#"height_px\":16"#;
    let at = bytes.windows(key.len()).rposition(|part| part == key);
    bytes[at.unwrap() + key.len() - 1] = b'8';
    std::fs::write(&path, bytes).unwrap();
    let message = refused(&mut backbone);
    assert!(message.contains("18x16"), "{message}");
    assert!(message.contains("3 channels of 16x16"), "{message}");
}
