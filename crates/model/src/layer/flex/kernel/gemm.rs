use pulp::{Simd, WithSimd};

use super::epilogue::{Epilogue, RowEpilogue};
use super::packed_lhs::PackedLhs;
use super::tile::{KC, MR, NC, NR_VECTORS, store};

/// Some neighbouring columns of the right factor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Where they are, from the start of a row.
    pub start: usize,
    pub length: usize,
}

impl Piece {
    /// The first columns.
    pub fn first(length: usize) -> Self {
        Self { start: 0, length }
    }
}

/// `output[r][j] = sum over k of lhs[r][k] rhs[k][j]`, or `+=`, where rows of `rhs` and `output` may start anywhere
/// in their buffers, overlapping too.
pub(super) struct Gemm<'a> {
    pub lhs: &'a PackedLhs,
    /// Row of the left factor that belongs to the first output row; a multiple of [`MR`].
    pub first_row: usize,
    pub rhs: &'a [f32],
    /// Where each row of `rhs` starts, one for each column of `lhs`.
    pub rhs_rows: &'a [usize],
    /// The columns of `rhs`, in the order of the output's.
    pub pieces: &'a [Piece],
    pub output: &'a mut [f32],
    /// Where each row of `output` starts.
    pub output_rows: &'a [usize],
    /// Whether the product is added to what `output` holds.
    pub add: bool,
    pub epilogue: Option<Epilogue<'a>>,
    /// Room for packed panels.
    pub scratch: &'a mut Vec<f32>,
}

impl WithSimd for Gemm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            lhs,
            first_row,
            rhs,
            rhs_rows,
            pieces,
            output,
            output_rows,
            add,
            epilogue,
            scratch,
        } = self;
        let width = NR_VECTORS * S::F32_LANES;
        let panels = Panel::cut::<S>(pieces);
        scratch.resize(KC * NC + S::F32_LANES, 0.0);
        for (block, panels) in panels.chunks(NC / width).enumerate() {
            for start in (0..lhs.depth).step_by(KC) {
                let end = lhs.depth.min(start + KC);
                let epilogue = if end == lhs.depth { epilogue } else { None };
                let rows = &rhs_rows[start..end];
                let size = width * rows.len();
                for (i, panel) in panels.iter().enumerate() {
                    pack_rhs::<S>(rhs, rows, &panel.copies, &mut scratch[i * size..]);
                }
                for (i, panel) in panels.iter().enumerate() {
                    let column = block * NC + i * width;
                    let packed = &scratch[i * size..][..size];
                    let packed = S::as_simd_f32s(packed).0.as_chunks().0;
                    for (i, rows) in output_rows.chunks(MR).enumerate() {
                        let lhs = lhs.panel(first_row / MR + i, start, end);
                        let tile = micro_kernel(simd, lhs, packed);
                        let first = first_row + i * MR;
                        for (r, (row, sums)) in rows.iter().zip(tile).enumerate() {
                            let output = &mut output[row + column..][..panel.width];
                            let epilogue = match epilogue {
                                Some(Epilogue { shift, slope }) => Some(RowEpilogue {
                                    shift: simd.splat_f32s(shift[first + r]),
                                    slope: simd.splat_f32s(slope[first + r]),
                                }),
                                None => None,
                            };
                            store(simd, output, sums, add || start > 0, epilogue);
                        }
                    }
                }
            }
        }
    }
}

/// Some columns of the right factor that are packed side by side, [`NR_VECTORS`] vectors or fewer.
struct Panel {
    copies: Vec<Copied>,
    width: usize,
}

/// A vector that is copied into a panel. What it holds beyond its piece is overwritten by the next one, of this row or
/// the row after it, or lies beyond the panel's width.
struct Copied {
    from: usize,
    to: usize,
}

impl Panel {
    /// All columns in panels; the last one may be narrower.
    fn cut<S: Simd>(pieces: &[Piece]) -> Vec<Self> {
        let full = NR_VECTORS * S::F32_LANES;
        let mut panels: Vec<Self> = Vec::new();
        for piece in pieces {
            let mut from = piece.start;
            let end = piece.start + piece.length;
            while from < end {
                if panels.last().is_none_or(|panel| panel.width == full) {
                    panels.push(Self {
                        copies: Vec::new(),
                        width: 0,
                    });
                }
                if let Some(panel) = panels.last_mut() {
                    let length = (end - from).min(full - panel.width).min(S::F32_LANES);
                    panel.copies.push(Copied {
                        from,
                        to: panel.width,
                    });
                    panel.width += length;
                    from += length;
                }
            }
        }
        panels
    }
}

/// Copies a panel of some rows into `packed`, which is one vector longer at least.
#[inline(always)]
fn pack_rhs<S: Simd>(rhs: &[f32], rows: &[usize], copies: &[Copied], packed: &mut [f32]) {
    let width = NR_VECTORS * S::F32_LANES;
    for (i, row) in rows.iter().enumerate() {
        for copy in copies {
            let to = &mut packed[i * width + copy.to..][..S::F32_LANES];
            let from = &rhs[row + copy.from..];
            if from.len() >= S::F32_LANES {
                // Whole vectors: a copy of unknown length would be a call.
                S::as_mut_simd_f32s(to).0[0] = S::as_simd_f32s(from).0[0];
            } else {
                to[..from.len()].copy_from_slice(from);
            }
        }
    }
}

/// A tile of the product over all columns of `lhs` and rows of `rhs`.
#[inline(always)]
fn micro_kernel<S: Simd>(
    simd: S,
    lhs: &[[f32; MR]],
    rhs: &[[S::f32s; NR_VECTORS]],
) -> [[S::f32s; NR_VECTORS]; MR] {
    let mut sums = [[simd.splat_f32s(0.0); NR_VECTORS]; MR];
    for (lhs, rhs) in lhs.iter().zip(rhs) {
        for i in 0..MR {
            let factor = simd.splat_f32s(lhs[i]);
            for j in 0..NR_VECTORS {
                sums[i][j] = simd.mul_add_e_f32s(factor, rhs[j], sums[i][j]);
            }
        }
    }
    sums
}
