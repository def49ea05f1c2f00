//! Convolutions that mix all channels, as matrix products over the runs of an [`Im2col`].
//!
//! With `X` the runs of (channel, tap), `Y` those of the output and `W` the weight as a matrix
//! `[outputs, inputs * taps]`: `Y = W X`, `dX = W' dY`, `dW' = sum over images of X dY'`.

use pulp::Arch;
use rayon::prelude::*;

use super::fusion::Fusion;
use super::gemm::{Gemm, Piece};
use super::im2col::Im2col;
use super::packed_lhs::PackedLhs;
use super::tasks::tasks;
use super::tile::{MR, NC};
use super::unpacked_gemm::UnpackedGemm;
use super::winograd::Winograd;
use super::workspace::{Borrowed, Workspace, lengthen};

/// A convolution over a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conv2d {
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub im2col: Im2col,
}

impl Conv2d {
    /// `[batch, outputs, height, width]`.
    pub fn output(&self, input: &[f32], weight: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; self.batch * self.outputs * self.im2col.out_pixels()];
        self.write(input, weight, None, &mut output, false);
        output
    }

    /// Writes the output, `[batch, outputs, height, width]`, or adds it to what is there, with what is fused with it.
    pub fn write(
        &self,
        input: &[f32],
        weight: &[f32],
        fusion: Option<&Fusion>,
        output: &mut [f32],
        add: bool,
    ) {
        if let Some(winograd) = Winograd::of([self.batch, self.inputs, self.outputs], self.im2col) {
            return winograd.write(input, weight, fusion, output, add);
        }
        let Self {
            batch,
            inputs,
            outputs,
            im2col,
        } = *self;
        let input_rows = im2col.runs(inputs);
        let depth = input_rows.len();
        let weight = PackedLhs::of_scaled_rows(weight, [outputs, depth], depth, |row| {
            fusion.map_or(1.0, |fusion| fusion.after.scale[row])
        });
        let epilogue = fusion.map(Fusion::epilogue);
        let before = fusion.and_then(|fusion| fusion.before.as_ref());
        let (laid_out, pixels) = (inputs * im2col.plane(), im2col.out_pixels());
        // So many that weights, once in the cache, serve for many columns.
        let threads = rayon::current_num_threads();
        let together = (NC / pixels).clamp(1, batch.div_ceil(threads));
        let pieces: Vec<Piece> = (0..together)
            .flat_map(|image| im2col.pieces(image * laid_out))
            .collect();

        let as_it_lies = im2col.is_plain() && before.is_none();
        let room = if as_it_lies {
            0
        } else {
            together * laid_out + im2col.slack()
        };
        let tasks = tasks(output, together, outputs, pixels);
        tasks.into_par_iter().for_each_init(
            || Borrowed::with_zeros(room),
            |workspace, task| {
                let Workspace {
                    zeros: planes,
                    products: sums,
                    scratch,
                    ..
                } = &mut **workspace;
                let picture = inputs * im2col.pixels();
                let pictures = &input[task.image * picture..][..task.images * picture];
                let rhs = if as_it_lies {
                    pictures
                } else {
                    im2col.lay_out_all(pictures, inputs, before, planes);
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
                Arch::new().dispatch(Gemm {
                    lhs: &weight,
                    first_row: task.channel,
                    rhs,
                    rhs_rows: &input_rows,
                    pieces: &pieces[..pieces.len() / together * task.images],
                    output: if direct { &mut *task.values } else { sums },
                    output_rows: &rows,
                    add,
                    epilogue,
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
            im2col,
        } = *self;
        let taps = im2col.taps().count();
        let depth = inputs * taps;
        let Some(im2col) = im2col.transposed() else {
            let weight = PackedLhs::of_columns(weight, [depth, outputs], depth);
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
            im2col,
        };
        transposed.output(gradient, &turned)
    }

    /// The gradient of the input for every stride: each tap's product is added where the tap read.
    fn scatter(&self, weight: &PackedLhs, gradient: &[f32]) -> Vec<f32> {
        let Self {
            batch,
            inputs,
            outputs,
            im2col,
        } = *self;
        let taps = im2col.taps().count();
        let input_rows = im2col.runs(inputs);
        let columns = im2col.columns();
        let output_rows: Vec<usize> = (0..outputs).map(|row| row * columns).collect();

        let mut input_gradient = vec![0.0; batch * inputs * im2col.pixels()];
        let tasks = tasks(&mut input_gradient, 1, inputs, im2col.pixels());
        tasks.into_par_iter().for_each_init(
            || Borrowed::with_zeros(outputs * columns),
            |workspace, task| {
                let Workspace {
                    zeros: runs,
                    products: planes,
                    scratch,
                    ..
                } = &mut **workspace;
                let picture = outputs * im2col.out_pixels();
                let pictures = &gradient[task.image * picture..][..picture];
                let pictures = pictures.chunks_exact(im2col.out_pixels());
                for (from, to) in pictures.zip(runs.chunks_exact_mut(columns)) {
                    im2col.lay_out_output(from, to);
                }
                planes.clear();
                planes.resize(task.channels * im2col.plane() + im2col.slack(), 0.0);
                Arch::new().dispatch(Gemm {
                    lhs: weight,
                    first_row: task.channel * taps,
                    rhs: runs,
                    rhs_rows: &output_rows,
                    pieces: &[Piece::first(columns)],
                    output: planes,
                    output_rows: &input_rows[..task.channels * taps],
                    add: true,
                    epilogue: None,
                    scratch,
                });
                let to = task.values.chunks_exact_mut(im2col.pixels());
                for (from, to) in planes.chunks_exact(im2col.plane()).zip(to) {
                    im2col.take_back(from, to);
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
            im2col,
        } = *self;
        let gradient = self.transpose(gradient);
        let winograd = Winograd::of([batch, inputs, outputs], im2col);
        if let Some(winograd) = winograd.filter(Winograd::has_weight_gradient) {
            return winograd.weight_gradient(input, &gradient, im2col);
        }
        let input_rows = im2col.runs(inputs);
        let depth = input_rows.len();
        let planes = im2col.lay_out_batch(input, 0);

        let block = depth
            .div_ceil(rayon::current_num_threads())
            .next_multiple_of(MR);
        let mut transposed = vec![0.0; depth * outputs];
        transposed
            .par_chunks_mut(block * outputs)
            .zip(input_rows.par_chunks(block))
            .for_each(|(transposed, input_rows)| {
                Arch::new().dispatch(UnpackedGemm {
                    lhs: &planes,
                    lhs_stride: inputs * im2col.plane(),
                    lhs_rows: input_rows,
                    rhs: &gradient,
                    width: outputs,
                    images: batch,
                    columns: im2col.columns(),
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

    /// The gradient of the output as `[batch, columns, outputs]`, zero where columns are junk.
    fn transpose(&self, gradient: &[f32]) -> Vec<f32> {
        let Self {
            outputs, im2col, ..
        } = *self;
        let (picture, pixels) = (outputs * im2col.columns(), im2col.out_pixels());
        let mut transposed = vec![0.0; self.batch * picture];
        transposed
            .par_chunks_exact_mut(picture)
            .zip(gradient.par_chunks_exact(outputs * pixels))
            .for_each(|(to, from)| {
                // A line of the cache at a time.
                for first in (0..outputs).step_by(16) {
                    let last = outputs.min(first + 16);
                    let mut pixel = 0;
                    for piece in im2col.pieces(0) {
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
