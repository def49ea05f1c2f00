//! Cosines of a block of rows with all queries.
//!
//! Few queries are multiplied with a row while it comes from memory, which is what takes the time. Many go as a product of matrices: queries
//! side by side in the lanes of vectors, a tile of rows by two vectors in registers.

use pulp::{Arch, Simd, WithSimd};

use crate::top::Top;
use crate::{Error, Neighbour, Result};

/// Up to so many queries are multiplied one after the other.
const FEW: usize = 3;
/// Rows of a tile, and vectors of queries: their sums fill three quarters of AVX2's registers.
const TILE_ROWS: usize = 6;
const TILE_VECTORS: usize = 2;
/// Rows that all queries meet before the next come from memory; a multiple of a tile's.
const ROWS: usize = 48;

/// Offers all of `rows` to the tops of all queries.
pub(crate) struct Scan<'a> {
    pub dim: usize,
    /// `[queries, dim]`, of length 1.
    pub queries: &'a [f32],
    /// `[rows, dim]`.
    pub rows: &'a [f32],
    /// Number of the first of them in the gallery.
    pub first_row: usize,
    /// One for each query.
    pub tops: &'a mut [Top],
}

/// # Errors
/// [`Error::NotFinite`].
pub(crate) fn run(scan: Scan) -> Result<()> {
    Arch::new().dispatch(scan)
}

impl WithSimd for Scan<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Result<()> {
        match self.tops.len() {
            0..=FEW => self.few(simd),
            _ => self.many(simd),
        }
    }
}

impl Scan<'_> {
    #[inline(always)]
    fn few<S: Simd>(self, simd: S) -> Result<()> {
        for (i, row) in self.rows.chunks_exact(self.dim).enumerate() {
            let number = self.first_row + i;
            let queries = self.queries.chunks_exact(self.dim);
            for (query, top) in queries.zip(&mut *self.tops) {
                let [product, square] = product_and_square(simd, query, row);
                top.offer(neighbour(number, product * scale(square, number)?));
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn many<S: Simd>(self, simd: S) -> Result<()> {
        let width = TILE_VECTORS * S::F32_LANES;
        let packed = pack(self.queries, self.dim, width);
        let panels = S::as_simd_f32s(&packed).0.as_chunks::<TILE_VECTORS>().0;
        let mut scales = [0.0; ROWS];
        for (block, rows) in self.rows.chunks(ROWS * self.dim).enumerate() {
            let first = self.first_row + block * ROWS;
            for (i, row) in rows.chunks_exact(self.dim).enumerate() {
                let [square, _] = product_and_square(simd, row, row);
                scales[i] = scale(square, first + i)?;
            }
            let panels = panels.chunks_exact(self.dim);
            for (panel, tops) in panels.zip(self.tops.chunks_mut(width)) {
                for (tile, rows) in rows.chunks(TILE_ROWS * self.dim).enumerate() {
                    let count = rows.len() / self.dim;
                    // A last tile of fewer rows has some twice.
                    let row = |i: usize| &rows[i.min(count - 1) * self.dim..][..self.dim];
                    let sums = multiply(simd, std::array::from_fn(row), panel);
                    for (i, sums) in sums.iter().take(count).enumerate() {
                        let at = tile * TILE_ROWS + i;
                        for (top, &sum) in tops.iter_mut().zip(lanes::<S>(sums)) {
                            top.offer(neighbour(first + at, sum * scales[at]));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

#[inline(always)]
fn neighbour(row: usize, cosine: f32) -> Neighbour {
    // A zero has no sign, so that it equals another.
    let cosine = cosine + 0.0;
    Neighbour { row, cosine }
}

/// What makes a product with a row the cosine: one by its length, or 0 where that is 0.
#[inline(always)]
fn scale(square: f32, row: usize) -> Result<f32> {
    if !square.is_finite() {
        let what = "row";
        return Err(Error::NotFinite { what, row });
    }
    Ok(match square > 0.0 {
        true => square.sqrt().recip(),
        false => 0.0,
    })
}

/// The product of a query with a row, and the row's with itself. Four sums of each, so that additions need not wait for each other.
#[inline(always)]
fn product_and_square<S: Simd>(simd: S, query: &[f32], row: &[f32]) -> [f32; 2] {
    let (query, query_rest) = S::as_simd_f32s(query);
    let (row, row_rest) = S::as_simd_f32s(row);
    let (query, query_last) = query.as_chunks::<4>();
    let (row, row_last) = row.as_chunks::<4>();
    let mut products = [simd.splat_f32s(0.0); 4];
    let mut squares = products;
    for (query, row) in query.iter().zip(row) {
        for i in 0..4 {
            products[i] = simd.mul_add_e_f32s(query[i], row[i], products[i]);
            squares[i] = simd.mul_add_e_f32s(row[i], row[i], squares[i]);
        }
    }
    for (&query, &row) in query_last.iter().zip(row_last) {
        products[0] = simd.mul_add_e_f32s(query, row, products[0]);
        squares[0] = simd.mul_add_e_f32s(row, row, squares[0]);
    }
    let query = simd.partial_load_f32s(query_rest);
    let row = simd.partial_load_f32s(row_rest);
    products[1] = simd.mul_add_e_f32s(query, row, products[1]);
    squares[1] = simd.mul_add_e_f32s(row, row, squares[1]);
    [sum(simd, products), sum(simd, squares)]
}

#[inline(always)]
fn sum<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> f32 {
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}

/// `[panels, dim, width]`: queries side by side, zeros in the place of those that the last panel lacks.
fn pack(queries: &[f32], dim: usize, width: usize) -> Vec<f32> {
    let count = queries.len() / dim;
    let mut packed = vec![0.0; count.div_ceil(width) * dim * width];
    for (i, query) in queries.chunks_exact(dim).enumerate() {
        let panel = &mut packed[i / width * dim * width..][..dim * width];
        for (to, &value) in panel.chunks_exact_mut(width).zip(query) {
            to[i % width] = value;
        }
    }
    packed
}

/// The products of a tile's rows with a panel's queries.
#[inline(always)]
fn multiply<S: Simd>(
    simd: S,
    rows: [&[f32]; TILE_ROWS],
    panel: &[[S::f32s; TILE_VECTORS]],
) -> [[S::f32s; TILE_VECTORS]; TILE_ROWS] {
    let rows = rows.map(|row| &row[..panel.len()]);
    let mut sums = [[simd.splat_f32s(0.0); TILE_VECTORS]; TILE_ROWS];
    for (k, queries) in panel.iter().enumerate() {
        for i in 0..TILE_ROWS {
            let value = simd.splat_f32s(rows[i][k]);
            for j in 0..TILE_VECTORS {
                sums[i][j] = simd.mul_add_e_f32s(value, queries[j], sums[i][j]);
            }
        }
    }
    sums
}

/// The numbers of a row of sums.
#[inline(always)]
fn lanes<S: Simd>(sums: &[S::f32s; TILE_VECTORS]) -> &[f32] {
    pulp::bytemuck::cast_slice(sums)
}
