//! What the vision transformer does in training alone.

use std::collections::BTreeSet;

use burn::tensor::Tensor;
use ffc_model::network::VitConfig;
use ffc_model::{BackboneConfig, NormMode};

use crate::support::*;

/// Sixteen patches.
fn vit(stochastic_depth: f64, mask_ratio: f64) -> BackboneConfig {
    BackboneConfig::Vit(VitConfig {
        width: 8,
        depth: 2,
        heads: 2,
        patch_px: 8,
        stochastic_depth,
        mask_ratio,
        embedding: 6,
        height_px: 32,
        width_px: 32,
        ..Default::default()
    })
}

#[test]
fn hidden_patches_take_no_gradient() {
    let device = device().autodiff();
    let config = vit(0.0, 0.3);
    let backbone = config.init(&device).unwrap();
    let images = pictures(5, config.input(), 0.0, &device).require_grad();
    let used = |mode| -> Vec<usize> {
        let embeddings = backbone.forward(images.clone(), mode).unwrap();
        let weights = pictures(5, config.input(), 1.0, &device)
            .slice([0..5, 0..1, 0..1, 0..6])
            .reshape([5, 6]);
        let gradients = (embeddings * weights).sum().backward();
        // [rows, channels, patch rows, 8, patch columns, 8]
        let touched: Tensor<6> = images
            .grad(&gradients)
            .unwrap()
            .abs()
            .reshape([5, 3, 4, 8, 4, 8]);
        let patches = touched.sum_dim(5).sum_dim(3).sum_dim(1).reshape([5, 16]);
        values::<2>(patches)
            .chunks(16)
            .map(|row| row.iter().filter(|sum| **sum > 0.0).count())
            .collect()
    };
    // 16 tokens, of which a whole number of 0.7 * 16 stays.
    assert_eq!(used(NormMode::Train), [11; 5]);
    assert_eq!(used(NormMode::Batch), [16; 5]);
    assert_eq!(used(NormMode::Evaluate), [16; 5]);
}

#[test]
fn branches_are_left_out_for_some_pictures() {
    let device = device();
    let kinds = |config: BackboneConfig, mode| {
        let backbone = config.init(&device).unwrap();
        let image = pictures(1, config.input(), 0.0, &device);
        let images = image.expand([64, 3, 32, 32]);
        let embeddings = values(backbone.forward(images, mode).unwrap());
        let rows = embeddings.chunks(6);
        // Rounded, since rows of one kind may differ by the order of sums.
        let round = |row: &[f32]| row.iter().map(|v| (v * 100.0).round() as i64).collect();
        rows.map(round).collect::<BTreeSet<Vec<i64>>>().len()
    };
    // The first block is never left out; the second's two branches are, each by itself.
    assert_eq!(kinds(vit(0.5, 0.0), NormMode::Train), 4);
    assert_eq!(kinds(vit(0.5, 0.0), NormMode::Batch), 1);
    assert_eq!(kinds(vit(0.5, 0.0), NormMode::Evaluate), 1);
    assert_eq!(kinds(vit(0.0, 0.0), NormMode::Train), 1);
}
