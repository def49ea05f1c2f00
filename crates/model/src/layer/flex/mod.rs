//! Kernels for burn's Flex backend, in safe Rust.
//!
//! Flex computes most backward passes by general means: a convolution's through transposed convolutions of permuted
//! copies, a normalisation's through a chain of broadcasts. Here each layer has the loop that its formula asks for:
//!
//! - [`kernel`]: the arithmetic, over slices of numbers;
//! - [`op`]: the same as operations of the backend and of autodiff, on tensors.
//!
//! Layers see neither, but [`Kernels`]. `absent.rs` stands in for this module where the crate is compiled without the feature `flex`.

mod kernel;
mod op;

use burn::backend::DispatchTensorKind;
use burn::tensor::{DType, Tensor};

/// The kernels, for a tensor that they take. Each operation is a method, in the file of [`op`] that is named after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels(());

impl Kernels {
    /// None where they do not take the tensor: another backend or number type, or no numbers at all.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 || tensor.shape().num_elements() == 0 {
            return None;
        }
        let kind = tensor.clone().into_dispatch().kind;
        let kind = match kind {
            DispatchTensorKind::Autodiff(inner) => *inner,
            kind => kind,
        };
        matches!(kind, DispatchTensorKind::Flex(_)).then_some(Self(()))
    }
}
