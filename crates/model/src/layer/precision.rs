//! Mixed precision: a layer computes in the precision of its input, a norm in that of its parameters. Parameters keep
//! theirs, so that small steps of the optimizer are not lost, and the gradient comes back to them in it.

use burn::tensor::{DType, Tensor};

/// The tensor in a precision; itself where it has it.
pub(crate) fn cast<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    match tensor.dtype() == dtype {
        true => tensor,
        false => tensor.cast(dtype),
    }
}

/// Whether a tensor is in single precision and has no gradient.
pub(crate) fn is_single<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && !tensor.device().is_autodiff()
}

/// The precision, but no less than single: for sums of many numbers.
pub(crate) fn single(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}
