use pulp::{Simd, WithSimd};

use super::gemm::{DEPTH, ROWS, VECTORS, put};

/// `output[a][b] += sum over images and j of left[a][j] right[j][b]`, where rows of `left` are runs that may start
/// anywhere: a product whose left factor is read where it lies.
pub(crate) struct Inner<'a> {
    /// Image `i` starts at `i * left_stride`.
    pub left: &'a [f32],
    pub left_stride: usize,
    /// Where each row of the left factor starts in an image.
    pub left_rows: &'a [usize],
    /// `[images, columns, width]`.
    pub right: &'a [f32],
    pub width: usize,
    pub images: usize,
    /// Length of the runs.
    pub columns: usize,
    /// `[left_rows, width]`.
    pub output: &'a mut [f32],
}

impl WithSimd for Inner<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            left,
            left_stride,
            left_rows,
            right,
            width,
            images,
            columns,
            output,
        } = self;
        let panel = VECTORS * S::F32_LANES;
        let mut scratch = vec![0.0; DEPTH.max(columns) * panel];
        // Whole images, however large.
        let together = (DEPTH / columns).max(1);
        for first in (0..images).step_by(together) {
            let images = first..images.min(first + together);
            let right = &right[images.start * columns * width..images.end * columns * width];
            for column in (0..width).step_by(panel) {
                let end = width.min(column + panel);
                for (to, from) in scratch
                    .chunks_exact_mut(panel)
                    .zip(right.chunks_exact(width))
                {
                    to[..end - column].copy_from_slice(&from[column..end]);
                }
                let packed = S::as_simd_f32s(&scratch).0.as_chunks().0;
                let outputs = output.chunks_mut(ROWS * width);
                for (rows, output) in left_rows.chunks(ROWS).zip(outputs) {
                    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                    for (image, packed) in images.clone().zip(packed.chunks_exact(columns)) {
                        let mut runs = [&[][..]; ROWS];
                        for (i, run) in runs.iter_mut().enumerate() {
                            // The last row again where there are fewer.
                            let row = rows[i.min(rows.len() - 1)];
                            *run = &left[image * left_stride + row..][..columns];
                        }
                        tile(simd, runs, packed, &mut sums);
                    }
                    for (output, sums) in output.chunks_exact_mut(width).zip(sums) {
                        put(simd, &mut output[column..end], sums, true, None);
                    }
                }
            }
        }
    }
}

/// Adds the product of one image to a tile.
#[inline(always)]
fn tile<S: Simd>(
    simd: S,
    left: [&[f32]; ROWS],
    right: &[[S::f32s; VECTORS]],
    sums: &mut [[S::f32s; VECTORS]; ROWS],
) {
    let columns = right.len();
    let mut rows = [&[][..]; ROWS];
    for i in 0..ROWS {
        rows[i] = &left[i][..columns];
    }
    let mut tile = *sums;
    for j in 0..columns {
        for i in 0..ROWS {
            let factor = simd.splat_f32s(rows[i][j]);
            for k in 0..VECTORS {
                tile[i][k] = simd.mul_add_e_f32s(factor, right[j][k], tile[i][k]);
            }
        }
    }
    *sums = tile;
}
