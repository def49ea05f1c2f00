//! The gradient of the weight over the tiles of [`Winograd`]: 16 products in place of 36, as for the output.
//!
//! With `V = B' d B` of the input and `M = A y A'` of the output's gradient it is `G' [sum over tiles of M V] G`, a product for each of the 16
//! numbers of a tile. Each makes its share of `V` and `M` as it goes, some tiles at a time, so that they stay in a thread's caches; what comes of it does not depend on the
//! number of threads.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{ALIGNMENT, TILE, Winograd, padded, vectors};
use crate::layer::flex::kernel::im2col::Im2col;
use crate::layer::flex::kernel::tile::{KC, MR, NR_VECTORS, store};
use crate::layer::flex::kernel::unpacked_gemm::micro_kernel;

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
    /// `[outputs, inputs, 3, 3]` from the input `[batch, inputs, height, width]` and the output's gradient, each pixel's channels side by side:
    /// `[batch, columns, outputs]` with the columns of `columns`, the layout of the convolution itself.
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32], columns: Im2col) -> Vec<f32> {
        let Self {
            inputs,
            outputs,
            im2col,
            ..
        } = *self;
        let planes = im2col.lay_out_batch(input, ALIGNMENT);
        let chunk = inputs
            .div_ceil(rayon::current_num_threads().div_ceil(TILE))
            .next_multiple_of(MR);
        let mut products = vec![0.0; TILE * inputs * outputs];
        let numbers = products.par_chunks_exact_mut(inputs * outputs).enumerate();
        numbers.for_each(|(number, product)| {
            let chunks = product.par_chunks_mut(chunk * outputs).enumerate();
            chunks.for_each(|(at, output)| {
                Arch::new().dispatch(Product {
                    winograd: self,
                    number,
                    planes: &planes,
                    channels: at * chunk..inputs.min((at + 1) * chunk),
                    gradient,
                    columns,
                    output,
                });
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
                        *number = products[i * inputs * outputs + from];
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

/// `sum over tiles of M V` for one number of a tile and some channels of the input.
struct Product<'a> {
    winograd: &'a Winograd,
    number: usize,
    /// `[batch, inputs, plane]`, laid out.
    planes: &'a [f32],
    channels: Range<usize>,
    /// `[batch, columns, outputs]`.
    gradient: &'a [f32],
    columns: Im2col,
    /// `[channels, outputs]`, zero at first.
    output: &'a mut [f32],
}

/// Some rows of an image's tiles.
#[derive(Clone, Copy)]
struct Rows {
    image: usize,
    first: usize,
    count: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            winograd,
            number,
            planes,
            channels,
            gradient,
            columns,
            output,
        } = self;
        let Winograd {
            batch,
            inputs,
            outputs,
            im2col,
        } = *winograd;
        let ([tile_rows, tile_columns], pitch) = (im2col.out(), im2col.pitch());
        let (y, x) = (number / 4, number % 4);

        // The four pixels of V, and those of M with their places from a tile's first.
        let all_taps: Vec<usize> = im2col.taps().collect();
        let mut taps = [(0, simd.splat_f32s(0.0)); 4];
        let mut pixels = [(0, simd.splat_f32s(0.0)); 4];
        for i in 0..4 {
            let ((row, a), (column, b)) = (INPUT[y][i / 2], INPUT[x][i % 2]);
            taps[i] = (all_taps[4 * row + column], simd.splat_f32s(a * b));
            let sign = GRADIENT[y][i / 2] * GRADIENT[x][i % 2];
            let place = (i / 2 * columns.pitch() + i % 2) * outputs;
            pixels[i] = (place, simd.splat_f32s(sign));
        }

        let at_once = (KC / pitch).clamp(1, tile_rows);
        let rows: Vec<Rows> = (0..batch)
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
        let mut values = vec![0.0; channels.len() * stride];
        let mut packed = vec![0.0; together * at_once * pitch * panel];
        for rows in rows.chunks(together) {
            let mut length = 0;
            for &Rows {
                image,
                first,
                count,
            } in rows
            {
                let run = count * pitch;
                let vectors_of_run = run.div_ceil(S::F32_LANES);
                for (channel, values) in channels.clone().zip(values.chunks_exact_mut(stride)) {
                    let plane = &planes[(image * inputs + channel) * im2col.plane()..];
                    let mut from = [&[][..]; 4];
                    for i in 0..4 {
                        let tap = taps[i].0 + first * pitch;
                        from[i] = vectors::<S>(&plane[tap..], vectors_of_run);
                    }
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
            for column in (0..outputs).step_by(panel) {
                let end = outputs.min(column + panel);
                let mut to = packed.chunks_exact_mut(panel);
                for &Rows {
                    image,
                    first,
                    count,
                } in rows
                {
                    let picture = &gradient[image * columns.columns() * outputs..];
                    for row in first..first + count {
                        for tile in 0..pitch {
                            let Some(to) = to.next() else {
                                return;
                            };
                            if tile >= tile_columns {
                                to.fill(0.0);
                                continue;
                            }
                            let place = (2 * row * columns.pitch() + 2 * tile) * outputs;
                            let from = &picture[place + column..];
                            pack(simd, from, pixels, &mut to[..end - column]);
                        }
                    }
                }
                let packed = &S::as_simd_f32s(&packed).0.as_chunks().0[..length];
                let panels = output.chunks_mut(MR * outputs);
                for (number, output) in panels.enumerate() {
                    let mut runs = [&[][..]; MR];
                    for (i, run) in runs.iter_mut().enumerate() {
                        // The last row again where there are fewer.
                        let row = (number * MR + i).min(channels.len() - 1);
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

/// A tile's number of `M` for some outputs.
#[inline(always)]
fn pack<S: Simd>(simd: S, from: &[f32], pixels: [(usize, S::f32s); 4], to: &mut [f32]) {
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
