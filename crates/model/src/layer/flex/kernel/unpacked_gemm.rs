use pulp::{Simd, WithSimd};

use super::tile::{KC, MR, NR_VECTORS, store};

/// `output[a][b] += sum over images and j of lhs[a][j] rhs[j][b]`, where rows of `lhs` are runs that may start
/// anywhere: a product whose left factor is read where it lies.
pub(super) struct UnpackedGemm<'a> {
    /// Image `i` starts at `i * lhs_stride`.
    pub lhs: &'a [f32],
    pub lhs_stride: usize,
    /// Where each row of the left factor starts in an image.
    pub lhs_rows: &'a [usize],
    /// `[images, columns, width]`.
    pub rhs: &'a [f32],
    pub width: usize,
    pub images: usize,
    /// Length of the runs.
    pub columns: usize,
    /// `[lhs_rows, width]`.
    pub output: &'a mut [f32],
}

impl WithSimd for UnpackedGemm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            lhs,
            lhs_stride,
            lhs_rows,
            rhs,
            width,
            images,
            columns,
            output,
        } = self;
        let panel = NR_VECTORS * S::F32_LANES;
        let mut scratch = vec![0.0; KC.max(columns) * panel];
        // Whole images, however large.
        let together = (KC / columns).max(1);
        for first in (0..images).step_by(together) {
            let images = first..images.min(first + together);
            let rhs = &rhs[images.start * columns * width..images.end * columns * width];
            for column in (0..width).step_by(panel) {
                let end = width.min(column + panel);
                for (to, from) in scratch.chunks_exact_mut(panel).zip(rhs.chunks_exact(width)) {
                    to[..end - column].copy_from_slice(&from[column..end]);
                }
                let packed = S::as_simd_f32s(&scratch).0.as_chunks().0;
                let outputs = output.chunks_mut(MR * width);
                for (rows, output) in lhs_rows.chunks(MR).zip(outputs) {
                    let mut sums = [[simd.splat_f32s(0.0); NR_VECTORS]; MR];
                    for (image, packed) in images.clone().zip(packed.chunks_exact(columns)) {
                        let mut runs = [&[][..]; MR];
                        for (i, run) in runs.iter_mut().enumerate() {
                            // The last row again where there are fewer.
                            let row = rows[i.min(rows.len() - 1)];
                            *run = &lhs[image * lhs_stride + row..][..columns];
                        }
                        micro_kernel(simd, runs, packed, &mut sums);
                    }
                    for (output, sums) in output.chunks_exact_mut(width).zip(sums) {
                        store(simd, &mut output[column..end], sums, true, None);
                    }
                }
            }
        }
    }
}

/// Adds the product of one image to a tile.
#[inline(always)]
pub(super) fn micro_kernel<S: Simd>(
    simd: S,
    lhs: [&[f32]; MR],
    rhs: &[[S::f32s; NR_VECTORS]],
    sums: &mut [[S::f32s; NR_VECTORS]; MR],
) {
    let columns = rhs.len();
    let mut rows = [&[][..]; MR];
    for i in 0..MR {
        rows[i] = &lhs[i][..columns];
    }
    let mut tile = *sums;
    for j in 0..columns {
        for i in 0..MR {
            let factor = simd.splat_f32s(rows[i][j]);
            for k in 0..NR_VECTORS {
                tile[i][k] = simd.mul_add_e_f32s(factor, rhs[j][k], tile[i][k]);
            }
        }
    }
    *sums = tile;
}
