//! Layer normalisation of `[rows, width]`, row by row.

use rayon::prelude::*;

use ffc_simd::multiversion;
use ffc_simd::{sum_of, sum_of_pairs};

/// Rows that a thread takes at a time.
const BLOCK: usize = 64;

/// Normalises in place: `gamma (x - mean) / deviation + beta`.
pub(crate) fn forward(values: &mut [f32], gamma: &[f32], beta: &[f32], epsilon: f64) {
    let blocks = values.par_chunks_mut(BLOCK * gamma.len());
    blocks.for_each(|rows| normalise(rows, gamma, beta, epsilon));
}

/// The same on this thread.
pub(super) fn normalise(rows: &mut [f32], gamma: &[f32], beta: &[f32], epsilon: f64) {
    multiversion(
        #[inline(always)]
        || {
            for row in rows.chunks_exact_mut(gamma.len()) {
                let (mean, inverse) = statistics(row, epsilon);
                for ((x, gamma), beta) in row.iter_mut().zip(gamma).zip(beta) {
                    *x = (*x - mean) * inverse * gamma + beta;
                }
            }
        },
    );
}

/// Turns the output's gradient into the input's; returns the gradients of gamma and beta. With `y` the normalised `x`
/// and means over the row, `dx = (g - mean(g) - y mean(y g)) / deviation`, where `g = gamma dy`.
pub(crate) fn backward(
    input: &[f32],
    gradient: &mut [f32],
    gamma: &[f32],
    epsilon: f64,
) -> [Vec<f32>; 2] {
    let width = gamma.len();
    let blocks = gradient.par_chunks_mut(BLOCK * width);
    let of_blocks: Vec<[Vec<f32>; 2]> = blocks
        .zip(input.par_chunks(BLOCK * width))
        .map(|(gradient, input)| {
            let mut sums = [vec![0.0; width], vec![0.0; width]];
            multiversion(
                #[inline(always)]
                || {
                    let rows = gradient.chunks_exact_mut(width);
                    for (dy, x) in rows.zip(input.chunks_exact(width)) {
                        row_backward(x, dy, gamma, epsilon, &mut sums);
                    }
                },
            );
            sums
        })
        .collect();
    let mut sums = [vec![0.0; width], vec![0.0; width]];
    for block in &of_blocks {
        for (sums, block) in sums.iter_mut().zip(block) {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += value;
            }
        }
    }
    sums
}

#[inline(always)]
fn row_backward(
    x: &[f32],
    dy: &mut [f32],
    gamma: &[f32],
    epsilon: f64,
    [gamma_gradient, beta_gradient]: &mut [Vec<f32>; 2],
) {
    let (mean, inverse) = statistics(x, epsilon);
    let parameters = gamma_gradient.iter_mut().zip(beta_gradient.iter_mut());
    let values = dy.iter_mut().zip(x).zip(gamma);
    for (((dy, x), gamma), (gamma_gradient, beta_gradient)) in values.zip(parameters) {
        *gamma_gradient += *dy * ((x - mean) * inverse);
        *beta_gradient += *dy;
        *dy *= gamma;
    }
    let count = x.len() as f32;
    let shift = sum_of(dy, |g| g) / count;
    let slope = sum_of_pairs(dy, x, |g, x| g * (x - mean)) * inverse * inverse / count;
    for (dy, x) in dy.iter_mut().zip(x) {
        *dy = (*dy - shift - (x - mean) * slope) * inverse;
    }
}

/// Mean and inverse deviation.
#[inline(always)]
fn statistics(row: &[f32], epsilon: f64) -> (f32, f32) {
    let count = row.len() as f32;
    let mean = sum_of(row, |x| x) / count;
    let variance = sum_of(row, |x| (x - mean) * (x - mean)) / count;
    (mean, (1.0 / (f64::from(variance) + epsilon).sqrt()) as f32)
}
