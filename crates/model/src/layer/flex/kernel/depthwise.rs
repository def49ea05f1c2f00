//! Convolutions of each channel by itself, over the runs of a [`Grid`].

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::fusion::Surroundings;
use super::gemm::Last;
use super::im2col::Grid;
use super::multiversion::vectorised;
use super::reduction::sum_of_products;

/// Planes that a thread takes at least.
const PLANES: usize = 8;

/// A depthwise convolution over a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depthwise {
    pub channels: usize,
    pub grid: Grid,
}

impl Depthwise {
    /// `[batch, channels, height, width]`.
    pub fn output(&self, input: &[f32], weight: &[f32], around: Option<&Surroundings>) -> Vec<f32> {
        let grid = self.grid;
        let taps: Vec<usize> = grid.taps().collect();
        let mut output = vec![0.0; input.len() / grid.pixels() * grid.out_pixels()];
        output
            .par_chunks_exact_mut(grid.out_pixels())
            .zip(input.par_chunks_exact(grid.pixels()))
            .enumerate()
            .with_min_len(PLANES)
            .for_each_init(
                || (self.buffers(), Vec::new()),
                |((plane, run), kernel), (i, (output, input))| {
                    let channel = i % self.channels;
                    kernel.clear();
                    kernel.extend_from_slice(self.kernel(weight, channel));
                    let [mut shift, mut slope] = [0.0, 1.0];
                    if let Some(around) = around {
                        let scale = around.after.scale[channel];
                        kernel.iter_mut().for_each(|weight| *weight *= scale);
                        [shift, slope] = [around.after.shift[channel], around.slope[channel]];
                    }
                    self.lay_out(input, plane);
                    Arch::new().dispatch(Gather {
                        plane,
                        taps: &taps,
                        weights: kernel,
                        shift,
                        slope,
                        output: run,
                    });
                    grid.take_back_output(run, output);
                },
            );
        output
    }

    /// `[batch, channels, height, width]`.
    pub fn input_gradient(&self, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        if let Some(grid) = self.grid.transposed() {
            // A convolution of the gradient; the kernels turned round.
            let mut turned = weight.to_vec();
            let taps = weight.len() / self.channels;
            turned.chunks_exact_mut(taps).for_each(<[f32]>::reverse);
            return Self { grid, ..*self }.output(gradient, &turned, None);
        }
        let grid = self.grid;
        let taps: Vec<usize> = grid.taps().collect();
        let mut output = vec![0.0; gradient.len() / grid.out_pixels() * grid.pixels()];
        output
            .par_chunks_exact_mut(grid.pixels())
            .zip(gradient.par_chunks_exact(grid.out_pixels()))
            .enumerate()
            .with_min_len(PLANES)
            .for_each_init(
                || self.buffers(),
                |(plane, run), (i, (output, gradient))| {
                    let run = &mut run[..grid.columns()];
                    let weight = self.kernel(weight, i % self.channels);
                    vectorised(
                        #[inline(always)]
                        || {
                            grid.lay_out_output(gradient, run);
                            plane.fill(0.0);
                            for (tap, weight) in taps.iter().zip(weight) {
                                add_multiple(&mut plane[*tap..], *weight, run);
                            }
                            grid.take_back(plane, output);
                        },
                    );
                },
            );
        output
    }

    /// `[channels, 1, kernel, kernel]`.
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let grid = self.grid;
        let taps: Vec<usize> = grid.taps().collect();
        let mut output = vec![0.0; self.channels * taps.len()];
        output
            .par_chunks_exact_mut(taps.len())
            .enumerate()
            .for_each_init(
                || self.buffers(),
                |(plane, run), (channel, output)| {
                    let inputs = input.chunks_exact(grid.pixels());
                    let gradients = gradient.chunks_exact(grid.out_pixels());
                    let pairs = inputs.zip(gradients).skip(channel).step_by(self.channels);
                    let run = &mut run[..grid.columns()];
                    vectorised(
                        #[inline(always)]
                        || {
                            for (input, gradient) in pairs.clone() {
                                grid.lay_out(input, plane);
                                grid.lay_out_output(gradient, run);
                                for (tap, output) in taps.iter().zip(&mut *output) {
                                    let runs = &plane[*tap..][..run.len()];
                                    *output +=
                                        sum_of_products(run, runs, |gradient, x| gradient * x);
                                }
                            }
                        },
                    );
                },
            );
        output
    }

    /// Zeros for a plane of the input and a run of the output, with room for whole blocks of a [`Gather`].
    fn buffers(&self) -> (Vec<f32>, Vec<f32>) {
        let plane = self.grid.plane() + self.grid.slack() + BLOCK;
        let run = self.grid.columns().next_multiple_of(BLOCK);
        (vec![0.0; plane], vec![0.0; run])
    }

    fn lay_out(&self, picture: &[f32], plane: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || self.grid.lay_out(picture, plane),
        );
    }

    fn kernel<'a>(&self, weight: &'a [f32], channel: usize) -> &'a [f32] {
        let taps = weight.len() / self.channels;
        &weight[channel * taps..][..taps]
    }
}

/// Vectors that are summed at once.
const VECTORS: usize = 4;
/// A multiple of that many numbers, whatever the processor's vectors.
const BLOCK: usize = VECTORS * 16;

/// `output[j] = shift + sum over taps of weight plane[j + tap]`, then `slope` times that where it is not positive.
struct Gather<'a> {
    /// As long as the last tap and the output together, at least.
    plane: &'a [f32],
    taps: &'a [usize],
    weights: &'a [f32],
    shift: f32,
    slope: f32,
    /// Whole blocks.
    output: &'a mut [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = VECTORS * S::F32_LANES;
        let last = Last {
            shift: simd.splat_f32s(self.shift),
            slope: simd.splat_f32s(self.slope),
        };
        for (block, output) in self.output.chunks_exact_mut(width).enumerate() {
            let mut sums = [simd.splat_f32s(0.0); VECTORS];
            for (tap, weight) in self.taps.iter().zip(self.weights) {
                let from = &self.plane[tap + block * width..][..width];
                let from = S::as_simd_f32s(from).0;
                let weight = simd.splat_f32s(*weight);
                for i in 0..VECTORS {
                    sums[i] = simd.mul_add_e_f32s(weight, from[i], sums[i]);
                }
            }
            let output = S::as_mut_simd_f32s(output).0;
            for i in 0..VECTORS {
                output[i] = last.of(simd, sums[i]);
            }
        }
    }
}

#[inline(always)]
fn add_multiple(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
