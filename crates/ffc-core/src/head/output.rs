use burn::tensor::Tensor;

/// What a training gets from a head.
#[derive(Debug, Clone)]
pub struct HeadOutput {
    /// The step's loss, `[1]`: call `backward` on it. It is on an autodiff device if the probe
    /// embeddings are.
    pub loss: Tensor<1>,
    /// What happened, a value for each name of [`quantities`](crate::Head::quantities), in that order.
    pub quantities: Vec<Quantity>,
}

/// A number that a step reports.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a handful a step")]
pub enum Quantity {
    /// Known on the host.
    Host(f64),
    /// `[1]`, left on the device: reading it waits for the step.
    Device(Tensor<1>),
    /// This step has none, as a mean over no rows.
    Missing,
}

impl From<Option<Tensor<1>>> for Quantity {
    fn from(value: Option<Tensor<1>>) -> Self {
        value.map_or(Self::Missing, Self::Device)
    }
}
