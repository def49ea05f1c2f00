use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Rows of the tile of accumulators. With two vectors a row it fits the 16 registers of AVX2.
pub(crate) const ROWS: usize = 6;
/// Vectors of a row of the tile.
pub(crate) const VECTORS: usize = 2;
/// Depth after which sums go to memory: a panel of the right factor stays in the first-level cache.
pub(crate) const DEPTH: usize = 256;
/// Columns of the right factor that are packed at once: they stay in the second-level cache. A multiple of every
/// panel's width.
pub(crate) const COLUMNS: usize = 256;

/// Numbers that a thread packs at least.
const SHARED: usize = 1 << 16;

/// The left factor of a [`Product`], in panels of [`ROWS`] rows, each column by column.
#[derive(Debug)]
pub(crate) struct Packed {
    values: Vec<f32>,
    depth: usize,
}

impl Packed {
    /// Packs the matrix whose element (row, column) is `values[row * stride + column]`, on this thread.
    pub fn of_rows(values: &[f32], [rows, depth]: [usize; 2], stride: usize) -> Self {
        let mut packed = Self::zeros([rows, depth]);
        for (panel, columns) in packed.values.chunks_exact_mut(ROWS * depth).enumerate() {
            let columns = columns.as_chunks_mut().0;
            pack_rows(
                values,
                [rows, depth],
                stride,
                panel * ROWS,
                |_| 1.0,
                columns,
            );
        }
        packed
    }

    /// The same, each row times a factor, on all threads.
    pub fn of_scaled_rows(
        values: &[f32],
        shape: [usize; 2],
        stride: usize,
        factor: impl Fn(usize) -> f32 + Sync,
    ) -> Self {
        Self::pack(shape, |first, columns| {
            pack_rows(values, shape, stride, first, &factor, columns);
        })
    }

    /// Packs the matrix whose element (row, column) is `values[row + column * stride]`, on all threads.
    pub fn of_columns(values: &[f32], [rows, depth]: [usize; 2], stride: usize) -> Self {
        Self::pack([rows, depth], |first, columns| {
            let from = values[first..].chunks(stride);
            if first + ROWS <= rows {
                for (to, from) in columns.iter_mut().zip(from) {
                    to.copy_from_slice(&from[..ROWS]);
                }
            } else {
                for (to, from) in columns.iter_mut().zip(from) {
                    to[..rows - first].copy_from_slice(&from[..rows - first]);
                }
            }
        })
    }

    /// Has each panel filled, which is told its first row.
    fn pack([rows, depth]: [usize; 2], fill: impl Fn(usize, &mut [[f32; ROWS]]) + Sync) -> Self {
        let mut packed = Self::zeros([rows, depth]);
        packed
            .values
            .par_chunks_exact_mut(ROWS * depth)
            .enumerate()
            .with_min_len(SHARED / (ROWS * depth) + 1)
            .for_each(|(panel, columns)| fill(panel * ROWS, columns.as_chunks_mut().0));
        packed
    }

    fn zeros([rows, depth]: [usize; 2]) -> Self {
        Self {
            values: vec![0.0; rows.div_ceil(ROWS) * ROWS * depth],
            depth,
        }
    }

    /// The depth columns from `start` to `end` of the panel of rows, each column by itself.
    #[inline(always)]
    fn panel(&self, panel: usize, start: usize, end: usize) -> &[[f32; ROWS]] {
        let panel = panel * self.depth;
        &self.values.as_chunks().0[panel + start..panel + end]
    }
}

/// Fills the panel that begins with a row.
#[inline]
fn pack_rows(
    values: &[f32],
    [rows, depth]: [usize; 2],
    stride: usize,
    first: usize,
    factor: impl Fn(usize) -> f32,
    columns: &mut [[f32; ROWS]],
) {
    let mut runs = [&values[..0]; ROWS];
    let mut factors = [0.0; ROWS];
    for i in 0..ROWS {
        // The last row again where there are fewer; what comes of it is not read.
        let row = (first + i).min(rows - 1);
        runs[i] = &values[row * stride..][..depth];
        factors[i] = factor(row);
    }
    for (i, column) in columns[..depth].iter_mut().enumerate() {
        for row in 0..ROWS {
            column[row] = factors[row] * runs[row][i];
        }
    }
}

/// Some neighbouring columns of the right factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
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

/// What becomes of the finished sums of a row: `x = sums + shift`, then `slope x` where that is not positive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// For each row of the left factor.
    pub shift: &'a [f32],
    /// The same; 1 changes nothing.
    pub slope: &'a [f32],
}

/// `output[r][j] = sum over k of left[r][k] right[k][j]`, or `+=`, where rows of `right` and `output` may start anywhere
/// in their buffers, overlapping too.
pub(crate) struct Product<'a> {
    pub left: &'a Packed,
    /// Row of the left factor that belongs to the first output row; a multiple of [`ROWS`].
    pub first_row: usize,
    pub right: &'a [f32],
    /// Where each row of `right` starts, one for each column of `left`.
    pub right_rows: &'a [usize],
    /// The columns of `right`, in the order of the output's.
    pub pieces: &'a [Piece],
    pub output: &'a mut [f32],
    /// Where each row of `output` starts.
    pub output_rows: &'a [usize],
    /// Whether the product is added to what `output` holds.
    pub add: bool,
    pub finish: Option<Finish<'a>>,
    /// Room for packed panels.
    pub scratch: &'a mut Vec<f32>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            left,
            first_row,
            right,
            right_rows,
            pieces,
            output,
            output_rows,
            add,
            finish,
            scratch,
        } = self;
        let width = VECTORS * S::F32_LANES;
        let panels = Panel::cut::<S>(pieces);
        scratch.resize(DEPTH * COLUMNS + S::F32_LANES, 0.0);
        for (block, panels) in panels.chunks(COLUMNS / width).enumerate() {
            for start in (0..left.depth).step_by(DEPTH) {
                let end = left.depth.min(start + DEPTH);
                let finish = if end == left.depth { finish } else { None };
                let rows = &right_rows[start..end];
                let size = width * rows.len();
                for (i, panel) in panels.iter().enumerate() {
                    pack::<S>(right, rows, &panel.copies, &mut scratch[i * size..]);
                }
                for (i, panel) in panels.iter().enumerate() {
                    let column = block * COLUMNS + i * width;
                    let packed = &scratch[i * size..][..size];
                    let packed = S::as_simd_f32s(packed).0.as_chunks().0;
                    for (i, rows) in output_rows.chunks(ROWS).enumerate() {
                        let left = left.panel(first_row / ROWS + i, start, end);
                        let tile = tile(simd, left, packed);
                        let first = first_row + i * ROWS;
                        for (r, (row, sums)) in rows.iter().zip(tile).enumerate() {
                            let output = &mut output[row + column..][..panel.width];
                            let last = match finish {
                                Some(Finish { shift, slope }) => Some(Last {
                                    shift: simd.splat_f32s(shift[first + r]),
                                    slope: simd.splat_f32s(slope[first + r]),
                                }),
                                None => None,
                            };
                            put(simd, output, sums, add || start > 0, last);
                        }
                    }
                }
            }
        }
    }
}

/// Some columns of the right factor that are packed side by side, [`VECTORS`] vectors or fewer.
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
        let full = VECTORS * S::F32_LANES;
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
fn pack<S: Simd>(right: &[f32], rows: &[usize], copies: &[Copied], packed: &mut [f32]) {
    let width = VECTORS * S::F32_LANES;
    for (i, row) in rows.iter().enumerate() {
        for copy in copies {
            let to = &mut packed[i * width + copy.to..][..S::F32_LANES];
            let from = &right[row + copy.from..];
            if from.len() >= S::F32_LANES {
                // Whole vectors: a copy of unknown length would be a call.
                S::as_mut_simd_f32s(to).0[0] = S::as_simd_f32s(from).0[0];
            } else {
                to[..from.len()].copy_from_slice(from);
            }
        }
    }
}

/// A tile of the product over all columns of `left` and rows of `right`.
#[inline(always)]
fn tile<S: Simd>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[[S::f32s; VECTORS]],
) -> [[S::f32s; VECTORS]; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (left, right) in left.iter().zip(right) {
        for i in 0..ROWS {
            let factor = simd.splat_f32s(left[i]);
            for j in 0..VECTORS {
                sums[i][j] = simd.mul_add_e_f32s(factor, right[j], sums[i][j]);
            }
        }
    }
    sums
}

/// [`Finish`] of one row, in all lanes.
#[derive(Clone, Copy)]
pub(crate) struct Last<V> {
    pub shift: V,
    pub slope: V,
}

impl Last<f32> {
    /// The finished number.
    #[inline(always)]
    pub fn of_one(self, sum: f32) -> f32 {
        let x = sum + self.shift;
        if x > 0.0 { x } else { self.slope * x }
    }
}

impl<V: Copy> Last<V> {
    /// The finished numbers.
    #[inline(always)]
    pub fn of<S: Simd<f32s = V>>(self, simd: S, sums: V) -> V {
        let x = simd.add_f32s(sums, self.shift);
        let positive = simd.greater_than_f32s(x, simd.splat_f32s(0.0));
        simd.select_f32s(positive, x, simd.mul_f32s(self.slope, x))
    }
}

/// Writes a row of a tile to the output, which may be shorter, or adds it; then finishes it.
#[inline(always)]
pub(crate) fn put<S: Simd>(
    simd: S,
    output: &mut [f32],
    sums: [S::f32s; VECTORS],
    add: bool,
    last: Option<Last<S::f32s>>,
) {
    let whole = output.len() == VECTORS * S::F32_LANES;
    for (output, mut sums) in output.chunks_mut(S::F32_LANES).zip(sums) {
        if whole {
            let output = &mut S::as_mut_simd_f32s(output).0[0];
            if add {
                sums = simd.add_f32s(*output, sums);
            }
            if let Some(last) = last {
                sums = last.of(simd, sums);
            }
            *output = sums;
        } else {
            if add {
                sums = simd.add_f32s(simd.partial_load_f32s(output), sums);
            }
            if let Some(last) = last {
                sums = last.of(simd, sums);
            }
            simd.partial_store_f32s(output, sums);
        }
    }
}
