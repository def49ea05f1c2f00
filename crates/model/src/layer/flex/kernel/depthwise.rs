//! Convolutions of each channel by itself, over the runs of an [`Im2col`].

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::epilogue::RowEpilogue;
use super::fusion::Fusion;
use super::im2col::Im2col;
use ffc_simd::multiversion;
use ffc_simd::sum_of_pairs;

/// Planes that a thread takes at least.
const PLANES: usize = 8;

/// A depthwise convolution over a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depthwise {
    pub channels: usize,
    pub im2col: Im2col,
}

impl Depthwise {
    /// `[batch, channels, height, width]`.
    pub fn output(&self, input: &[f32], weight: &[f32], fusion: Option<&Fusion>) -> Vec<f32> {
        let im2col = self.im2col;
        let taps: Vec<usize> = im2col.taps().collect();
        let mut output = vec![0.0; input.len() / im2col.pixels() * im2col.out_pixels()];
        output
            .par_chunks_exact_mut(im2col.out_pixels())
            .zip(input.par_chunks_exact(im2col.pixels()))
            .enumerate()
            .with_min_len(PLANES)
            .for_each_init(
                || (self.buffers(), Vec::new()),
                |((plane, run), kernel), (i, (output, input))| {
                    let channel = i % self.channels;
                    kernel.clear();
                    kernel.extend_from_slice(self.kernel(weight, channel));
                    let [mut shift, mut slope] = [0.0, 1.0];
                    if let Some(fusion) = fusion {
                        let scale = fusion.after.scale[channel];
                        kernel.iter_mut().for_each(|weight| *weight *= scale);
                        [shift, slope] = [fusion.after.shift[channel], fusion.slope[channel]];
                    }
                    self.lay_out(input, plane);
                    Arch::new().dispatch(Stencil {
                        plane,
                        taps: &taps,
                        weights: kernel,
                        shift,
                        slope,
                        output: run,
                    });
                    im2col.take_back_output(run, output);
                },
            );
        output
    }

    /// `[batch, channels, height, width]`.
    pub fn input_gradient(&self, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        if let Some(im2col) = self.im2col.transposed() {
            // A convolution of the gradient; the kernels turned round.
            let mut turned = weight.to_vec();
            let taps = weight.len() / self.channels;
            turned.chunks_exact_mut(taps).for_each(<[f32]>::reverse);
            return Self { im2col, ..*self }.output(gradient, &turned, None);
        }
        let im2col = self.im2col;
        let taps: Vec<usize> = im2col.taps().collect();
        let mut output = vec![0.0; gradient.len() / im2col.out_pixels() * im2col.pixels()];
        output
            .par_chunks_exact_mut(im2col.pixels())
            .zip(gradient.par_chunks_exact(im2col.out_pixels()))
            .enumerate()
            .with_min_len(PLANES)
            .for_each_init(
                || self.buffers(),
                |(plane, run), (i, (output, gradient))| {
                    let run = &mut run[..im2col.columns()];
                    let weight = self.kernel(weight, i % self.channels);
                    multiversion(
                        #[inline(always)]
                        || {
                            im2col.lay_out_output(gradient, run);
                            plane.fill(0.0);
                            for (tap, weight) in taps.iter().zip(weight) {
                                add_multiple(&mut plane[*tap..], *weight, run);
                            }
                            im2col.take_back(plane, output);
                        },
                    );
                },
            );
        output
    }

    /// `[channels, 1, kernel, kernel]`.
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let im2col = self.im2col;
        let taps: Vec<usize> = im2col.taps().collect();
        let mut output = vec![0.0; self.channels * taps.len()];
        output
            .par_chunks_exact_mut(taps.len())
            .enumerate()
            .for_each_init(
                || self.buffers(),
                |(plane, run), (channel, output)| {
                    let inputs = input.chunks_exact(im2col.pixels());
                    let gradients = gradient.chunks_exact(im2col.out_pixels());
                    let pairs = inputs.zip(gradients).skip(channel).step_by(self.channels);
                    let run = &mut run[..im2col.columns()];
                    multiversion(
                        #[inline(always)]
                        || {
                            for (input, gradient) in pairs.clone() {
                                im2col.lay_out(input, plane);
                                im2col.lay_out_output(gradient, run);
                                for (tap, output) in taps.iter().zip(&mut *output) {
                                    let runs = &plane[*tap..][..run.len()];
                                    *output += sum_of_pairs(run, runs, |gradient, x| gradient * x);
                                }
                            }
                        },
                    );
                },
            );
        output
    }

    /// Zeros for a plane of the input and a run of the output, with room for whole blocks of a [`Stencil`].
    fn buffers(&self) -> (Vec<f32>, Vec<f32>) {
        let plane = self.im2col.plane() + self.im2col.slack() + BLOCK;
        let run = self.im2col.columns().next_multiple_of(BLOCK);
        (vec![0.0; plane], vec![0.0; run])
    }

    fn lay_out(&self, picture: &[f32], plane: &mut [f32]) {
        multiversion(
            #[inline(always)]
            || self.im2col.lay_out(picture, plane),
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
struct Stencil<'a> {
    /// As long as the last tap and the output together, at least.
    plane: &'a [f32],
    taps: &'a [usize],
    weights: &'a [f32],
    shift: f32,
    slope: f32,
    /// Whole blocks.
    output: &'a mut [f32],
}

impl WithSimd for Stencil<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = VECTORS * S::F32_LANES;
        let epilogue = RowEpilogue {
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
                output[i] = epilogue.apply(simd, sums[i]);
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
