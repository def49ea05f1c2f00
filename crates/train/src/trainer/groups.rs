//! A batch through a network group by group, each normalised by itself, as the ranks of a training do with their shares.

use burn::tensor::Tensor;
use ffc_model::{Backbone, NormMode};

use super::ranks::{indices, order};
use crate::running_statistics::RunningStatistics;
use crate::{Error, Result};

/// Pictures through a network in `count` groups, embeddings in the pictures' order. In training mode the running statistics move by the mean of
/// the groups': as those of ranks do whose means are taken.
///
/// # Errors
///
/// [`Error::Setting`] where the rows are no equal groups.
pub(super) fn forward(
    network: &Backbone,
    pictures: Tensor<4>,
    mode: NormMode,
    parts: &[usize],
    count: usize,
) -> Result<Tensor<2>> {
    let [rows, ..] = pictures.dims();
    let whole = [rows];
    let parts = match parts.iter().sum::<usize>() == rows {
        true => parts,
        false => &whole,
    };
    if parts.iter().any(|part| !part.is_multiple_of(count)) {
        let expected = "a divisor of the identities and of the instances of a side";
        return Err(Error::setting("training.norm_groups", count, expected));
    }
    let of_group: Vec<usize> = parts.iter().map(|part| part / count).collect();
    // Where each row of the batch lies: in which group, at which place.
    let order = order(rows / count, &of_group, count);
    let device = pictures.device();
    let before = (mode == NormMode::Train).then(|| RunningStatistics::of(network));
    let (mut embeddings, mut after) = (Vec::new(), Vec::new());
    for group in 0..count {
        let places = order.iter().enumerate();
        let mut places: Vec<(usize, usize)> = places
            .filter(|(_, [of, _])| *of == group)
            .map(|(place, [_, row])| (*row, place))
            .collect();
        places.sort_unstable();
        let places: Vec<usize> = places.into_iter().map(|(_, place)| place).collect();
        let of_group = pictures.clone().select(0, indices(&places, &device));
        embeddings.push(network.forward(of_group, mode)?);
        if let Some(before) = &before {
            after.push(RunningStatistics::of(network));
            before.put_into(network);
        }
    }
    if before.is_some() {
        RunningStatistics::mean(&after).put_into(network);
    }
    // From the groups one after the other back into the order of the batch.
    let back = order
        .iter()
        .map(|[group, row]| group * (rows / count) + row);
    let back: Vec<usize> = back.collect();
    Ok(Tensor::cat(embeddings, 0).select(0, indices(&back, &device)))
}
