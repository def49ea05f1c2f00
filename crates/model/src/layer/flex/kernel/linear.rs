//! Linear layers over many rows: `Y = X W + b`, `dX = dY W'`, `dW = X' dY`, `db` the sums of the columns of `dY`.

use pulp::Arch;
use rayon::prelude::*;

use super::gemm::{Gemm, Piece};
use super::packed_lhs::PackedLhs;
use super::tile::MR;
use ffc_simd::multiversion;

/// Rows that a thread works on at a time: so many that packing the weight for them costs little.
const BLOCK: usize = 24 * MR;
/// The fewest, where there are not enough for all threads.
const LEAST: usize = 4 * MR;

/// A linear layer on `[rows, inputs]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linear {
    pub inputs: usize,
    pub outputs: usize,
}

impl Linear {
    /// `[rows, outputs]`. The weight is `[inputs, outputs]`.
    pub fn output(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let Self { inputs, outputs } = *self;
        let rows = input.len() / inputs;
        let block = rows_at_once(rows, LEAST, BLOCK);
        let mut output = vec![0.0; rows * outputs];
        output
            .par_chunks_mut(block * outputs)
            .zip(input.par_chunks(block * inputs))
            .for_each_init(Vec::new, |scratch, (output, input)| {
                self.write(input, weight, bias, output, scratch);
            });
        output
    }

    /// The same into a buffer, on this thread.
    pub fn write(
        &self,
        input: &[f32],
        weight: &[f32],
        bias: Option<&[f32]>,
        output: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        let Self { inputs, outputs } = *self;
        let rows = input.len() / inputs;
        let weight_rows: Vec<usize> = (0..inputs).map(|row| row * outputs).collect();
        let output_rows: Vec<usize> = (0..rows).map(|row| row * outputs).collect();
        Arch::new().dispatch(Gemm {
            lhs: &PackedLhs::of_rows(input, [rows, inputs], inputs),
            first_row: 0,
            rhs: weight,
            rhs_rows: &weight_rows,
            pieces: &[Piece::first(outputs)],
            output,
            output_rows: &output_rows,
            add: false,
            epilogue: None,
            scratch,
        });
        if let Some(bias) = bias {
            assert_eq!(bias.len(), outputs, "length of the bias");
            multiversion(
                #[inline(always)]
                || {
                    for row in output.chunks_exact_mut(outputs) {
                        for (x, bias) in row.iter_mut().zip(bias) {
                            *x += bias;
                        }
                    }
                },
            );
        }
    }

    /// `[rows, inputs]`.
    pub fn input_gradient(&self, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
        let Self { inputs, outputs } = *self;
        let mut transposed = vec![0.0; weight.len()];
        let columns = transposed.par_chunks_exact_mut(inputs).enumerate();
        columns.for_each(|(output, column)| {
            for (to, from) in column.iter_mut().zip(weight.chunks_exact(outputs)) {
                *to = from[output];
            }
        });
        let back = Self {
            inputs: outputs,
            outputs: inputs,
        };
        back.output(gradient, &transposed, None)
    }

    /// `[inputs, outputs]`.
    pub fn weight_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let Self { inputs, outputs } = *self;
        let rows = input.len() / inputs;
        let gradient_rows: Vec<usize> = (0..rows).map(|row| row * outputs).collect();
        let block = inputs
            .div_ceil(rayon::current_num_threads())
            .next_multiple_of(MR);
        let output_rows: Vec<usize> = (0..block).map(|row| row * outputs).collect();
        let mut weight_gradient = vec![0.0; inputs * outputs];
        let blocks = weight_gradient.par_chunks_mut(block * outputs).enumerate();
        blocks.for_each(|(i, weight_gradient)| {
            let columns = weight_gradient.len() / outputs;
            Arch::new().dispatch(Gemm {
                lhs: &PackedLhs::of_columns(&input[i * block..], [columns, rows], inputs),
                first_row: 0,
                rhs: gradient,
                rhs_rows: &gradient_rows,
                pieces: &[Piece::first(outputs)],
                output: weight_gradient,
                output_rows: &output_rows[..columns],
                add: false,
                epilogue: None,
                scratch: &mut Vec::new(),
            });
        });
        weight_gradient
    }

    /// `[outputs]`.
    pub fn bias_gradient(&self, gradient: &[f32]) -> Vec<f32> {
        let blocks = gradient.par_chunks(BLOCK * self.outputs);
        let of_blocks: Vec<Vec<f32>> = blocks
            .map(|block| {
                let mut sums = vec![0.0; self.outputs];
                for row in block.chunks_exact(self.outputs) {
                    add_to(&mut sums, row);
                }
                sums
            })
            .collect();
        let mut sums = vec![0.0; self.outputs];
        for block in &of_blocks {
            add_to(&mut sums, block);
        }
        sums
    }
}

pub(super) fn add_to(sums: &mut [f32], row: &[f32]) {
    multiversion(
        #[inline(always)]
        || {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        },
    );
}

/// So many rows that all threads have some, within bounds. What becomes of a row does not depend on it.
pub(super) fn rows_at_once(rows: usize, least: usize, most: usize) -> usize {
    rows.div_ceil(rayon::current_num_threads())
        .next_multiple_of(MR)
        .clamp(least, most)
}
