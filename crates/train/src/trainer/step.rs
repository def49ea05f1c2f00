use burn::tensor::{DType, Tensor};
use ffc_core::Quantity;

use crate::{Error, Result};

/// The least squared length of an embedding that is not all zeros: below it the head's division by the length is cut off.
const MIN_SQUARED_LENGTH: f32 = 1e-24;

/// What a step did. Its numbers are on the device still: [`StepOutput::read`] waits for them.
#[derive(Debug)]
pub struct StepOutput {
    /// The step, counted from 1.
    pub step: u64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Images through the probe network.
    pub images: usize,
    pub(super) loss: Tensor<1>,
    pub(super) gradient_norm: Tensor<1>,
    /// Squared length of the shortest embedding.
    pub(super) shortest: Tensor<1>,
    pub(super) quantities: Vec<Quantity>,
}

/// A step's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct StepNumbers {
    /// The step, counted from 1.
    pub step: u64,
    /// Learning rate.
    pub learning_rate: f64,
    /// The loss.
    pub loss: f32,
    /// Global norm of the networks' gradient before clipping.
    pub gradient_norm: f32,
    /// What the head reports, in the order of its [names](ffc_core::Head::quantities).
    pub quantities: Vec<Option<f64>>,
}

impl StepOutput {
    /// Reads the numbers from the device, all at once.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where loss or gradient is not a finite number, [`Error::ZeroEmbedding`] where an embedding was all
    /// zeros; [`Error::Device`].
    pub fn read(&self) -> Result<StepNumbers> {
        let mut parts = vec![
            self.loss.clone(),
            self.gradient_norm.clone(),
            self.shortest.clone(),
        ];
        parts.extend(
            self.quantities
                .iter()
                .filter_map(|quantity| match quantity {
                    Quantity::Device(value) => Some(value.clone().inner().cast(DType::F32)),
                    Quantity::Host(_) | Quantity::Missing => None,
                }),
        );
        let numbers = Tensor::cat(parts, 0)
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Device(error.to_string()))?;
        let (loss, gradient_norm, shortest) = (numbers[0], numbers[1], numbers[2]);
        for (what, value) in [
            ("the loss", loss),
            ("the norm of the gradient", gradient_norm),
        ] {
            if !value.is_finite() {
                return Err(Error::NotFinite {
                    what,
                    value,
                    step: self.step,
                });
            }
        }
        if shortest <= MIN_SQUARED_LENGTH {
            return Err(Error::ZeroEmbedding { step: self.step });
        }
        let mut on_device = numbers[3..].iter();
        let quantities = self.quantities.iter().map(|quantity| match quantity {
            Quantity::Host(value) => Some(*value),
            Quantity::Device(_) => on_device.next().map(|&value| value.into()),
            Quantity::Missing => None,
        });
        Ok(StepNumbers {
            step: self.step,
            learning_rate: self.learning_rate,
            loss,
            gradient_norm,
            quantities: quantities.collect(),
        })
    }
}
