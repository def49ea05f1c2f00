//! Convolutions of each channel by itself, over the runs of a [`Grid`].

use rayon::prelude::*;

use super::grid::Grid;
use super::sum::sum_of_products;
use super::vectorised::vectorised;

/// Planes that a thread takes at least.
const PLANES: usize = 8;

/// A depthwise convolution over a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depthwise {
    pub channels: usize,
    pub grid: Grid,
}

impl Depthwise {
    /// `[batch, channels, height, width]`.
    pub fn output(&self, input: &[f32], weight: &[f32]) -> Vec<f32> {
        let grid = self.grid;
        let taps: Vec<usize> = grid.taps().collect();
        let mut output = vec![0.0; input.len() / grid.pixels() * grid.out_pixels()];
        output
            .par_chunks_exact_mut(grid.out_pixels())
            .zip(input.par_chunks_exact(grid.pixels()))
            .enumerate()
            .with_min_len(PLANES)
            .for_each_init(
                || self.buffers(),
                |(plane, run), (i, (output, input))| {
                    let weight = self.kernel(weight, i % self.channels);
                    vectorised(
                        #[inline(always)]
                        || {
                            grid.lay_out(input, plane);
                            run.fill(0.0);
                            for (tap, weight) in taps.iter().zip(weight) {
                                add_multiple(run, *weight, &plane[*tap..]);
                            }
                            grid.take_back_output(run, output);
                        },
                    );
                },
            );
        output
    }

    /// `[batch, channels, height, width]`.
    pub fn input_gradient(&self, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
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

    /// Zeros for a plane of the input and a run of the output.
    fn buffers(&self) -> (Vec<f32>, Vec<f32>) {
        let plane = self.grid.plane() + self.grid.slack();
        (vec![0.0; plane], vec![0.0; self.grid.columns()])
    }

    fn kernel<'a>(&self, weight: &'a [f32], channel: usize) -> &'a [f32] {
        let taps = weight.len() / self.channels;
        &weight[channel * taps..][..taps]
    }
}

#[inline(always)]
fn add_multiple(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}
