//! A head of one's own in the unchanged trainer: plain softmax over a few identities, its weights trained by automatic
//! differentiation.
//!
//! ```sh
//! cargo run --release --example custom_head
//! ```

use std::io::{Read, Write};
use std::sync::Arc;

use burn::tensor::loss::cross_entropy_with_logits;
use burn::tensor::{Device, Distribution, Gradients, Int, Tensor};
use ffc_core::{
    BatchForm, GallerySides, Head, HeadInput, HeadOutput, Needs, Quantity, Result, StepContext,
    leaf_like, part,
};
use ffc_data::{Dataset, ImageCounts, InstanceLoader, LoaderConfig, SourceConfig, SyntheticConfig};
use ffc_model::BackboneConfig;
use ffc_train::{Trainer, TrainerConfig};

/// Logits are products of embeddings with one row a class.
struct Softmax {
    /// `[identities, dim]`.
    weights: Tensor<2>,
}

impl Head for Softmax {
    fn needs(&self) -> Needs {
        Needs {
            batch: BatchForm::Instances,
            gallery: false,
            gallery_sides: GallerySides::Both,
            prefill: 0,
        }
    }

    fn quantities(&self) -> &'static [&'static str] {
        &["right_share"]
    }

    fn step(&mut self, input: HeadInput, _: &StepContext) -> Result<HeadOutput> {
        let batch = input.single()?;
        let rows = batch.identities.len();
        let labels: Vec<i64> = batch
            .identities
            .iter()
            .map(|&identity| identity as i64)
            .collect();
        let labels = Tensor::<1, Int>::from_data(&labels[..], &batch.probe.device());
        let logits = batch.probe.matmul(self.weights.clone().transpose());

        let found = logits.clone().argmax(1).reshape([rows]);
        let right = found.equal(labels.clone()).float().mean();
        let one_hot = labels.one_hot(self.weights.dims()[0]).float();
        Ok(HeadOutput {
            loss: cross_entropy_with_logits(logits, one_hot),
            quantities: vec![Quantity::Device(right)],
        })
    }

    fn learn(&mut self, gradients: &mut Gradients, context: &StepContext) -> Result<()> {
        if let Some(gradient) = self.weights.grad_remove(gradients) {
            let weights = self.weights.clone().inner() - gradient * context.learning_rate;
            self.weights = leaf_like(&self.weights, weights);
        }
        Ok(())
    }

    fn parts(&self) -> &'static [&'static str] {
        &["softmax.f32"]
    }

    fn write_part(&self, part: &str, to: &mut dyn Write) -> Result<()> {
        part::write_matrix(part, &self.weights, to)
    }

    fn read_part(&mut self, part: &str, from: &mut dyn Read) -> Result<()> {
        let mut weights = self.weights.clone().inner();
        part::read_matrix(part, &mut weights, from)?;
        self.weights = leaf_like(&self.weights, weights);
        Ok(())
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(0);
    let source = SourceConfig::Synthetic(SyntheticConfig {
        identities: 100,
        images: ImageCounts::Equal { images: 40 },
        size_px: 32,
        ..Default::default()
    });
    let dataset = Arc::new(Dataset::open_or_build(
        &source,
        &Default::default(),
        &mut |_| {},
    )?);
    let network: BackboneConfig = serde_json::from_str(
        r#"{ "network": "compact", "width": 0.5, "embedding": 64, "height_px": 32, "width_px": 32 }"#,
    )?;
    let head = Softmax {
        weights: Tensor::random([100, 64], Distribution::Normal(0.0, 0.05), &device).require_grad(),
    };
    let network = network.init(&device)?;
    let mut trainer = Trainer::new(network, Box::new(head), TrainerConfig::default(), &device)?;

    let loader = LoaderConfig {
        height_px: 32,
        width_px: 32,
        ..Default::default()
    };
    for batch in InstanceLoader::new(dataset, loader, 0)?.take(200) {
        let output = trainer.step(&batch?)?;
        if output.step == 1 || output.step.is_multiple_of(20) {
            let numbers = output.read()?;
            let right = 100.0 * numbers.quantities[0].unwrap_or_default();
            println!(
                "step {:3}  loss {:5.2}  right {right:3.0} %",
                numbers.step, numbers.loss
            );
        }
    }
    Ok(())
}
