//! Convolutions that mix all channels, as matrix products over the runs of a [`Grid`].
//!
//! With `X` the runs of (channel, tap), `Y` those of the output and `W` the weight as a matrix
//! `[outputs, inputs * taps]`: `Y = W X`, `dX = W' dY`, `dW = sum over images of dY X'`.

use std::borrow::Cow;

use pulp::Arch;
use rayon::prelude::*;

use super::grid::Grid;
use super::inner::Inner;
use super::product::{Packed, Product, ROWS};

/// Numbers of runs that a thread works on at a time: half a megabyte, for the second-level cache.
const CACHE: usize = 1 << 17;

/// A convolution over a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Convolution {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub grid: Grid,
}

impl Convolution {
    /// `[batch, outputs, height, width]`.
    pub fn output(&self, input: &[f32], weight: &[f32]) -> Vec<f32> {
        let Self {
            inputs,
            outputs,
            grid,
            ..
        } = *self;
        let input_rows = grid.runs(inputs);
        let depth = input_rows.len();
        let left = Packed::new(weight, [outputs, depth], [depth, 1]);
        let block = self.channels_per_task(outputs);
        let output_rows: Vec<usize> = (0..block).map(|row| row * grid.columns()).collect();

        let mut output = vec![0.0; self.batch * outputs * grid.out_pixels()];
        let tasks = tasks(&mut output, outputs, block, grid.out_pixels());
        tasks.into_par_iter().for_each_init(
            || (vec![0.0; self.laid_out()], Vec::new(), Vec::new()),
            |(planes, runs, scratch), task| {
                let picture = inputs * grid.pixels();
                let picture = &input[task.image * picture..][..picture];
                let right = if grid.is_plain() {
                    picture
                } else {
                    self.lay_out(picture, planes);
                    planes
                };
                let channels = task.values.len() / grid.out_pixels();
                let direct = grid.out_is_plain();
                if !direct {
                    runs.clear();
                    runs.resize(channels * grid.columns(), 0.0);
                }
                Arch::new().dispatch(Product {
                    left: &left,
                    first_row: task.channel,
                    right,
                    right_rows: &input_rows,
                    output: if direct { &mut *task.values } else { runs },
                    output_rows: &output_rows[..channels],
                    columns: grid.columns(),
                    scratch,
                });
                if !direct {
                    let to = task.values.chunks_exact_mut(grid.out_pixels());
                    for (from, to) in runs.chunks_exact(grid.columns()).zip(to) {
                        grid.take_back_output(from, to);
                    }
                }
            },
        );
        output
    }

    /// `[batch, inputs, height, width]`.
    pub fn input_gradient(&self, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        let Self {
            inputs,
            outputs,
            grid,
            ..
        } = *self;
        let input_rows = grid.runs(inputs);
        let depth = input_rows.len();
        let left = Packed::new(weight, [depth, outputs], [1, depth]);
        let block = self.channels_per_task(inputs);
        let output_rows: Vec<usize> = (0..outputs).map(|row| row * grid.columns()).collect();

        let mut input_gradient = vec![0.0; self.batch * inputs * grid.pixels()];
        let tasks = tasks(&mut input_gradient, inputs, block, grid.pixels());
        tasks.into_par_iter().for_each_init(
            || (vec![0.0; outputs * grid.columns()], Vec::new(), Vec::new()),
            |(runs, planes, scratch), task| {
                let picture = outputs * grid.out_pixels();
                let picture = &gradient[task.image * picture..][..picture];
                let right = if grid.out_is_plain() {
                    picture
                } else {
                    let from = picture.chunks_exact(grid.out_pixels());
                    for (from, to) in from.zip(runs.chunks_exact_mut(grid.columns())) {
                        grid.lay_out_output(from, to);
                    }
                    runs
                };
                let channels = task.values.len() / grid.pixels();
                let direct = grid.is_plain();
                if !direct {
                    planes.clear();
                    planes.resize(channels * grid.plane() + grid.slack(), 0.0);
                }
                let taps = depth / inputs;
                Arch::new().dispatch(Product {
                    left: &left,
                    first_row: task.channel * taps,
                    right,
                    right_rows: &output_rows,
                    output: if direct { &mut *task.values } else { planes },
                    output_rows: &input_rows[..channels * taps],
                    columns: grid.columns(),
                    scratch,
                });
                if !direct {
                    let to = task.values.chunks_exact_mut(grid.pixels());
                    for (from, to) in planes.chunks_exact(grid.plane()).zip(to) {
                        grid.take_back(from, to);
                    }
                }
            },
        );
        input_gradient
    }

    /// `[outputs, inputs, kernel, kernel]`.
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let Self {
            batch,
            inputs,
            outputs,
            grid,
        } = *self;
        let input_rows = grid.runs(inputs);
        let planes = self.lay_out_batch(input);
        let runs = self.lay_out_gradients(gradient);
        let columns = grid.columns();

        let block = outputs.div_ceil(2 * rayon::current_num_threads());
        let images = (CACHE / (inputs * grid.plane() + block * columns)).max(1);
        let output_rows: Vec<usize> = (0..outputs).map(|row| row * columns).collect();
        let mut weight_gradient = vec![0.0; outputs * input_rows.len()];
        weight_gradient
            .par_chunks_mut(block * input_rows.len())
            .zip(output_rows.par_chunks(block))
            .for_each(|(weight_gradient, output_rows)| {
                for image in (0..batch).step_by(images) {
                    Arch::new().dispatch(Inner {
                        left: &runs,
                        left_stride: outputs * columns,
                        left_rows: output_rows,
                        right: &planes,
                        right_stride: inputs * grid.plane(),
                        right_rows: &input_rows,
                        images: image..batch.min(image + images),
                        columns,
                        output: weight_gradient,
                    });
                }
            });
        weight_gradient
    }

    /// All channels where the batch keeps the threads busy, otherwise fewer: some panels of the product.
    fn channels_per_task(&self, channels: usize) -> usize {
        let threads = rayon::current_num_threads();
        if self.batch >= 2 * threads {
            channels
        } else {
            channels.div_ceil(threads).next_multiple_of(ROWS)
        }
    }

    /// Numbers of a laid out picture.
    fn laid_out(&self) -> usize {
        self.inputs * self.grid.plane() + self.grid.slack()
    }

    fn lay_out(&self, picture: &[f32], planes: &mut [f32]) {
        let pictures = picture.chunks_exact(self.grid.pixels());
        for (from, to) in pictures.zip(planes.chunks_exact_mut(self.grid.plane())) {
            self.grid.lay_out(from, to);
        }
    }

    fn lay_out_batch<'a>(&self, input: &'a [f32]) -> Cow<'a, [f32]> {
        let grid = self.grid;
        if grid.is_plain() {
            return Cow::Borrowed(input);
        }
        let length = self.batch * self.inputs * grid.plane();
        let mut planes = vec![0.0; length + grid.slack()];
        planes[..length]
            .par_chunks_exact_mut(grid.plane())
            .zip(input.par_chunks_exact(grid.pixels()))
            .for_each(|(to, from)| grid.lay_out(from, to));
        Cow::Owned(planes)
    }

    fn lay_out_gradients<'a>(&self, gradient: &'a [f32]) -> Cow<'a, [f32]> {
        let grid = self.grid;
        if grid.out_is_plain() {
            return Cow::Borrowed(gradient);
        }
        let mut runs = vec![0.0; self.batch * self.outputs * grid.columns()];
        runs.par_chunks_exact_mut(grid.columns())
            .zip(gradient.par_chunks_exact(grid.out_pixels()))
            .for_each(|(to, from)| grid.lay_out_output(from, to));
        Cow::Owned(runs)
    }
}

/// Some channels of an image.
struct Task<'a> {
    image: usize,
    channel: usize,
    values: &'a mut [f32],
}

fn tasks(values: &mut [f32], channels: usize, block: usize, pixels: usize) -> Vec<Task<'_>> {
    let images = values.chunks_exact_mut(channels * pixels).enumerate();
    images
        .flat_map(|(image, values)| {
            let blocks = values.chunks_mut(block * pixels).enumerate();
            blocks.map(move |(i, values)| Task {
                image,
                channel: i * block,
                values,
            })
        })
        .collect()
}
