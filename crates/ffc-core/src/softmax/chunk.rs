use burn::tensor::{DType, Tensor};

/// Some of a set of centres.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Where the first one stands in the set.
    pub start: usize,
    /// `[width, dim]`, f32.
    pub centres: Tensor<2>,
    /// To be added to cosines or logits, `[1, width]`: 0, or [`HIDDEN`](super::HIDDEN) where no row shall see the centre. None
    /// where all are seen.
    pub hidden: Option<Tensor<2>>,
}

/// The rows of a matrix of centres, `[centres, dim]`, `width` at a time.
///
/// # Panics
///
/// Panics where `width` is 0.
pub fn chunks(centres: &Tensor<2>, width: usize) -> impl Iterator<Item = Chunk> + '_ {
    let count = centres.dims()[0];
    (0..count).step_by(width).map(move |start| {
        let rows = start..count.min(start + width);
        Chunk {
            start,
            centres: centres.clone().slice_dim(0, rows).cast(DType::F32),
            hidden: None,
        }
    })
}
