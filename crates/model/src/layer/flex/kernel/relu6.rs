//! ReLU6 on any numbers.

use rayon::prelude::*;

use ffc_simd::multiversion;

/// Numbers that a thread clamps at a time.
const BLOCK: usize = 1 << 14;

/// Clamps to `[0, 6]` in place.
pub(crate) fn forward(values: &mut [f32]) {
    values.par_chunks_mut(BLOCK).for_each(clamp);
}

/// The same on this thread.
pub(super) fn clamp(values: &mut [f32]) {
    multiversion(
        #[inline(always)]
        || {
            for x in values.iter_mut() {
                *x = x.clamp(0.0, 6.0);
            }
        },
    );
}

/// Turns the gradient of [`forward`]'s output into the input's: none where that is 0 or 6, as PyTorch has it.
pub(crate) fn backward(output: &[f32], gradient: &mut [f32]) {
    let blocks = gradient.par_chunks_mut(BLOCK);
    blocks
        .zip(output.par_chunks(BLOCK))
        .for_each(|(gradient, output)| {
            multiversion(
                #[inline(always)]
                || {
                    for (dy, y) in gradient.iter_mut().zip(output) {
                        *dy = if *y > 0.0 && *y < 6.0 { *dy } else { 0.0 };
                    }
                },
            );
        });
}
