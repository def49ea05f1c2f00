use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Tensor};
use ffc_core::margin::CosFace;
use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, FfcHead, HeadContext,
    MovingAverage, RunningStatistics,
};
use ffc_model::NormMode;
use ffc_train::config::{Decay, GalleryConfig, Length, Precision, ScheduleConfig};
use ffc_train::{Config, Error, StepNumbers, Trainer};

use super::tiny::{alone, batches, schedule, tiny, tiny_with, trainer, try_trainer};

fn numbers(config: &Config, steps: usize) -> Vec<StepNumbers> {
    let mut trainer = trainer(config);
    batches(config, 0, steps)
        .iter()
        .map(|batch| trainer.step(batch).unwrap().read().unwrap())
        .collect()
}

fn losses(config: &Config, steps: usize) -> Vec<f32> {
    let numbers = numbers(config, steps);
    numbers.iter().map(|numbers| numbers.loss).collect()
}

fn mean(losses: &[f32]) -> f32 {
    losses.iter().sum::<f32>() / losses.len() as f32
}

/// The step written out once more: moving average, both networks on both sides, head, backward, optimizer.
#[test]
fn a_step_is_the_algorithms() {
    let _alone = alone();
    let config = tiny();
    let device = Device::flex().autodiff();
    device.seed(config.training.seed);
    let mut probe = config.backbone.init(&device).unwrap();
    let mut gallery = probe.valid();
    let pool = ClassPoolConfig {
        capacity: 12,
        dim: 16,
        ..Default::default()
    };
    let pool = ClassPool::new(pool, &device).unwrap();
    let mut head = FfcHead::new(pool, CosFace::new(0.4).unwrap(), FfcConfig::default()).unwrap();
    let momentum = MomentumConfig::new()
        .with_momentum(0.9)
        .with_dampening(0.0)
        .with_nesterov(true);
    let decay = burn::optim::decay::WeightDecayConfig::new(1e-4);
    let mut optimizer = SgdConfig::new()
        .with_momentum(Some(momentum))
        .with_weight_decay(Some(decay))
        .init();
    let average = MovingAverage::new(0.99, RunningStatistics::Average).unwrap();
    let schedule = schedule(&config);

    let mut expected = Vec::new();
    for (step, batch) in batches(&config, 0, 4).iter().enumerate() {
        average.update(&mut gallery, &probe).unwrap();
        let side = |images: &ffc_data::ImageBatch| {
            let pictures = images.to_device(&device, &ffc_data::Normalisation::FFC);
            let probe = probe.forward(pictures.clone(), NormMode::Train).unwrap();
            let gallery = gallery.forward(pictures.inner(), NormMode::Batch).unwrap();
            EmbeddingBatch {
                probe,
                gallery: Some(gallery),
                identities: images.identities().to_vec(),
            }
        };
        let (x, y) = (side(&batch.x), side(&batch.y));
        let output = head.step(DualEmbeddings { x, y }).unwrap();
        expected.push(output.loss.clone().into_scalar::<f32>());
        let gradients = GradientsParams::from_grads(output.loss.backward(), &probe);
        let rate = 0.05 * schedule.factor(step as u64);
        probe = optimizer.step(rate, probe, gradients);
    }
    assert_eq!(losses(&config, 4), expected);
}

/// Activations that are computed again are the same ones.
#[test]
fn gradient_checkpointing_changes_nothing() {
    let _alone = alone();
    let mut config = tiny();
    let kept = losses(&config, 4);
    config.training.gradient_checkpointing = true;
    for (again, kept) in losses(&config, 4).iter().zip(&kept) {
        assert!((again - kept).abs() < 1e-3 * kept.abs(), "{again} {kept}");
    }
}

/// With momentum 0 there is no gallery network, and the losses are those of one that is made equal to the trained network in every step.
#[test]
fn with_momentum_0_the_network_is_its_own_gallery() {
    let _alone = alone();
    let mut config = tiny_with("head.prefill=0.3");
    let run = |config: &Config| {
        let mut trainer = trainer(config);
        let batches = batches(config, 0, 6);
        trainer.prefill(&batches[5].x, 5).unwrap();
        let losses: Vec<f32> = batches
            .iter()
            .map(|batch| trainer.step(batch).unwrap().read().unwrap().loss)
            .collect();
        (losses, trainer.gallery().is_some())
    };
    // So small that nothing of the old weights is left in 32 bits.
    config.gallery.momentum = 1e-300;
    let (expected, has_gallery) = run(&config);
    assert!(has_gallery);
    config.gallery.momentum = 0.0;
    let (losses, has_gallery) = run(&config);
    assert!(!has_gallery);
    for (loss, expected) in losses.iter().zip(&expected) {
        assert!(
            (loss - expected).abs() < 1e-5 * expected,
            "{loss} {expected}"
        );
    }
}

/// Where the network hardly moves its own embeddings are the gallery's, as they are with momentum 0; the gallery network follows all the same.
#[test]
fn embeddings_are_reused_where_the_rate_is_low() {
    let _alone = alone();
    let set = |text: &str| tiny_with(text);
    let published = losses(&set("gallery.reuse_up_to=0"), 6);
    let always = set("gallery.reuse_up_to=1");
    assert_eq!(losses(&always, 6), losses(&set("gallery.momentum=0"), 6));
    let mut trainer = trainer(&always);
    let start = trainer.gallery().unwrap().clone();
    for batch in batches(&always, 0, 2) {
        trainer.step(&batch).unwrap();
    }
    assert_ne!(
        parameters(trainer.gallery().unwrap()),
        parameters(&start),
        "the gallery network follows"
    );

    let falling = |reuse: &str| {
        let mut config = set(reuse);
        config.schedule = ScheduleConfig {
            warm_up: Length::Steps(2),
            decay: Decay::MultiStep {
                milestones: vec![Length::Steps(3)],
                factor: 0.25,
            },
        };
        losses(&config, 6)
    };
    let expected = falling("gallery.reuse_up_to=0");
    assert_eq!(expected[..3], published[..3]);
    let below = falling("gallery.reuse_up_to=0.24");
    assert_eq!(below, expected);
    let up_to = falling("gallery.reuse_up_to=0.25");
    assert_eq!(up_to[..3], expected[..3]);
    assert!((3..6).all(|step| up_to[step] != expected[step]));
}

/// All float parameters of a network, one after the other.
fn parameters(network: &ffc_model::Backbone) -> Vec<f32> {
    struct Values(Vec<f32>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().iter::<f32>());
        }
    }
    let mut values = Values(Vec::new());
    network.visit(&mut values);
    values.0
}

/// The gallery network's pass alone in half precision: the losses are nearly those in single precision, and other ones.
#[test]
fn the_gallery_network_in_bf16() {
    let _alone = alone();
    let config = tiny_with("optimizer.learning_rate=1e-6");
    let single = losses(&config, 6);
    let half = losses(
        &Config {
            gallery: GalleryConfig {
                precision: Some(Precision::Bf16),
                ..config.gallery.clone()
            },
            ..config
        },
        6,
    );
    for (half, single) in half.iter().zip(&single) {
        assert_ne!(half, single);
        assert!((half - single).abs() < 0.05 * single, "{half} {single}");
    }
}

/// With one side the gallery network embeds the pictures alone that stay in the pool, and its losses are another way's.
#[test]
fn one_side_of_the_gallery() {
    let _alone = alone();
    let one = losses(&tiny_with("head.gallery_sides=one"), 6);
    let both = losses(&tiny(), 6);
    assert!(one.iter().all(|loss| loss.is_finite()));
    assert!(
        one.iter().zip(&both).all(|(one, both)| one != both),
        "{one:?} {both:?}"
    );
}

#[test]
fn the_loss_falls() {
    let _alone = alone();
    let mut config = tiny();
    config.training.length = "60 steps".parse().unwrap();
    let losses = losses(&config, 60);
    let (first, last) = (mean(&losses[..10]), mean(&losses[50..]));
    assert!(last < 0.9 * first, "{first} {last}");
}

/// Weights to start from are taken by both networks; those of another preprocessing are refused.
#[test]
fn given_weights() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("start.safetensors");
    let mut config = tiny();
    let mut trainer = trainer(&config);
    for batch in batches(&config, 0, 2) {
        trainer.step(&batch).unwrap();
    }
    trainer
        .probe()
        .write_weights(&file, &config.preprocessing())
        .unwrap();

    config.training.weights = Some(file.clone());
    let started = try_trainer(&config).unwrap();
    for (name, network) in [
        ("probe", started.probe()),
        ("gallery", started.gallery().unwrap()),
    ] {
        let copy = folder.path().join(name);
        network
            .write_weights(&copy, &config.preprocessing())
            .unwrap();
        assert!(
            std::fs::read(&copy).unwrap() == std::fs::read(&file).unwrap(),
            "{name}"
        );
    }

    config.training.preprocessing = ffc_train::config::PreprocessingConfig::Arcface;
    let error = try_trainer(&config).unwrap_err();
    assert!(error.to_string().contains("start.safetensors"), "{error}");
}

/// In half precision loss and gradient are nearly the same, it trains too, and parameters and what is averaged stay whole.
#[test]
fn bf16_follows_f32() {
    let _alone = alone();
    // Weights that hardly move: every step compares loss and gradient of the same network.
    let mut config = tiny_with("optimizer.learning_rate=1e-6");
    let single = numbers(&config, 6);
    config.training.precision = Precision::Bf16;
    let half = numbers(&config, 6);
    for (half, single) in half.iter().zip(&single) {
        assert_ne!(half, single);
        let close = |half: f32, single: f32| (half - single).abs() < 0.05 * single;
        assert!(close(half.loss, single.loss), "{half:?} {single:?}");
        let (half, single) = (half.gradient_norm, single.gradient_norm);
        assert!(close(half, single), "{half} {single}");
    }

    let mut config = tiny();
    config.training.precision = Precision::Bf16;
    config.training.length = "60 steps".parse().unwrap();
    let losses = losses(&config, 60);
    assert!(mean(&losses[50..]) < 0.9 * mean(&losses[..10]));

    let mut trainer = trainer(&config);
    trainer.step(&batches(&config, 0, 1)[0]).unwrap();
    for network in [trainer.probe(), trainer.gallery().unwrap()] {
        let file = tempfile::NamedTempFile::new().unwrap();
        network
            .write_weights(file.path(), &config.preprocessing())
            .unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        for (name, tensor) in file.iter() {
            assert_ne!(tensor.dtype(), safetensors::Dtype::BF16, "{name}");
        }
    }
}

/// An embedding of zeros has no direction: the trainer notices it, as it notices what is not a number.
#[test]
fn an_embedding_of_zeros_ends_the_training() {
    let _alone = alone();
    let config = tiny();
    let mut trainer = trainer(&config);
    let batch = &batches(&config, 0, 1)[0];
    trainer.step(batch).unwrap().read().unwrap();

    let device = Device::flex().autodiff();
    let network = trainer.probe().clone().map(&mut Zeros);
    let head = config.head.init(&HeadContext {
        identities: 40,
        dim: 16,
        batch: 4,
        seed: 0,
        device: &device,
        ranks: None,
    });
    let settings = config.trainer(schedule(&config)).unwrap();
    let mut collapsed = Trainer::new(network, head.unwrap(), settings, &device).unwrap();
    let error = collapsed.step(batch).unwrap().read().unwrap_err();
    assert!(matches!(error, Error::ZeroEmbedding { step: 1 }), "{error}");
}

/// All parameters zero.
struct Zeros;

impl ModuleMapper for Zeros {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|values| Tensor::from_inner(values.inner().zeros_like()).require_grad())
    }
}

/// Frozen parts keep their weights, bit for bit; the others are trained, as the norm of the gradient tells.
#[test]
fn frozen_parts_stay_as_they_are() {
    let _alone = alone();
    let config = tiny_with("training.frozen=[\"stem\", \"blocks.0\"]");
    let mut trainer = trainer(&config);
    let parameters = |trainer: &Trainer| -> Vec<(String, Vec<f32>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let network = trainer.probe();
        network
            .write_weights(&path, &config.preprocessing())
            .unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensors = network.tensors().into_iter();
        let tensors = tensors.filter(|tensor| !tensor.is_running_statistic());
        tensors
            .map(|tensor| {
                let data = file.tensor(&tensor.name).unwrap().data().to_vec();
                let values = data.as_chunks().0.iter();
                (
                    tensor.name,
                    values.map(|&four| f32::from_le_bytes(four)).collect(),
                )
            })
            .collect()
    };
    let before = parameters(&trainer);
    for batch in batches(&config, 0, 3) {
        trainer.step(&batch).unwrap().read().unwrap();
    }
    for ((name, before), (_, after)) in before.iter().zip(parameters(&trainer)) {
        // The last norm's weight is a constant, as in insightface's networks.
        let untrained = ["stem.", "blocks.0.", "features.weight"];
        let frozen = untrained.iter().any(|part| name.starts_with(part));
        assert_eq!(*before == after, frozen, "{name}");
    }

    for (frozen, part) in [("[\"layer9\"]", "layer9"), ("[\"stem.co\"]", "blocks")] {
        let config = tiny_with(&format!("training.frozen={frozen}"));
        let error = try_trainer(&config).err().unwrap().to_string();
        assert!(
            error.contains("training.frozen") && error.contains(part),
            "{error}"
        );
    }
}
