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
