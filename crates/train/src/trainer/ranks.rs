//! What ranks do together in a step: one head over all ranks' rows, one gradient of all ranks' networks.

use std::sync::Arc;

use burn::tensor::{DType, Device, Gradients, Int, Tensor, TensorData};
use ffc_core::collective::{Alone, Collective};
use ffc_core::{DualEmbeddings, EmbeddingBatch, HeadInput};

use crate::{Error, Result};

/// The ranks that train together. Every rank gives its rows' embeddings to all; the head runs on every rank over all rows, in the order in which a
/// single process has them, so that its state is the same bits everywhere and nothing of it is sent, unless it is in parts.
#[derive(Debug, Clone)]
pub(super) struct Ranks(Arc<dyn Collective>);

impl Default for Ranks {
    fn default() -> Self {
        Self(Arc::new(Alone))
    }
}

/// A matrix of this rank's embeddings, and its place in the head's input.
struct Own {
    /// `[rows, dim]`, of this rank's network.
    probe: Tensor<2>,
    /// `[ranks * rows, dim]`, what the head takes its gradient by.
    all: Tensor<2>,
    /// Where this rank's rows are in it.
    places: Vec<usize>,
}

/// What leads from the head's input back to this rank's network.
pub(super) struct WayBack(Vec<Own>);

impl Ranks {
    pub(super) fn new(collective: Arc<dyn Collective>) -> Self {
        Self(collective)
    }

    pub(super) fn collective(&self) -> &dyn Collective {
        &*self.0
    }

    pub(super) fn are_several(&self) -> bool {
        self.0.ranks() > 1
    }

    /// All ranks' embeddings in the place of this rank's. `parts` are the rows that a side has of each loader.
    pub(super) fn gather(
        &self,
        input: HeadInput,
        parts: &[usize],
        device: &Device,
    ) -> Result<(HeadInput, WayBack)> {
        let mut own = Vec::new();
        let mut all = |batch| self.gather_batch(batch, parts, device, &mut own);
        let input = match input {
            HeadInput::Dual(DualEmbeddings { x, y }) => DualEmbeddings {
                x: all(x)?,
                y: all(y)?,
            }
            .into(),
            HeadInput::Single(batch) => all(batch)?.into(),
        };
        Ok((input, WayBack(own)))
    }

    fn gather_batch(
        &self,
        batch: EmbeddingBatch,
        parts: &[usize],
        device: &Device,
        own: &mut Vec<Own>,
    ) -> Result<EmbeddingBatch> {
        let EmbeddingBatch {
            probe,
            gallery,
            identities,
        } = batch;
        let [rows, dim] = probe.dims();
        let mut bytes: Vec<u8> = (identities.iter())
            .flat_map(|identity| identity.to_le_bytes())
            .collect();
        let matrices = [Some(probe.clone().inner()), gallery.clone()];
        for matrix in matrices.into_iter().flatten() {
            let values = matrix.try_into_vec_as::<f32>();
            let values = values.map_err(|error| Error::Device(error.to_string()))?;
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        let given = self.0.all_gather(&bytes)?;
        if let Some(rank) = given.iter().position(|other| other.len() != bytes.len()) {
            return Err(ffc_core::Error::Collective {
                rank,
                problem: format!(
                    "it gives {} bytes of embeddings, rank {} {}",
                    given[rank].len(),
                    self.0.rank(),
                    bytes.len()
                ),
            }
            .into());
        }

        let order = order(rows, parts, given.len());
        let take = |begin: usize, width: usize| -> Vec<u8> {
            let row = |&[rank, row]: &[usize; 2]| &given[rank][begin + row * width..][..width];
            order.iter().flat_map(row).copied().collect()
        };
        let identities = take(0, 8);
        let identities = identities.as_chunks::<8>().0.iter();
        let identities: Vec<u64> = identities.map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let matrix = |number: usize| {
            let begin = rows * 8 + number * rows * dim * 4;
            let values = take(begin, dim * 4);
            let values = values.as_chunks::<4>().0.iter();
            let values: Vec<f32> = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
            TensorData::new(values, [order.len(), dim])
        };
        let all = Tensor::<2>::from_data(matrix(0), (device, DType::F32)).require_grad();
        let plain = device.clone().without_autodiff();
        let gallery = gallery.map(|_| Tensor::from_data(matrix(1), (&plain, DType::F32)));
        let rank = self.0.rank();
        let places = order.iter().enumerate();
        let mut places: Vec<(usize, usize)> = places
            .filter(|(_, [of, _])| *of == rank)
            .map(|(place, [_, row])| (*row, place))
            .collect();
        places.sort_unstable();
        own.push(Own {
            probe,
            all: all.clone(),
            places: places.into_iter().map(|(_, place)| place).collect(),
        });
        Ok(EmbeddingBatch {
            probe: all,
            gallery,
            identities,
        })
    }
}

/// For each row of a single process' batch the rank that has it, and its row there: each part of all ranks in turn.
pub(super) fn order(rows: usize, parts: &[usize], ranks: usize) -> Vec<[usize; 2]> {
    // What is not divided is one part.
    let whole = [rows];
    let parts = match parts.iter().sum::<usize>() == rows {
        true => parts,
        false => &whole,
    };
    let mut order = Vec::with_capacity(ranks * rows);
    let mut begin = 0;
    for &part in parts {
        for rank in 0..ranks {
            order.extend((begin..begin + part).map(|row| [rank, row]));
        }
        begin += part;
    }
    order
}

impl WayBack {
    /// A number whose gradient by the network is that of the loss: the embeddings times the loss' gradient by them.
    pub(super) fn through(self, gradients: &Gradients) -> Tensor<1> {
        let parts = self.0.into_iter().map(|own| {
            let Own { probe, all, places } = own;
            let device = probe.device();
            let gradient = match all.grad(gradients) {
                Some(gradient) => gradient,
                None => all.inner().zeros_like(),
            };
            let places = indices(&places, &gradient.device());
            let gradient = Tensor::from_inner(gradient.select(0, places)).to_device(&device);
            (probe * gradient).sum()
        });
        let parts: Vec<Tensor<1>> = parts.collect();
        Tensor::cat(parts, 0).sum()
    }
}

/// Numbers of rows on a device.
pub(super) fn indices(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let count = rows.len();
    Tensor::from_data(
        TensorData::new(rows, [count]),
        &device.clone().without_autodiff(),
    )
}

#[cfg(test)]
mod tests {
    use super::order;

    /// Two ranks with two identities and an instance: the identities of both come first.
    #[test]
    fn the_order_of_a_single_process() {
        let expected = [[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [1, 2]];
        assert_eq!(order(3, &[2, 1], 2), expected);
        assert_eq!(order(2, &[], 2), [[0, 0], [0, 1], [1, 0], [1, 1]]);
        assert_eq!(order(3, &[2, 1], 1), [[0, 0], [0, 1], [0, 2]]);
    }
}
