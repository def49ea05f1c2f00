//! ONNX files, run by another implementation.

use burn::module::Module;
use ffc_model::{Backbone, Error, NormMode};
use rten::{Dimension, Model, ValueView};

use crate::support::*;

/// Embeddings of a file by rten.
fn run(model: &Model, images: burn::tensor::Tensor<4>) -> ([usize; 2], Vec<f32>) {
    let shape = images.dims();
    let pixels = values(images);
    let input = ValueView::from_shape(shape, &pixels).unwrap();
    let output = model.run_one(input.into(), None).unwrap();
    output.into_shape_vec::<f32, 2>().unwrap()
}

fn written(backbone: &Backbone) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let preprocessing = preprocessing(backbone.config());
    backbone.write_onnx(&path, &preprocessing).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn every_network_gives_our_embeddings_for_any_number_of_pictures() {
    for config in every_kind() {
        let mut backbone = config.init(&device()).unwrap();
        fill_by_formula(&mut backbone, 0.4);
        let model = Model::load(written(&backbone)).unwrap();
        for rows in [1, 5] {
            let images = pictures(rows, config.input(), 0.0, &device());
            let expected = values(
                backbone
                    .forward(images.clone(), NormMode::Evaluate)
                    .unwrap(),
            );
            let (shape, found) = run(&model, images);
            assert_eq!(shape, [rows, config.embedding()]);
            let error = relative_error(&found, &expected);
            println!("{config:?}, {rows} pictures: relative error {error:.1e}");
            assert!(error < 1e-5, "{config:?}: {error}");
        }
    }
}

#[test]
fn inputs_outputs_and_preprocessing_are_named() {
    for config in every_kind() {
        let backbone = config.init(&device()).unwrap();
        let model = Model::load(written(&backbone)).unwrap();
        let input = config.input();
        let images = model.node_info(model.node_id("images").unwrap()).unwrap();
        let fixed = [input.channels, input.height_px, input.width_px].map(Dimension::Fixed);
        let mut shape = vec![Dimension::Symbolic("batch".into())];
        shape.extend(fixed);
        assert_eq!(images.shape(), Some(shape));
        let embeddings = model
            .node_info(model.node_id("embeddings").unwrap())
            .unwrap();
        let shape = vec![
            Dimension::Symbolic("batch".into()),
            Dimension::Fixed(config.embedding()),
        ];
        assert_eq!(embeddings.shape(), Some(shape));
        let metadata = model.metadata();
        let field =
            |key| serde_json::from_str::<serde_json::Value>(metadata.get(key).unwrap()).unwrap();
        let expected = serde_json::to_value(preprocessing(&config)).unwrap();
        assert_eq!(field("preprocessing"), expected);
        let expected = serde_json::to_value(&config).unwrap();
        assert_eq!(field("network"), expected);
        assert_eq!(metadata.producer_name(), Some("ffc"));
    }
}

/// Weights can be found under the names that they have in weight files.
#[test]
fn tensors_keep_their_names() {
    for config in every_kind() {
        let backbone = config.init(&device()).unwrap();
        let bytes = written(&backbone);
        for tensor in backbone.tensors() {
            // Training alone uses it.
            if tensor.name == "mask_token" {
                continue;
            }
            let name = tensor.name.as_bytes();
            let found = bytes.windows(name.len()).any(|window| window == name);
            assert!(found, "{config:?}: {}", tensor.name);
        }
    }
}

/// Gradients and statistics of the training are no part of the file.
#[test]
fn a_network_in_training_gives_the_same_file() {
    for config in every_kind() {
        let mut backbone = config.init(&device()).unwrap();
        fill_by_formula(&mut backbone, 0.1);
        assert_eq!(written(&backbone), written(&backbone.clone().train()));
    }
}

#[test]
fn other_pictures_are_refused() {
    let config = narrow_iresnet();
    let backbone = config.init(&device()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    let mut other = preprocessing(&config);
    other.height_px += 16;
    let error = backbone.write_onnx(&path, &other).unwrap_err();
    assert!(matches!(error, Error::PreprocessingShape { .. }), "{error}");
    assert!(!path.exists());
}

/// What is written is read, under whatever configuration.
#[test]
fn files_of_our_own_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    for config in every_kind() {
        let mut written = config.init(&device()).unwrap();
        fill_by_formula(&mut written, 0.4);
        let preprocessing = preprocessing(&config);
        written.write_onnx(&path, &preprocessing).unwrap();
        let mut read = config.init(&device()).unwrap();
        let before = contents(&read);
        let told = read.read_weights(&path, Some(&preprocessing)).unwrap();
        assert_eq!(told.as_ref(), Some(&preprocessing));
        let (written, read) = (contents(&written), contents(&read));
        for (((name, written), (_, read)), (_, before)) in written.iter().zip(&read).zip(&before) {
            // Training alone uses it: it stays.
            let expected = if name == "mask_token" {
                before
            } else {
                written
            };
            assert_eq!(read, expected, "{config:?}: {name}");
        }
    }
}

/// Written by PyTorch as insightface writes its packs: norms folded into convolutions, names of the exporter, flattening by a view.
#[test]
fn files_of_pytorch_give_its_embeddings() {
    let truth = std::fs::read_to_string(fixtures().join("published.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    let cases = [
        ("iresnet18", narrow_iresnet()),
        ("mbf", narrow_mbf([1, 4, 6, 2], 8, 16)),
        ("ada_face", narrow_ada_face()),
    ];
    for (name, config) in cases {
        let mut backbone = config.init(&device()).unwrap();
        let path = fixtures().join(format!("{name}.onnx"));
        assert_eq!(backbone.read_weights(&path, None).unwrap(), None);
        let images = pictures(4, config.input(), 0.0, &device());
        let found = values(backbone.forward(images, NormMode::Evaluate).unwrap());
        let expected: Vec<f32> = (truth[name].as_array().unwrap().iter())
            .flat_map(|row| row.as_array().unwrap())
            .map(|value| value.as_f64().unwrap() as f32)
            .collect();
        let error = relative_error(&found, &expected);
        println!("{name}: relative error {error:.1e}");
        assert!(error < 1e-5, "{name}: {error}");
    }
}

fn refused(config: &ffc_model::BackboneConfig, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.onnx");
    std::fs::write(&path, bytes).unwrap();
    let mut backbone = config.init(&device()).unwrap();
    let before = contents(&backbone);
    let error = backbone.read_weights(&path, None).unwrap_err();
    assert!(matches!(error, Error::OnnxGraph { .. }), "{error}");
    assert_eq!(contents(&backbone), before);
    error.to_string()
}

#[test]
fn another_graph_is_refused_at_its_node() {
    let iresnet = std::fs::read(fixtures().join("iresnet18.onnx")).unwrap();
    let deeper = ffc_model::BackboneConfig::Iresnet(ffc_model::network::IResNetConfig {
        depth: 34,
        stem_channels: 2,
        embedding: 8,
        height_px: 16,
        width_px: 16,
        ..Default::default()
    });
    let message = refused(&deeper, &iresnet);
    let expected = "at `/layer4/layer4.0/downsample/downsample.0/Conv`";
    assert!(message.contains(expected), "{message}");
    let message = refused(&narrow_mobile_face_net(), &iresnet);
    assert!(
        message.contains("at `/features/BatchNormalization`"),
        "{message}"
    );
    let other_pictures = ffc_model::BackboneConfig::Iresnet(ffc_model::network::IResNetConfig {
        depth: 18,
        stem_channels: 2,
        embedding: 8,
        height_px: 32,
        width_px: 32,
        ..Default::default()
    });
    let message = refused(&other_pictures, &iresnet);
    let expected =
        "at `/fc/Gemm` it has a linear layer of [16, 8], the network a linear layer of [64, 8]";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_damaged_file_is_refused() {
    let whole = std::fs::read(fixtures().join("iresnet18.onnx")).unwrap();
    for length in [40, 200, 1000, whole.len() / 2, whole.len() - 1] {
        let message = refused(&narrow_iresnet(), &whole[..length]);
        println!("{length}: {message}");
    }
}
