//! A head that is not FFC's: instances or groups, no gallery network, weights of its own.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use burn::tensor::{Device, Gradients, Tensor};
use ffc_core::{
    BatchForm, EmbeddingBatch, GallerySides, Head, HeadInput, HeadOutput, Needs, Quantity, Result,
    StepContext, leaf_like, part,
};
use ffc_data::{DualBatch, GroupLoader, IdentityLoader, ImageBatch, InstanceLoader, LoaderConfig};
use ffc_model::NormMode;
use ffc_train::{Checkpoint, Checkpoints, Error, State, StepImages, Trainer};

use super::support::assert_says;
use super::tiny::{alone, batches, dataset, schedule, tiny, trainer};

/// What a head was asked, step by step: step, learning rate, length of the gradient that it learnt from.
type Seen = Arc<Mutex<Vec<(u64, f64, f32)>>>;

/// Draws embeddings towards one trained row: the loss is the mean of |embedding - row|^2.
struct OneRow {
    form: BatchForm,
    row: Tensor<2>,
    reported: usize,
    /// Names of quantities and parts.
    names: [&'static [&'static str]; 2],
    /// How often the loss is there.
    losses: usize,
    gallery: bool,
    /// The last batch.
    embedded: Option<EmbeddingBatch>,
    seen: Seen,
}

impl OneRow {
    fn new(form: BatchForm) -> Self {
        Self::on(form, &Device::flex().autodiff())
    }

    fn on(form: BatchForm, device: &Device) -> Self {
        Self {
            form,
            row: Tensor::ones([1, 16], device).require_grad(),
            reported: 1,
            names: [&["rows"], &["row.f32"]],
            losses: 1,
            gallery: false,
            embedded: None,
            seen: Seen::default(),
        }
    }
}

impl Head for OneRow {
    fn needs(&self) -> Needs {
        Needs {
            batch: self.form,
            gallery: self.gallery,
            gallery_sides: GallerySides::Both,
            prefill: 0,
        }
    }

    fn quantities(&self) -> &'static [&'static str] {
        self.names[0]
    }

    fn step(&mut self, input: HeadInput, _: &StepContext) -> Result<HeadOutput> {
        let batch = input.single()?;
        assert_eq!(batch.gallery.is_some(), self.gallery);
        self.embedded = Some(batch.clone());
        let rows = batch.identities.len();
        Ok(HeadOutput {
            loss: (batch.probe - self.row.clone())
                .square()
                .mean()
                .repeat_dim(0, self.losses),
            quantities: vec![Quantity::Host(rows as f64); self.reported],
        })
    }

    fn learn(&mut self, gradients: &mut Gradients, context: &StepContext) -> Result<()> {
        let gradient = self.row.grad_remove(gradients).unwrap();
        let length = gradient.clone().square().sum().sqrt().into_scalar::<f32>();
        let seen = (context.step, context.learning_rate, length);
        self.seen.lock().unwrap().push(seen);
        let row = self.row.clone().inner() - gradient * context.learning_rate;
        self.row = leaf_like(&self.row, row);
        Ok(())
    }

    fn parts(&self) -> &'static [&'static str] {
        self.names[1]
    }

    fn write_part(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        part::write_matrix(part, &self.row, to)
    }

    fn read_part(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        let mut row = self.row.clone().inner();
        part::read_matrix(part, &mut row, from)?;
        self.row = leaf_like(&self.row, row);
        Ok(())
    }
}

fn try_trainer_with(head: OneRow) -> std::result::Result<Trainer, Error> {
    let config = tiny();
    let device = head.row.device();
    device.seed(0);
    let network = config.backbone.init(&device).unwrap();
    let settings = config.trainer(schedule(&config)).unwrap();
    Trainer::new(network, Box::new(head), settings, &device)
}

fn trainer_with(head: OneRow) -> Trainer {
    try_trainer_with(head).unwrap()
}

fn loader() -> LoaderConfig {
    LoaderConfig {
        batch: 6,
        group: 3,
        ..tiny().loader()
    }
}

#[test]
fn a_head_of_instances_learns_with_the_network() {
    let _alone = alone();
    let head = OneRow::new(BatchForm::Instances);
    let seen = head.seen.clone();
    let mut trainer = trainer_with(head);
    assert!(trainer.gallery().is_none());
    let mut losses = Vec::new();
    for batch in InstanceLoader::new(dataset(&tiny()), loader(), 0)
        .unwrap()
        .take(8)
    {
        let output = trainer.step(&batch.unwrap()).unwrap();
        assert_eq!(output.images, 6);
        let numbers = output.read().unwrap();
        assert_eq!(numbers.quantities, [Some(6.0)]);
        losses.push(numbers.loss);
    }
    assert!(losses[7] < 0.9 * losses[0], "{losses:?}");
    let seen = seen.lock().unwrap();
    for (step, (at, rate, length)) in seen.iter().enumerate() {
        assert_eq!(*at, step as u64);
        assert_eq!(*rate, 0.05 * schedule(&tiny()).factor(step as u64));
        assert!(*length > 0.0);
    }
    assert_eq!(seen.len(), 8);
}

/// The first pictures go through the trained network, the second through the gallery network alone.
#[test]
fn pairs_reach_the_head_through_a_network_each() {
    let _alone = alone();
    let mut head = OneRow::new(BatchForm::Pairs);
    head.gallery = true;
    let mut trainer = trainer_with(head);
    let mut loader = IdentityLoader::new(dataset(&tiny()), loader(), 0).unwrap();
    let batch = loader.next().unwrap().unwrap();
    // Both networks are the same at the start.
    let gallery = trainer.gallery().unwrap().clone();
    let expected = [&batch.a, &batch.b].map(|images| {
        let pictures = images.to_device(&Device::flex(), &tiny().normalisation());
        gallery.forward(pictures, NormMode::Batch).unwrap()
    });
    let output = trainer.step(&batch).unwrap();
    assert_eq!(output.images, 6);
    output.read().unwrap();
    let head: &OneRow = trainer.head_as().unwrap();
    let seen = head.embedded.clone().unwrap();
    assert_eq!(seen.identities, batch.a.identities());
    for (found, expected) in [seen.probe.inner(), seen.gallery.unwrap()]
        .into_iter()
        .zip(expected)
    {
        let difference = (found - expected).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-5, "{difference}");
    }
    let error = trainer
        .step(StepImages::Pairs {
            first: &batch.a,
            second: &loader.next().unwrap().unwrap().b,
        })
        .unwrap_err();
    assert_says(&error.to_string(), &["pairs", "other identities"]);
    let error = trainer.step(&batch.a).unwrap_err();
    assert_says(&error.to_string(), &["needs pairs", "another batch"]);

    let mut other = trainer_with(OneRow::new(BatchForm::Instances));
    let error = other.step(&batch).unwrap_err();
    assert_says(&error.to_string(), &["needs another batch", "pairs"]);
    let error = try_trainer_with(OneRow::new(BatchForm::Pairs)).unwrap_err();
    assert_says(&error.to_string(), &["pairs", "no gallery network"]);
}

/// Its weight keeps the device's way to keep activations, and learns the same.
#[test]
fn a_trained_weight_meets_gradient_checkpointing() {
    let _alone = alone();
    let plain = Device::flex().autodiff();
    let losses = [plain.clone(), plain.gradient_checkpointing()].map(|device| {
        let mut trainer = trainer_with(OneRow::on(BatchForm::Instances, &device));
        let batches = InstanceLoader::new(dataset(&tiny()), loader(), 0).unwrap();
        batches
            .take(3)
            .map(|batch| trainer.step(&batch.unwrap()).unwrap().read().unwrap().loss)
            .collect::<Vec<_>>()
    });
    assert_eq!(losses[0], losses[1]);
}

#[test]
fn groups_reach_the_head_as_they_are() {
    let _alone = alone();
    let mut trainer = trainer_with(OneRow::new(BatchForm::Groups { images: 3 }));
    let mut loader = GroupLoader::new(dataset(&tiny()), loader(), 0).unwrap();
    let batch = loader.next().unwrap().unwrap();
    let groups: BTreeSet<&[u64]> = batch.images.identities().chunks(3).collect();
    assert!(
        groups
            .iter()
            .all(|group| group.windows(2).all(|pair| pair[0] == pair[1]))
    );
    assert_eq!(groups.len(), 2);
    assert_eq!(trainer.step(&batch).unwrap().images, 6);
}

/// Its state is a part of the checkpoint; a gallery network is none.
#[test]
fn a_checkpoint_holds_the_heads_parts() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let trainer = trainer_with(OneRow::new(BatchForm::Instances));
    let checkpoints = Checkpoints::new(folder.path(), 1);
    let path = checkpoints.save(&trainer, &State::default()).unwrap();
    let files: BTreeSet<String> = std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = [
        "manifest.json",
        "optimizer.bpk",
        "probe.bpk",
        "row.f32",
        "state.json",
    ];
    assert_eq!(files, expected.map(str::to_owned).into());
    assert_eq!(
        std::fs::read(path.join("row.f32")).unwrap(),
        1f32.to_le_bytes().repeat(16)
    );
    let (_, gallery) = Checkpoint::open(&path)
        .unwrap()
        .networks(&tiny(), &Device::flex())
        .unwrap();
    assert!(gallery.is_none());

    std::fs::write(path.join("row.f32"), [0; 64]).unwrap();
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(error.to_string().contains("row.f32"), "{error}");
}

#[test]
fn a_head_must_report_what_it_announces() {
    let _alone = alone();
    let mut head = OneRow::new(BatchForm::Instances);
    head.reported = 2;
    let mut loader = InstanceLoader::new(dataset(&tiny()), loader(), 0).unwrap();
    let error = trainer_with(head)
        .step(&loader.next().unwrap().unwrap())
        .unwrap_err();
    assert!(matches!(error, Error::Head { .. }), "{error}");
    assert!(error.to_string().contains("announces 1"), "{error}");
}

/// Names that would make metrics or checkpoints unreadable are refused before the first step.
#[test]
fn names_that_a_head_cannot_have() {
    let _alone = alone();
    for (quantities, parts, says) in [
        (&["loss"][..], &[][..], ["\"loss\"", "trainer itself"]),
        (&["kind"], &[], ["\"kind\"", "trainer itself"]),
        (&["a", "b", "a"], &[], ["\"a\"", "twice"]),
        (&["a share"], &[], ["\"a share\"", "letters"]),
        (&["_a"], &[], ["\"_a\"", "letter or digit first"]),
        (&[""], &[], ["\"\"", "letters"]),
        (&[], &["probe.bpk"], ["\"probe.bpk\"", "trainer itself"]),
        (&[], &["manifest.json"], ["part", "trainer itself"]),
        (&[], &["../row.f32"], ["\"../row.f32\"", "letters"]),
        (&[], &["a/b"], ["\"a/b\"", "letters"]),
        (&[], &["row", "row"], ["\"row\"", "twice"]),
    ] {
        let mut head = OneRow::new(BatchForm::Instances);
        head.names = [quantities, parts];
        let error = try_trainer_with(head).unwrap_err();
        assert!(matches!(error, Error::Head { .. }), "{error}");
        assert_says(&error.to_string(), &says);
    }
}

#[test]
fn a_loss_is_one_number() {
    let _alone = alone();
    let mut head = OneRow::new(BatchForm::Instances);
    head.losses = 2;
    let mut loader = InstanceLoader::new(dataset(&tiny()), loader(), 0).unwrap();
    let mut trainer = trainer_with(head);
    let error = trainer.step(&loader.next().unwrap().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Head { .. }), "{error}");
    assert_says(&error.to_string(), &["2 numbers", "loss"]);
}

/// Pixels of a program's own train as those of the loaders do.
#[test]
fn pixels_of_a_callers_own() {
    let _alone = alone();
    let config = tiny();
    let own = |images: &ImageBatch| {
        let [rows, height, width, _] = images.shape();
        let identities = images.identities().to_vec();
        let pixels = images.pixels().to_vec();
        ImageBatch::new(pixels, [rows, height, width], config.channels(), identities).unwrap()
    };
    let batch = &batches(&config, 0, 1)[0];
    let own = DualBatch {
        step: 0,
        epoch: 0,
        x: own(&batch.x),
        y: own(&batch.y),
    };
    let loss = |batch: &DualBatch| {
        let output = trainer(&config).step(batch).unwrap();
        output.read().unwrap().loss
    };
    assert_eq!(loss(&own), loss(batch));
}
