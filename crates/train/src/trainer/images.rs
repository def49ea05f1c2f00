use ffc_data::{DualBatch, GroupBatch, IdentityBatch, ImageBatch, InstanceBatch};

/// The pictures of a step, in the form that the head needs: from the loaders, or from a caller's own pixels.
#[derive(Debug, Clone, Copy)]
pub enum StepImages<'a> {
    /// The two sides of a dual batch.
    Dual {
        /// Side x.
        x: &'a ImageBatch,
        /// Side y.
        y: &'a ImageBatch,
    },
    /// Pairs of pictures, each of one identity.
    Pairs {
        /// For the trained network.
        first: &'a ImageBatch,
        /// For the gallery network.
        second: &'a ImageBatch,
    },
    /// Instances or groups.
    Single(&'a ImageBatch),
}

impl<'a> From<&'a DualBatch> for StepImages<'a> {
    fn from(batch: &'a DualBatch) -> Self {
        Self::Dual {
            x: &batch.x,
            y: &batch.y,
        }
    }
}

impl<'a> From<&'a IdentityBatch> for StepImages<'a> {
    fn from(batch: &'a IdentityBatch) -> Self {
        Self::Pairs {
            first: &batch.a,
            second: &batch.b,
        }
    }
}

impl<'a> From<&'a InstanceBatch> for StepImages<'a> {
    fn from(batch: &'a InstanceBatch) -> Self {
        Self::Single(&batch.images)
    }
}

impl<'a> From<&'a GroupBatch> for StepImages<'a> {
    fn from(batch: &'a GroupBatch) -> Self {
        Self::Single(&batch.images)
    }
}

impl<'a> From<&'a ImageBatch> for StepImages<'a> {
    fn from(batch: &'a ImageBatch) -> Self {
        Self::Single(batch)
    }
}
