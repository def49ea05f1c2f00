use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use ffc_simd::{multiversion, sum_of_pairs};
use rayon::prelude::*;

use super::{BLOCK, Kernels, matrix, primitive};
use crate::class_weights::{Rows, Sgd};

impl Kernels {
    /// A step of the rows from `first` on: see [`Rows::descend`].
    pub(crate) fn descend(
        self,
        rows: &mut Rows,
        first: usize,
        gradient: Tensor<2>,
        inverse: Tensor<2>,
        sgd: Sgd,
    ) {
        let [count, dim] = gradient.dims();
        let changed = first * dim..(first + count) * dim;
        let (gradient, inverse) = (primitive(gradient), primitive(inverse));
        let gradients = gradient.storage::<f32>().par_chunks(BLOCK * dim);
        let gradients = gradients.zip(inverse.storage::<f32>().par_chunks(BLOCK));
        change(rows, |weights, momenta| {
            let weights = weights[changed.clone()].par_chunks_mut(BLOCK * dim);
            let momenta = momenta[changed].par_chunks_mut(BLOCK * dim);
            (weights.zip(momenta))
                .zip(gradients)
                .for_each(|(rows, gradients)| descend(rows, gradients, sgd));
        });
    }

    /// A step of all rows without a gradient: see [`Rows::decay`].
    pub(crate) fn decay(self, rows: &mut Rows, sgd: Sgd) {
        change(rows, |weights, momenta| {
            (weights.par_chunks_mut(DECAY_NUMBERS))
                .zip(momenta.par_chunks_mut(DECAY_NUMBERS))
                .for_each(|rows| decay(rows, sgd));
        });
    }
}

/// Numbers that a thread lets decay at a time.
const DECAY_NUMBERS: usize = 8192;

/// Changes weights and momenta where they are.
fn change(rows: &mut Rows, work: impl FnOnce(&mut [f32], &mut [f32])) {
    rows.weight.inplace(|weight| {
        let mut weight: FlexTensor = primitive(weight);
        rows.momentum.inplace(|momentum| {
            let mut momentum = primitive(momentum);
            work(weight.storage_mut(), momentum.storage_mut());
            matrix(momentum)
        });
        matrix(weight)
    });
}

/// [`Sgd`] in the numbers of the rows.
#[derive(Clone, Copy)]
struct Rates {
    mu: f32,
    decay: f32,
    rate: f32,
}

impl Rates {
    fn new(sgd: Sgd) -> Self {
        Self {
            mu: sgd.momentum as f32,
            decay: sgd.weight_decay as f32,
            rate: sgd.learning_rate as f32,
        }
    }

    #[inline(always)]
    fn follow(self, weight: &mut f32, momentum: &mut f32, direction: f32) {
        *momentum = *momentum * self.mu + direction;
        *weight -= *momentum * self.rate;
    }
}

/// Steps of weights with their momenta, by gradients and one over the lengths of the rows.
fn descend(
    (weights, momenta): (&mut [f32], &mut [f32]),
    (gradients, inverses): (&[f32], &[f32]),
    sgd: Sgd,
) {
    let dim = weights.len() / inverses.len();
    let rates = Rates::new(sgd);
    multiversion(
        #[inline(always)]
        || {
            let rows = weights
                .chunks_exact_mut(dim)
                .zip(momenta.chunks_exact_mut(dim));
            let gradients = gradients.chunks_exact(dim).zip(inverses);
            for ((weight, momentum), (gradient, inverse)) in rows.zip(gradients) {
                let along = sum_of_pairs(gradient, weight, |g, w| g * w);
                let of_weight = rates.decay - along * inverse * inverse;
                let row = weight.iter_mut().zip(momentum).zip(gradient);
                for ((weight, momentum), gradient) in row {
                    rates.follow(weight, momentum, gradient + *weight * of_weight);
                }
            }
        },
    );
}

fn decay((weights, momenta): (&mut [f32], &mut [f32]), sgd: Sgd) {
    let rates = Rates::new(sgd);
    multiversion(
        #[inline(always)]
        || {
            for (weight, momentum) in weights.iter_mut().zip(momenta.iter_mut()) {
                rates.follow(weight, momentum, *weight * rates.decay);
            }
        },
    );
}
