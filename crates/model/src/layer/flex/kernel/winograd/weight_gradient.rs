//! The gradient of the weight over the tiles of [`Winograd`]: 16 products in place of 36, as for the output.
//!
//! With `V = B' d B` of the input and `M = A y A'` of the output's gradient it is `G' [sum over tiles of M V] G`, a product for each of the 16
//! numbers of a tile. `V` and `M` are made as they are needed, for some tiles at a time, so that they stay in a thread's caches. What comes of it
//! does not depend on the number of threads.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{ALIGNMENT, TILE, Winograd, padded, vectors};
use crate::layer::flex::kernel::im2col::Im2col;
use crate::layer::flex::kernel::tile::{KC, MR, NR_VECTORS, store};
use crate::layer::flex::kernel::unpacked_gemm::micro_kernel;

/// Channels of input and output from which the transforms pay.
const CHANNELS: usize = 128;
/// Tiles from which images are a part whose products are kept by themselves.
const PART: usize = 512;
/// Outputs whose kernels are put together at once: a line of the cache.
const OUTPUTS: usize = 16;

/// `B'`, row by row: two of four pixels, the second with a sign. The first counts as it is.
const INPUT: [[(usize, f32); 2]; 4] = [
    [(0, 1.0), (2, -1.0)],
    [(1, 1.0), (2, 1.0)],
    [(2, 1.0), (1, -1.0)],
    [(1, 1.0), (3, -1.0)],
];
/// `A`, row by row: the signs of two pixels.
const GRADIENT: [[f32; 2]; 4] = [[1.0, 0.0], [1.0, 1.0], [1.0, -1.0], [0.0, -1.0]];

impl Winograd {
    /// Whether it pays: the products must be large beside what is made for them.
    pub fn has_weight_gradient(&self) -> bool {
        self.inputs.min(self.outputs) >= CHANNELS
    }

    /// `[outputs, inputs, 3, 3]` from the input `[batch, inputs, height, width]` and the output's gradient, each pixel's channels side by side:
    /// `[batch, columns, outputs]` with the columns of `columns`, the layout of the convolution itself.
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32], columns: Im2col) -> Vec<f32> {
        let Self {
            batch,
            inputs,
            outputs,
            im2col,
        } = *self;
        let planes = im2col.lay_out_batch(input, ALIGNMENT);
        let size = inputs * outputs;
        let images = batch.div_ceil((batch * im2col.columns() / PART).clamp(1, batch));
        let parts = batch.div_ceil(images);
        // So many numbers at once that all threads have some.
        let wanted = (4 * rayon::current_num_threads()).div_ceil(parts);
        let at_once = TILE / wanted.next_power_of_two().min(TILE);
        let mut products = vec![0.0; parts * TILE * size];
        let tasks = products.par_chunks_exact_mut(at_once * size).enumerate();
        tasks.for_each(|(task, output)| {
            let first = task * at_once % TILE;
            let image = task * at_once / TILE * images;
            Arch::new().dispatch(Products {
                winograd: self,
                numbers: first..first + at_once,
                planes: &planes,
                images: image..batch.min(image + images),
                gradient,
                columns,
                output,
            });
        });

        let mut weight_gradient = vec![0.0; outputs * inputs * 9];
        let groups = weight_gradient
            .par_chunks_mut(OUTPUTS * inputs * 9)
            .enumerate();
        groups.for_each(|(group, kernels)| {
            for input in 0..inputs {
                for (at, kernel) in kernels.chunks_exact_mut(inputs * 9).enumerate() {
                    let from = input * outputs + group * OUTPUTS + at;
                    let mut numbers = [0.0; TILE];
                    for (i, number) in numbers.iter_mut().enumerate() {
                        let parts = products[i * size + from..].iter().step_by(TILE * size);
                        *number = parts.sum();
                    }
                    kernel[input * 9..][..9].copy_from_slice(&to_kernel(&numbers));
                }
            }
        });
        weight_gradient
    }
}

/// `G' u G`.
fn to_kernel(u: &[f32; TILE]) -> [f32; 9] {
    let line = |[a, b, c, d]: [f32; 4]| {
        let (sum, difference) = (0.5 * (b + c), 0.5 * (b - c));
        [a + sum, difference, sum + d]
    };
    let mut rows = [[0.0; 4]; 3];
    for x in 0..4 {
        let column = line([u[x], u[4 + x], u[8 + x], u[12 + x]]);
        for y in 0..3 {
            rows[y][x] = column[y];
        }
    }
    let mut kernel = [0.0; 9];
    for y in 0..3 {
        kernel[3 * y..][..3].copy_from_slice(&line(rows[y]));
    }
    kernel
}

/// `sum over tiles of M V` for some numbers of a tile and some images.
struct Products<'a> {
    winograd: &'a Winograd,
    numbers: Range<usize>,
    /// `[batch, inputs, plane]`, laid out.
    planes: &'a [f32],
    images: Range<usize>,
    /// `[batch, columns, outputs]`.
    gradient: &'a [f32],
    columns: Im2col,
    /// `[numbers, inputs, outputs]`, zero at first.
    output: &'a mut [f32],
}

/// Some rows of an image's tiles.
#[derive(Clone, Copy)]
struct Rows {
    image: usize,
    first: usize,
    count: usize,
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let output = std::mem::take(&mut self.output);
        let Winograd {
            inputs,
            outputs,
            im2col,
            ..
        } = *self.winograd;
        let ([tile_rows, _], pitch) = (im2col.out(), im2col.pitch());
        let all_taps: Vec<usize> = im2col.taps().collect();
        let at_once = (KC / pitch).clamp(1, tile_rows);
        let rows: Vec<Rows> = (self.images.clone())
            .flat_map(|image| {
                let rows = (0..tile_rows).step_by(at_once);
                rows.map(move |first| Rows {
                    image,
                    first,
                    count: at_once.min(tile_rows - first),
                })
            })
            .collect();
        let together = (KC / (at_once * pitch)).max(1);
        let panel = NR_VECTORS * S::F32_LANES;
        let stride = padded(together * at_once * pitch);
        let mut values = vec![0.0; inputs * stride];
        let mut packed = vec![0.0; together * at_once * pitch * panel];
        for rows in rows.chunks(together) {
            let products = output.chunks_exact_mut(inputs * outputs);
            for (number, output) in self.numbers.clone().zip(products) {
                let (y, x) = (number / 4, number % 4);

                // The four pixels of V, and those of M with their places from a tile's first.
                let mut taps = [(0, simd.splat_f32s(0.0)); 4];
                let mut pixels = [(0, simd.splat_f32s(0.0)); 4];
                for i in 0..4 {
                    let ((row, a), (column, b)) = (INPUT[y][i / 2], INPUT[x][i % 2]);
                    taps[i] = (all_taps[4 * row + column], simd.splat_f32s(a * b));
                    let sign = GRADIENT[y][i / 2] * GRADIENT[x][i % 2];
                    let place = (i / 2 * self.columns.pitch() + i % 2) * outputs;
                    pixels[i] = (place, simd.splat_f32s(sign));
                }
                let length = self.input_numbers(simd, rows, taps, stride, &mut values);
                for column in (0..outputs).step_by(panel) {
                    let end = outputs.min(column + panel);
                    self.gradient_numbers(simd, rows, pixels, column..end, &mut packed);
                    let packed = &S::as_simd_f32s(&packed).0.as_chunks().0[..length];
                    let panels = output.chunks_mut(MR * outputs);
                    for (panel, output) in panels.enumerate() {
                        let mut runs = [&[][..]; MR];
                        for (i, run) in runs.iter_mut().enumerate() {
                            // The last row again where there are fewer.
                            let row = (panel * MR + i).min(inputs - 1);
                            *run = &values[row * stride..][..length];
                        }
                        let mut sums = [[simd.splat_f32s(0.0); NR_VECTORS]; MR];
                        micro_kernel(simd, runs, packed, &mut sums);
                        for (output, sums) in output.chunks_exact_mut(outputs).zip(sums) {
                            store(simd, &mut output[column..end], sums, true, None);
                        }
                    }
                }
            }
        }
    }
}

impl Products<'_> {
    /// `V` of some rows of tiles, a run of `stride` numbers for each input. Gives how many of them count.
    #[inline(always)]
    fn input_numbers<S: Simd>(
        &self,
        simd: S,
        rows: &[Rows],
        taps: [(usize, S::f32s); 4],
        stride: usize,
        values: &mut [f32],
    ) -> usize {
        let Winograd { inputs, im2col, .. } = *self.winograd;
        let mut length = 0;
        for &Rows {
            image,
            first,
            count,
        } in rows
        {
            let run = count * im2col.pitch();
            let vectors_of_run = run.div_ceil(S::F32_LANES);
            for (channel, values) in values.chunks_exact_mut(stride).enumerate() {
                let plane = &self.planes[(image * inputs + channel) * im2col.plane()..];
                let mut from = [&[][..]; 4];
                for i in 0..4 {
                    let tap = taps[i].0 + first * im2col.pitch();
                    from[i] = vectors::<S>(&plane[tap..], vectors_of_run);
                }
                // What is written beyond the run is overwritten by the next one or does not count.
                let to = &mut S::as_mut_simd_f32s(&mut values[length..]).0[..vectors_of_run];
                for j in 0..vectors_of_run {
                    let upper = simd.mul_add_e_f32s(taps[1].1, from[1][j], from[0][j]);
                    let lower = simd.mul_f32s(taps[3].1, from[3][j]);
                    let lower = simd.mul_add_e_f32s(taps[2].1, from[2][j], lower);
                    to[j] = simd.add_f32s(upper, lower);
                }
            }
            length += run;
        }
        length
    }

    /// `M` of some rows of tiles for some outputs, a panel's row for each tile: zeros for what lies between rows.
    #[inline(always)]
    fn gradient_numbers<S: Simd>(
        &self,
        simd: S,
        rows: &[Rows],
        pixels: [(usize, S::f32s); 4],
        outputs: Range<usize>,
        packed: &mut [f32],
    ) {
        let Winograd {
            outputs: width,
            im2col,
            ..
        } = *self.winograd;
        let columns = self.columns;
        let mut to = packed.chunks_exact_mut(NR_VECTORS * S::F32_LANES);
        for &Rows {
            image,
            first,
            count,
        } in rows
        {
            let picture = &self.gradient[image * columns.columns() * width..];
            for row in first..first + count {
                for (tile, to) in (0..im2col.pitch()).zip(to.by_ref()) {
                    if tile >= im2col.out()[1] {
                        to.fill(0.0);
                        continue;
                    }
                    let place = (2 * row * columns.pitch() + 2 * tile) * width;
                    let from = &picture[place + outputs.start..];
                    gradient_number(simd, from, pixels, &mut to[..outputs.len()]);
                }
            }
        }
    }
}

/// A tile's number of `M` for some outputs.
#[inline(always)]
fn gradient_number<S: Simd>(simd: S, from: &[f32], pixels: [(usize, S::f32s); 4], to: &mut [f32]) {
    for (at, to) in to.chunks_mut(S::F32_LANES).enumerate() {
        let mut sum = simd.splat_f32s(0.0);
        for i in 0..4 {
            let from = &from[pixels[i].0 + at * S::F32_LANES..];
            let value = match to.len() == S::F32_LANES {
                true => S::as_simd_f32s(from).0[0],
                false => simd.partial_load_f32s(&from[..to.len()]),
            };
            sum = simd.mul_add_e_f32s(pixels[i].1, value, sum);
        }
        match to.len() == S::F32_LANES {
            true => S::as_mut_simd_f32s(to).0[0] = sum,
            false => simd.partial_store_f32s(to, sum),
        }
    }
}
