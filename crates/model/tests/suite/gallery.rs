//! The gallery network is a validation copy of the probe network, as a moving average makes it.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use ffc_model::{Backbone, NormMode};

use crate::support::{contents, device, every_kind, pictures, values};

/// Overwrites whatever a module holds, in place where it is shared.
struct Overwrite;

impl ModuleMapper for Overwrite {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| value * 0.5 + 3.0)
    }
}

fn probes() -> Vec<Backbone> {
    let device = device().autodiff();
    let configs = every_kind().into_iter();
    configs
        .map(|config| config.init(&device).unwrap())
        .collect()
}

#[test]
fn it_starts_equal_and_shares_nothing() {
    for probe in probes() {
        let device = device().autodiff();
        let images = pictures(4, probe.config().input(), 0.1, &device);
        // The running statistics have moved and are not yet folded in.
        probe.forward(images.clone(), NormMode::Train).unwrap();
        let start = contents(&probe);

        let gallery = probe.valid();
        assert_eq!(contents(&gallery), start);
        probe
            .forward(images.clone() * 2.0, NormMode::Train)
            .unwrap();
        let moved = contents(&probe);
        assert_ne!(moved, start);
        assert_eq!(contents(&gallery), start);

        // Neither network's tensors, running statistics included, can be reached through the other.
        let overwritten = gallery.map(&mut Overwrite);
        assert_ne!(contents(&overwritten), start);
        assert_eq!(contents(&probe), moved);
        let gallery = probe.valid();
        let _ = probe.map(&mut Overwrite);
        assert_eq!(contents(&gallery), moved);
    }
}

#[test]
fn a_plain_clone_would_share_the_running_statistics() {
    // Should this fail one day, burn has changed and the advice on `Backbone` with it.
    for probe in probes() {
        let clone = probe.clone();
        let before = contents(&clone);
        let _ = probe.map(&mut Overwrite);
        let after = contents(&clone);
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b);
        for ((name, _), _) in changed.clone() {
            assert!(name.contains("running_"), "{name}");
        }
        assert!(changed.count() > 0);
    }
}

#[test]
fn it_runs_on_batch_statistics_without_gradient_and_stays_as_it_is() {
    for probe in probes() {
        let device = device().autodiff();
        let images = pictures(4, probe.config().input(), 0.3, &device);
        let gallery = probe.valid();
        let start = contents(&gallery);
        let embeddings = gallery
            .forward(images.clone().inner(), NormMode::Batch)
            .unwrap();
        assert!(!embeddings.is_require_grad());
        assert_eq!(contents(&gallery), start);

        // The same statistics as the probe in training; depth and mask are drawn for the probe alone.
        if !matches!(probe.config(), ffc_model::BackboneConfig::Vit(_)) {
            let trained = probe.forward(images, NormMode::Train).unwrap();
            let error = crate::support::relative_error(&values(embeddings), &values(trained));
            assert!(error < 1e-5, "{error}");
        }
    }
}
