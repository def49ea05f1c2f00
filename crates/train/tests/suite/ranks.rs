//! Several ranks against one with the whole batch: the same losses, gradients, networks and heads but for rounding, and the same bits on every rank.

use std::sync::Arc;

use burn::tensor::Device;
use ffc_core::collective::{Collective, Threads};
use ffc_core::{BatchForm, FfcHead};
use ffc_data::{DualLoader, GroupLoader, IdentityLoader, InstanceLoader, LoaderConfig};
use ffc_model::Backbone;
use ffc_train::config::{HeadConfig, OptimizerConfig};
use ffc_train::{Config, StepImages, StepNumbers, Trainer};

use super::tiny::{alone, dataset, schedule, tiny_with, trainer};

const STEPS: usize = 30;

/// What a training came to.
struct Ended {
    numbers: Vec<StepNumbers>,
    /// Every tensor of the trained network.
    network: Vec<(String, Vec<f32>)>,
    /// The head's state.
    head: Vec<u8>,
    /// Of FFC: identities by their slots.
    slots: Option<Vec<(u64, u32)>>,
}

fn contents(network: &Backbone) -> Vec<(String, Vec<f32>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let preprocessing = ffc_model::Preprocessing {
        height_px: 16,
        width_px: 16,
        ..ffc_model::Preprocessing::FFC
    };
    network.write_weights(&path, &preprocessing).unwrap();
    let tensors = ffc_model::weights::read_tensors(&path).unwrap();
    let values = |data: &burn::tensor::TensorData| data.iter::<f32>().collect();
    tensors
        .iter()
        .map(|(name, data)| (name.clone(), values(data)))
        .collect()
}

/// Makes the steps of a rank's share of the batches.
fn steps(config: &Config, mut trainer: Trainer, [rank, ranks]: [usize; 2]) -> Ended {
    let whole = config.loader();
    let share = LoaderConfig {
        batch: whole.batch / ranks,
        rank,
        ranks,
        ..whole
    };
    let data = dataset(config);
    let mut numbers = Vec::new();
    let mut step = |images: StepImages<'_>| {
        numbers.push(trainer.step(images).unwrap().read().unwrap());
    };
    match config.head.needs(40).batch {
        BatchForm::Dual => (DualLoader::new(data, share, 0).unwrap().take(STEPS))
            .for_each(|batch| step((&batch.unwrap()).into())),
        BatchForm::Instances => (InstanceLoader::new(data, share, 0).unwrap().take(STEPS))
            .for_each(|batch| step((&batch.unwrap()).into())),
        BatchForm::Pairs => (IdentityLoader::new(data, share, 0).unwrap().take(STEPS))
            .for_each(|batch| step((&batch.unwrap()).into())),
        BatchForm::Groups { images } => {
            let share = LoaderConfig {
                group: images,
                ..share
            };
            (GroupLoader::new(data, share, 0).unwrap().take(STEPS))
                .for_each(|batch| step((&batch.unwrap()).into()));
        }
        form => panic!("{form:?}"),
    }
    trainer.average_running_statistics().unwrap();
    let mut head = Vec::new();
    for part in trainer.head().parts() {
        trainer.head().write_part(part, &mut head).unwrap();
    }
    let slots = trainer.head_as::<FfcHead>().map(|head| {
        let slots = head.pool().slots();
        let found = (0..40).filter_map(|identity| Some((identity, slots.get(identity)?)));
        found.collect()
    });
    Ended {
        numbers,
        network: contents(trainer.probe()),
        head,
        slots,
    }
}

fn several(config: &Config, ranks: usize) -> Vec<Ended> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = Threads::new(ranks)
            .into_iter()
            .map(|threads| {
                scope.spawn(move || {
                    let (rank, device) = (threads.rank(), Device::flex());
                    let (start, threads) = (schedule(config), Arc::new(threads));
                    let trainer =
                        Trainer::from_config_on_ranks(config, 40, start, &device, threads);
                    steps(config, trainer.unwrap(), [rank, ranks])
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Length of the difference over length of the expected.
fn error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    let difference: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let length: f64 = expected.iter().map(|b| f64::from(*b).powi(2)).sum();
    (difference / length.max(1e-12)).sqrt()
}

fn compare(setting: &str, batch: usize, ranks: usize, most: f64) {
    let mut config = tiny_with(setting);
    config.loader.batch = batch;
    if let HeadConfig::Ffc(head) = &mut config.head {
        // Of 40 identities: some are put out in every step.
        head.pool = 20.max(batch * 3 / 2 + 2);
    }
    // Sums of the two sides' gradients are taken in another order, and norms over few pictures make much of the last bits: small steps keep
    // them small.
    if let OptimizerConfig::Sgd { learning_rate, .. } = &mut config.optimizer {
        *learning_rate = 1e-5;
    }
    config.training.norm_groups = ranks;
    let one = steps(&config, trainer(&config), [0, 1]);
    // Each rank has one group, said or not.
    let all = several(&config, ranks);
    config.training.norm_groups = 0;
    let unsaid = several(&config, ranks);
    for rank in all.iter().chain(&unsaid) {
        assert_eq!(rank.numbers, all[0].numbers, "{setting}: losses of ranks");
        assert_eq!(rank.network, all[0].network, "{setting}: networks of ranks");
        assert!(rank.head == all[0].head, "{setting}: heads of ranks");
        assert_eq!(rank.slots, one.slots, "{setting}: slots");
    }
    let mut worst = 0.0_f64;
    for (found, expected) in all[0].numbers.iter().zip(&one.numbers) {
        let relative = |a: f32, b: f32| f64::from((a - b).abs() / b.abs().max(1e-3));
        worst = worst
            .max(relative(found.loss, expected.loss))
            .max(relative(found.gradient_norm, expected.gradient_norm));
        assert_eq!(found.quantities.len(), expected.quantities.len());
    }
    // Of all tensors at once: some are near to zero yet.
    let whole = |ended: &Ended| -> Vec<f32> {
        let tensors = ended.network.iter();
        tensors.flat_map(|(_, values)| values.clone()).collect()
    };
    let of_network = error(&whole(&all[0]), &whole(&one));
    assert!(
        of_network < most,
        "{setting}, {ranks} ranks: {of_network:.1e}"
    );
    println!(
        "{setting}, {ranks} ranks: losses and gradients {worst:.1e}, network {of_network:.1e}"
    );
    assert!(worst < most, "{setting}, {ranks} ranks: {worst:.1e}");
}

#[test]
fn ffc_on_several_ranks() {
    let _alone = alone();
    for (batch, ranks) in [(8, 2), (12, 3), (16, 4)] {
        compare("training.seed=3", batch, ranks, 2e-3);
    }
    // An instance loader alone, a gallery that sees one side, another rule and margin.
    for setting in [
        "loader.dual=instance",
        "loader.dual=identity",
        "head.gallery_sides=one",
        "head.means=groups",
        "head.update={ weighted = { alpha = 0.9 } }",
        "gallery.momentum=0.0",
    ] {
        compare(setting, 8, 2, 2e-3);
    }
}

#[test]
fn every_head_on_several_ranks() {
    let _alone = alone();
    for head in ["full", "partial", "virtual", "queue", "triplet", "pairs"] {
        let more = match head {
            "virtual" => ", rows = 8, images = 2",
            "queue" => ", queue = 16",
            "triplet" => ", images = 2",
            "partial" => ", sample_rate = 0.5",
            _ => "",
        };
        compare(&format!("head={{ kind = \"{head}\"{more} }}"), 8, 2, 2e-3);
    }
}

/// Classifiers and a pool of which each rank has a part.
#[test]
fn sharded_heads() {
    let _alone = alone();
    for head in [
        "kind = \"ffc\"",
        "kind = \"full\"",
        "kind = \"partial\", sample_rate = 0.5",
    ] {
        for (batch, ranks) in [(8, 2), (12, 3)] {
            compare(
                &format!("head={{ {head}, sharded = true }}"),
                batch,
                ranks,
                2e-3,
            );
        }
    }
}

/// A network whose blocks have no batch norm.
#[test]
fn a_transformer_on_several_ranks() {
    let _alone = alone();
    let network = "backbone={ network = \"vit\", width = 16, depth = 2, heads = 2, patch_px = 8, embedding = 16, height_px = 16, width_px = 16, stochastic_depth = 0.0, mask_ratio = 0.0 }";
    compare(network, 8, 2, 2e-3);
}
