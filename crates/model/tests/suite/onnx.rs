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

/// A field of protocol buffers: its number, and where its bytes end. Of those whose value has a length, where that begins.
fn field(bytes: &[u8], at: usize) -> (u64, usize, usize) {
    let varint = |mut at: usize| {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            value |= u64::from(bytes[at] & 127) << shift;
            (at, shift) = (at + 1, shift + 7);
            if bytes[at - 1] < 128 {
                return (value, at);
            }
        }
    };
    let (key, start) = varint(at);
    let (value, end) = varint(start);
    match key & 7 {
        0 => (key >> 3, start, end),
        2 => (key >> 3, end, end + value as usize),
        5 => (key >> 3, start, start + 4),
        other => panic!("wire type {other}"),
    }
}

/// The field `number` with these bytes as its value.
fn of_bytes(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = value.len();
    while length > 127 {
        bytes.push((length & 127 | 128) as u8);
        length >>= 7;
    }
    bytes.push(length as u8);
    [&bytes, value].concat()
}

/// Fields of a message, with what stands for each one of `number` in its place.
fn replaced(message: &[u8], number: u64, mut by: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut at, mut out) = (0, Vec::new());
    while at < message.len() {
        let (found, start, end) = field(message, at);
        match found == number {
            true => out.extend(by(&message[start..end])),
            false => out.extend(&message[at..end]),
        }
        at = end;
    }
    out
}

/// Every node of a file in turn has no inputs, as what it is and as a change of shape.
#[test]
fn a_node_without_inputs_is_refused() {
    let whole = std::fs::read(fixtures().join("iresnet18.onnx")).unwrap();
    let mut nodes = 0;
    replaced(&whole, 7, |graph| {
        replaced(graph, 1, |_| {
            nodes += 1;
            Vec::new()
        })
    });
    assert_eq!(nodes, 50);
    for chosen in 0..nodes {
        for kind in [None, Some(b"Reshape")] {
            let mut number = 0;
            let bytes = replaced(&whole, 7, |graph| {
                let graph = replaced(graph, 1, |node| {
                    number += 1;
                    let mut node = node.to_vec();
                    if number - 1 == chosen {
                        node = replaced(&node, 1, |_| Vec::new());
                        if let Some(kind) = kind {
                            node = replaced(&node, 4, |_| of_bytes(4, kind));
                        }
                    }
                    of_bytes(1, &node)
                });
                of_bytes(7, &graph)
            });
            refused(&narrow_iresnet(), &bytes);
        }
    }
}
