//! Kernels for burn's Flex backend, in safe Rust: what burn does in several passes over memory, on one core for most of them, is one
//! pass here, on all cores. Their users see [`Kernels`] alone.
//!
//! `absent.rs` stands in for this module where the crate is compiled without the feature `flex`.

mod inverse_lengths;
mod sgd;
mod softmax;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Tensor};

/// Rows that a thread takes at a time.
const BLOCK: usize = 16;

/// The kernels, for tensors that they take. Each is a method, in a file of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernels(());

impl Kernels {
    /// None where they do not take the matrix: another backend or number type, a part of an autodiff graph, or no numbers at all.
    pub(crate) fn of(matrix: &Tensor<2>) -> Option<Self> {
        if matrix.dtype() != DType::F32 || matrix.shape().num_elements() == 0 {
            return None;
        }
        let found = matrix.clone().try_into_primitive::<Flex>();
        found.is_ok().then_some(Self(()))
    }
}

/// The backend's tensor, in order and alone in its buffer.
fn primitive(matrix: Tensor<2>) -> FlexTensor {
    match matrix.try_into_primitive::<Flex>() {
        Ok(tensor) => tensor.to_contiguous(),
        Err(_) => unreachable!("`Kernels::of` takes no other backend's"),
    }
}

fn matrix(tensor: FlexTensor) -> Tensor<2> {
    Tensor::from_primitive::<Flex>(tensor)
}
