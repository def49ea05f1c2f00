//! Rectifiers: PReLU on `[batch, channels, pixels]`, ReLU6 on any numbers.

use rayon::prelude::*;

use super::multiversion::vectorised;
use super::reduction::sum_of_products;

/// Planes that a thread takes at least.
const PLANES: usize = 8;

/// Rectifies in place.
pub(crate) fn rectify(values: &mut [f32], pixels: usize, alpha: &[f32]) {
    let planes = values.par_chunks_exact_mut(pixels).enumerate();
    planes.with_min_len(PLANES).for_each(|(i, plane)| {
        let alpha = alpha[i % alpha.len()];
        vectorised(
            #[inline(always)]
            || {
                for x in plane.iter_mut() {
                    *x = if *x > 0.0 { *x } else { alpha * *x };
                }
            },
        );
    });
}

/// Turns the output's gradient into the input's; returns the gradient of alpha.
pub(crate) fn backward(
    input: &[f32],
    gradient: &mut [f32],
    pixels: usize,
    alpha: &[f32],
) -> Vec<f32> {
    let planes = gradient.par_chunks_exact_mut(pixels);
    let planes = planes.zip(input.par_chunks_exact(pixels)).enumerate();
    let of_planes: Vec<f32> = planes
        .with_min_len(PLANES)
        .map(|(i, (gradient, input))| {
            let alpha = alpha[i % alpha.len()];
            vectorised(
                #[inline(always)]
                || {
                    let sum = sum_of_products(gradient, input, |dy, x| dy * x.min(0.0));
                    for (dy, x) in gradient.iter_mut().zip(input) {
                        *dy = if *x > 0.0 { *dy } else { alpha * *dy };
                    }
                    sum
                },
            )
        })
        .collect();
    let mut sums = vec![0.0; alpha.len()];
    for planes in of_planes.chunks_exact(alpha.len()) {
        for (sum, plane) in sums.iter_mut().zip(planes) {
            *sum += plane;
        }
    }
    sums
}

/// Numbers that a thread clamps at a time.
const BLOCK: usize = 1 << 14;

/// Clamps to `[0, 6]` in place.
pub(crate) fn relu6(values: &mut [f32]) {
    values.par_chunks_mut(BLOCK).for_each(clamp_to_six);
}

/// The same on this thread.
pub(crate) fn clamp_to_six(values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for x in values.iter_mut() {
                *x = x.clamp(0.0, 6.0);
            }
        },
    );
}

/// Turns the gradient of [`relu6`]'s output into the input's: none where that is 0 or 6, as PyTorch has it.
pub(crate) fn relu6_backward(output: &[f32], gradient: &mut [f32]) {
    let blocks = gradient.par_chunks_mut(BLOCK);
    blocks
        .zip(output.par_chunks(BLOCK))
        .for_each(|(gradient, output)| {
            vectorised(
                #[inline(always)]
                || {
                    for (dy, y) in gradient.iter_mut().zip(output) {
                        *dy = if *y > 0.0 && *y < 6.0 { *dy } else { 0.0 };
                    }
                },
            );
        });
}
