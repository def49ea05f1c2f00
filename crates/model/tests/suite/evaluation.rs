use burn::tensor::Device;
use ffc_model::network::CompactConfig;
use ffc_model::{BackboneConfig, NormMode};

use crate::support::*;

fn embeddings(config: &BackboneConfig, rows: usize, device: &Device) -> Vec<f32> {
    let mut network = config.init(device).unwrap();
    fill_by_formula(&mut network, 0.0);
    let pictures = pictures(rows, config.input(), 0.0, device);
    values(network.forward(pictures, NormMode::Evaluate).unwrap())
}

/// Without gradients norms, shortcuts and rectifiers go along with the convolutions; with them each layer is by itself.
#[test]
fn with_and_without_gradients_are_equal() {
    let wide = BackboneConfig::Compact(CompactConfig::default());
    let cases = every_kind().into_iter().map(|config| (config, 2));
    for (config, rows) in cases.chain([(wide.clone(), 1), (wide, 5)]) {
        let plain = embeddings(&config, rows, &device());
        let tracked = embeddings(&config, rows, &device().autodiff());
        let error = relative_error(&plain, &tracked);
        assert!(error < 1e-5, "{config:?}: {error}");
    }
}

/// A network under training, shown pictures that need no gradient.
#[test]
fn pictures_without_gradients_suit_a_network_with_them() {
    for config in every_kind() {
        let mut network = config.init(&device().autodiff()).unwrap();
        fill_by_formula(&mut network, 0.0);
        let pictures = pictures(2, config.input(), 0.0, &device());
        let mixed = values(network.forward(pictures, NormMode::Evaluate).unwrap());
        let error = relative_error(&mixed, &embeddings(&config, 2, &device()));
        assert!(error < 1e-5, "{config:?}: {error}");
    }
}
