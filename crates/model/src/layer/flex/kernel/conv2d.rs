//! Convolutions that mix all channels, as matrix products over the runs of a [`Grid`].
//!
//! With `X` the runs of (channel, tap), `Y` those of the output and `W` the weight as a matrix
//! `[outputs, inputs * taps]`: `Y = W X`, `dX = W' dY`, `dW' = sum over images of X dY'`.

use std::borrow::Cow;

use pulp::Arch;
use rayon::prelude::*;

use super::fusion::Surroundings;
use super::gemm::{COLUMNS, Packed, Piece, Product, ROWS};
use super::im2col::Grid;
use super::unpacked_gemm::Inner;
use super::winograd::Winograd;
use super::workspace::{Borrowed, Buffers, lengthen};

/// A convolution over a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Convolution {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub grid: Grid,
}

impl Convolution {
    /// `[batch, outputs, height, width]`.
    pub fn output(&self, input: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; self.batch * self.outputs * self.grid.out_pixels()];
        self.write(input, weight, None, &mut output, false);
        output
    }

    /// Writes the output, `[batch, outputs, height, width]`, or adds it to what is there, with what is around it.
    pub fn write(
        &self,
        input: &[f32],
        weight: &[f32],
        around: Option<&Surroundings>,
        output: &mut [f32],
        add: bool,
    ) {
        if let Some(winograd) = Winograd::of(self) {
            return winograd.write(input, weight, around, output, add);
        }
        let Self {
            batch,
            inputs,
            outputs,
            grid,
        } = *self;
        let input_rows = grid.runs(inputs);
        let depth = input_rows.len();
        let weight = Packed::of_scaled_rows(weight, [outputs, depth], depth, |row| {
            around.map_or(1.0, |around| around.after.scale[row])
        });
        let finish = around.map(Surroundings::finish);
        let before = around.and_then(|around| around.before.as_ref());
        let (laid_out, pixels) = (inputs * grid.plane(), grid.out_pixels());
        // So many that weights, once in the cache, serve for many columns.
        let threads = rayon::current_num_threads();
        let together = (COLUMNS / pixels).clamp(1, batch.div_ceil(threads));
        let pieces: Vec<Piece> = (0..together)
            .flat_map(|image| grid.pieces(image * laid_out))
            .collect();

        let as_it_lies = grid.is_plain() && before.is_none();
        let room = if as_it_lies {
            0
        } else {
            together * laid_out + grid.slack()
        };
        let tasks = tasks(output, together, outputs, pixels);
        tasks.into_par_iter().for_each_init(
            || Borrowed::with_zeros(room),
            |buffers, task| {
                let Buffers {
                    zeros: planes,
                    products: sums,
                    scratch,
                    ..
                } = &mut **buffers;
                let picture = inputs * grid.pixels();
                let pictures = &input[task.image * picture..][..task.images * picture];
                let right = if as_it_lies {
                    pictures
                } else {
                    grid.lay_out_all(pictures, inputs, before, planes);
                    planes
                };
                let length = task.images * pixels;
                let rows: Vec<usize> = (0..task.channels).map(|row| row * length).collect();
                // Where each plane of several images is in the rows of the product.
                let place = |plane: usize| {
                    let (image, channel) = (plane / task.channels, plane % task.channels);
                    channel * length + image * pixels
                };
                let direct = task.images == 1;
                if !direct {
                    lengthen(sums, task.channels * length);
                    if add {
                        for (i, from) in task.values.chunks_exact(pixels).enumerate() {
                            sums[place(i)..][..pixels].copy_from_slice(from);
                        }
                    }
                }
                Arch::new().dispatch(Product {
                    left: &weight,
                    first_row: task.channel,
                    right,
                    right_rows: &input_rows,
                    pieces: &pieces[..pieces.len() / together * task.images],
                    output: if direct { &mut *task.values } else { sums },
                    output_rows: &rows,
                    add,
                    finish,
                    scratch,
                });
                if !direct {
                    for (i, to) in task.values.chunks_exact_mut(pixels).enumerate() {
                        to.copy_from_slice(&sums[place(i)..][..pixels]);
                    }
                }
            },
        );
    }

    /// `[batch, inputs, height, width]`.
    pub fn input_gradient(&self, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        let Self {
            batch,
            inputs,
            outputs,
            grid,
        } = *self;
        let taps = grid.taps().count();
        let depth = inputs * taps;
        let Some(grid) = grid.transposed() else {
            let weight = Packed::of_columns(weight, [depth, outputs], depth);
            return self.scatter(&weight, gradient);
        };
        // A convolution of the gradient; the kernel turned round.
        let mut turned = vec![0.0; weight.len()];
        let channels = turned.par_chunks_exact_mut(outputs * taps).enumerate();
        channels.for_each(|(input, turned)| {
            for (output, turned) in turned.chunks_exact_mut(taps).enumerate() {
                turned.copy_from_slice(&weight[output * depth + input * taps..][..taps]);
                turned.reverse();
            }
        });
        let transposed = Self {
            batch,
            inputs: outputs,
            outputs: inputs,
            grid,
        };
        transposed.output(gradient, &turned)
    }

    /// The gradient of the input for every stride: each tap's product is added where the tap read.
    fn scatter(&self, weight: &Packed, gradient: &[f32]) -> Vec<f32> {
        let Self {
            batch,
            inputs,
            outputs,
            grid,
        } = *self;
        let taps = grid.taps().count();
        let input_rows = grid.runs(inputs);
        let columns = grid.columns();
        let output_rows: Vec<usize> = (0..outputs).map(|row| row * columns).collect();

        let mut input_gradient = vec![0.0; batch * inputs * grid.pixels()];
        let tasks = tasks(&mut input_gradient, 1, inputs, grid.pixels());
        tasks.into_par_iter().for_each_init(
            || Borrowed::with_zeros(outputs * columns),
            |buffers, task| {
                let Buffers {
                    zeros: runs,
                    products: planes,
                    scratch,
                    ..
                } = &mut **buffers;
                let picture = outputs * grid.out_pixels();
                let pictures = &gradient[task.image * picture..][..picture];
                let pictures = pictures.chunks_exact(grid.out_pixels());
                for (from, to) in pictures.zip(runs.chunks_exact_mut(columns)) {
                    grid.lay_out_output(from, to);
                }
                planes.clear();
                planes.resize(task.channels * grid.plane() + grid.slack(), 0.0);
                Arch::new().dispatch(Product {
                    left: weight,
                    first_row: task.channel * taps,
                    right: runs,
                    right_rows: &output_rows,
                    pieces: &[Piece::first(columns)],
                    output: planes,
                    output_rows: &input_rows[..task.channels * taps],
                    add: true,
                    finish: None,
                    scratch,
                });
                let to = task.values.chunks_exact_mut(grid.pixels());
                for (from, to) in planes.chunks_exact(grid.plane()).zip(to) {
                    grid.take_back(from, to);
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
        let depth = input_rows.len();
        let planes = self.lay_out_batch(input);
        let gradient = self.transpose(gradient);

        let block = depth
            .div_ceil(rayon::current_num_threads())
            .next_multiple_of(ROWS);
        let mut transposed = vec![0.0; depth * outputs];
        transposed
            .par_chunks_mut(block * outputs)
            .zip(input_rows.par_chunks(block))
            .for_each(|(transposed, input_rows)| {
                Arch::new().dispatch(Inner {
                    left: &planes,
                    left_stride: inputs * grid.plane(),
                    left_rows: input_rows,
                    right: &gradient,
                    width: outputs,
                    images: batch,
                    columns: grid.columns(),
                    output: transposed,
                });
            });
        let mut weight_gradient = vec![0.0; outputs * depth];
        let rows = weight_gradient.par_chunks_exact_mut(depth).enumerate();
        rows.for_each(|(output, row)| {
            for (to, from) in row
                .iter_mut()
                .zip(transposed[output..].iter().step_by(outputs))
            {
                *to = *from;
            }
        });
        weight_gradient
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

    /// The gradient of the output as `[batch, columns, outputs]`, zero where columns are junk.
    fn transpose(&self, gradient: &[f32]) -> Vec<f32> {
        let Self { outputs, grid, .. } = *self;
        let (picture, pixels) = (outputs * grid.columns(), grid.out_pixels());
        let mut transposed = vec![0.0; self.batch * picture];
        transposed
            .par_chunks_exact_mut(picture)
            .zip(gradient.par_chunks_exact(outputs * pixels))
            .for_each(|(to, from)| {
                // A line of the cache at a time.
                for first in (0..outputs).step_by(16) {
                    let last = outputs.min(first + 16);
                    let mut pixel = 0;
                    for piece in grid.pieces(0) {
                        for column in piece.start..piece.start + piece.length {
                            let to = &mut to[column * outputs..][first..last];
                            let from = from[first * pixels + pixel..].iter().step_by(pixels);
                            for (to, from) in to.iter_mut().zip(from) {
                                *to = *from;
                            }
                            pixel += 1;
                        }
                    }
                }
            });
        transposed
    }
}

/// Some images, or some channels of one.
pub(crate) struct Task<'a> {
    pub image: usize,
    pub images: usize,
    pub channel: usize,
    pub channels: usize,
    pub values: &'a mut [f32],
}

/// Tasks of so many images at once, or of fewer channels where the batch does not keep the threads busy.
pub(crate) fn tasks(
    values: &mut [f32],
    together: usize,
    channels: usize,
    pixels: usize,
) -> Vec<Task<'_>> {
    let threads = rayon::current_num_threads();
    let batch = values.len() / (channels * pixels);
    let block = if together > 1 || batch >= 2 * threads {
        channels
    } else {
        channels.div_ceil(threads).next_multiple_of(ROWS)
    };
    let groups = values.chunks_mut(together * channels * pixels).enumerate();
    groups
        .flat_map(|(group, values)| {
            let images = values.len() / (channels * pixels);
            let blocks = values.chunks_mut(images * block * pixels).enumerate();
            blocks.map(move |(i, values)| Task {
                image: group * together,
                images,
                channel: i * block,
                channels: values.len() / (images * pixels),
                values,
            })
        })
        .collect()
}
