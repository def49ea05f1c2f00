use burn::tensor::Tensor;

use crate::Result;

/// What a margin learns from the embeddings that go by, such as running statistics. Part of a head's state.
pub trait MarginState {
    /// Takes the lengths of a step's raw embeddings, once a step and before the margin is asked for targets. Does not wait for
    /// the device.
    ///
    /// # Shapes
    ///
    /// - `length`: `[rows, 1]`, above 0
    fn observe(&mut self, length: &Tensor<2>);

    /// The state as numbers, for a checkpoint. Reads them back from the device.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device).
    fn values(&self) -> Result<Vec<f32>>;

    /// Takes up the state of a checkpoint: as many numbers as [`values`](Self::values) gives.
    fn restore(&mut self, values: &[f32]);
}
