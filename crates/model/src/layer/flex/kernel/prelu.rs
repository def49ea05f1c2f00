//! PReLU on `[batch, channels, pixels]`.

use rayon::prelude::*;

use ffc_simd::multiversion;
use ffc_simd::sum_of_pairs;

/// Planes that a thread takes at least.
const PLANES: usize = 8;

/// Rectifies in place.
pub(crate) fn forward(values: &mut [f32], pixels: usize, alpha: &[f32]) {
    let planes = values.par_chunks_exact_mut(pixels).enumerate();
    planes.with_min_len(PLANES).for_each(|(i, plane)| {
        let alpha = alpha[i % alpha.len()];
        multiversion(
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
            multiversion(
                #[inline(always)]
                || {
                    let sum = sum_of_pairs(gradient, input, |dy, x| dy * x.min(0.0));
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
