//! Attention of each picture's tokens to each other, head by head. With queries, keys and values `Q`, `K`, `V`
//! `[tokens, head]` and `s` the scale: `P = softmax(s Q K')`, `O = P V`; backwards `dV = P' dO`, `dP = dO V'`,
//! `dS = s P (dP - sums of rows of P dP)`, `dQ = dS K`, `dK = dS' Q`.
//!
//! `P` is computed again for the gradient, so no matrix of tokens by tokens outlives its head.

use pulp::Arch;
use rayon::prelude::*;

use super::gemm::{Gemm, Piece};
use super::packed_lhs::PackedLhs;
use ffc_simd::exp;
use ffc_simd::multiversion;
use ffc_simd::{greatest, sum_of, sum_of_pairs};

/// Attention over `[batch, tokens, 3 width]`: queries, keys and values side by side, each of all heads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    pub tokens: usize,
    pub width: usize,
    pub heads: usize,
}

/// Rows of a matrix within a buffer.
struct Rows {
    starts: Vec<usize>,
    stride: usize,
}

/// Matrices of one head.
#[derive(Default)]
pub(super) struct Scratch {
    /// `[head, tokens]`: keys or values.
    transposed: Vec<f32>,
    /// `[tokens, tokens]`.
    shares: Vec<f32>,
    /// `[tokens, tokens]`: first of the shares, then of the scores.
    gradient: Vec<f32>,
    scratch: Vec<f32>,
}

impl Attention {
    /// `[batch, tokens, width]`.
    pub fn output(&self, input: &[f32]) -> Vec<f32> {
        let Self { tokens, width, .. } = *self;
        let mut output = vec![0.0; input.len() / 3];
        output
            .par_chunks_exact_mut(tokens * width)
            .zip(input.par_chunks_exact(3 * tokens * width))
            .for_each_init(Scratch::default, |head, (output, input)| {
                self.write(input, output, head);
            });
        output
    }

    /// The same of one picture into a buffer, on this thread.
    pub(super) fn write(&self, input: &[f32], output: &mut [f32], head: &mut Scratch) {
        for i in 0..self.heads {
            self.compute_shares(input, i, head);
            let shares = PackedLhs::of_rows(&head.shares, [self.tokens; 2], self.tokens);
            let values = self.part(2, i);
            let rows = self.rows(i, self.width);
            self.multiply(&shares, input, &values, output, &rows, &mut head.scratch);
        }
    }

    /// The gradient of queries, keys and values, `[batch, tokens, 3 width]`.
    pub fn input_gradient(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let Self { tokens, width, .. } = *self;
        let mut input_gradient = vec![0.0; input.len()];
        input_gradient
            .par_chunks_exact_mut(3 * tokens * width)
            .zip(input.par_chunks_exact(3 * tokens * width))
            .zip(gradient.par_chunks_exact(tokens * width))
            .for_each_init(Scratch::default, |head, ((to, input), gradient)| {
                for i in 0..self.heads {
                    self.head_gradient(i, input, gradient, to, head);
                }
            });
        input_gradient
    }

    fn head_gradient(
        &self,
        i: usize,
        input: &[f32],
        dy: &[f32],
        to: &mut [f32],
        head: &mut Scratch,
    ) {
        let Self { tokens, width, .. } = *self;
        let size = width / self.heads;
        let [query, key, value] = [0, 1, 2].map(|part| self.part(part, i));
        let dy_rows = self.rows(i, width);
        self.compute_shares(input, i, head);
        let Scratch {
            transposed,
            shares,
            gradient,
            scratch,
        } = head;

        let lhs = PackedLhs::of_columns(shares, [tokens; 2], tokens);
        self.multiply(&lhs, dy, &dy_rows, to, &value, scratch);

        transpose(input, &value, size, transposed);
        let lhs = PackedLhs::of_rows(&dy[dy_rows.starts[0]..], [tokens, size], width);
        self.square(&lhs, transposed, gradient, scratch);
        let scale = self.scale();
        let rows = gradient.chunks_exact_mut(tokens);
        for (gradient, shares) in rows.zip(shares.chunks_exact(tokens)) {
            multiversion(
                #[inline(always)]
                || {
                    let sum = sum_of_pairs(gradient, shares, |dp, p| dp * p);
                    for (dp, p) in gradient.iter_mut().zip(shares) {
                        *dp = scale * p * (*dp - sum);
                    }
                },
            );
        }

        let lhs = PackedLhs::of_rows(gradient, [tokens; 2], tokens);
        self.multiply(&lhs, input, &key, to, &query, scratch);
        let lhs = PackedLhs::of_columns(gradient, [tokens; 2], tokens);
        self.multiply(&lhs, input, &query, to, &key, scratch);
    }

    /// How much each token attends to each: rows that sum to one.
    fn compute_shares(&self, input: &[f32], i: usize, head: &mut Scratch) {
        let tokens = self.tokens;
        let size = self.width / self.heads;
        let [query, key] = [0, 1].map(|part| self.part(part, i));
        transpose(input, &key, size, &mut head.transposed);
        let queries = &input[query.starts[0]..];
        let lhs = PackedLhs::of_rows(queries, [tokens, size], query.stride);
        self.square(&lhs, &head.transposed, &mut head.shares, &mut head.scratch);
        let scale = self.scale();
        for scores in head.shares.chunks_exact_mut(tokens) {
            multiversion(
                #[inline(always)]
                || {
                    let greatest = greatest(scores);
                    for score in scores.iter_mut() {
                        *score = exp(scale * (*score - greatest));
                    }
                    let inverse = 1.0 / sum_of(scores, |x| x);
                    for score in scores.iter_mut() {
                        *score *= inverse;
                    }
                },
            );
        }
    }

    fn scale(&self) -> f32 {
        ((self.width / self.heads) as f32).sqrt().recip()
    }

    /// `lhs` by a matrix of a head, `[tokens, head]`.
    fn multiply(
        &self,
        lhs: &PackedLhs,
        rhs: &[f32],
        rhs_rows: &Rows,
        output: &mut [f32],
        output_rows: &Rows,
        scratch: &mut Vec<f32>,
    ) {
        Arch::new().dispatch(Gemm {
            lhs,
            first_row: 0,
            rhs,
            rhs_rows: &rhs_rows.starts,
            pieces: &[Piece::first(self.width / self.heads)],
            output,
            output_rows: &output_rows.starts,
            add: false,
            epilogue: None,
            scratch,
        });
    }

    /// `lhs` by `[head, tokens]`.
    fn square(&self, lhs: &PackedLhs, rhs: &[f32], output: &mut Vec<f32>, scratch: &mut Vec<f32>) {
        let tokens = self.tokens;
        output.resize(tokens * tokens, 0.0);
        let rows: Vec<usize> = (0..tokens).map(|row| row * tokens).collect();
        let rhs_rows: Vec<usize> = (0..rhs.len()).step_by(tokens).collect();
        Arch::new().dispatch(Gemm {
            lhs,
            first_row: 0,
            rhs,
            rhs_rows: &rhs_rows,
            pieces: &[Piece::first(tokens)],
            output,
            output_rows: &rows,
            add: false,
            epilogue: None,
            scratch,
        });
    }

    /// Rows of a head's queries, keys or values.
    fn part(&self, part: usize, head: usize) -> Rows {
        let mut rows = self.rows(head, 3 * self.width);
        for start in &mut rows.starts {
            *start += part * self.width;
        }
        rows
    }

    /// A head's columns of `[tokens, stride]`.
    fn rows(&self, head: usize, stride: usize) -> Rows {
        let first = head * (self.width / self.heads);
        let starts = (0..self.tokens).map(|token| first + token * stride);
        Rows {
            starts: starts.collect(),
            stride,
        }
    }
}

/// `[size, rows]`.
fn transpose(values: &[f32], rows: &Rows, size: usize, to: &mut Vec<f32>) {
    to.clear();
    to.reserve(size * rows.starts.len());
    for column in 0..size {
        to.extend(rows.starts.iter().map(|row| values[row + column]));
    }
}
