use pulp::{Simd, WithSimd};

/// Rows of the left factor in a tile of accumulators. Twelve accumulators fit the 16 registers of AVX2.
const LEFT: usize = 3;
/// Rows of the right factor in a tile.
const RIGHT: usize = 4;

/// `output[a][b] += sum over images and j of left[a][j] right[b][j]`: inner products of runs.
pub(super) struct Inner<'a> {
    /// One row of images; the buffer of image `i` starts at `i * stride`.
    pub left: &'a [f32],
    pub left_stride: usize,
    /// Where each row of the left factor starts in an image.
    pub left_rows: &'a [usize],
    pub right: &'a [f32],
    pub right_stride: usize,
    /// Where each row of the right factor starts in an image.
    pub right_rows: &'a [usize],
    pub images: std::ops::Range<usize>,
    /// Length of the rows.
    pub columns: usize,
    /// `[left_rows, right_rows]`.
    pub output: &'a mut [f32],
}

impl WithSimd for Inner<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.right_rows.len();
        let tall = self.left_rows.chunks(LEFT);
        for (left_rows, output) in tall.zip(self.output.chunks_mut(LEFT * width)) {
            for (i, right_rows) in self.right_rows.chunks(RIGHT).enumerate() {
                let mut sums = [[simd.splat_f32s(0.0); RIGHT]; LEFT];
                for image in self.images.clone() {
                    let left = &self.left[image * self.left_stride..];
                    let right = &self.right[image * self.right_stride..];
                    let left = runs::<LEFT>(left, left_rows, self.columns);
                    let right = runs::<RIGHT>(right, right_rows, self.columns);
                    tile(simd, left, right, &mut sums);
                }
                for (output, sums) in output.chunks_exact_mut(width).zip(sums) {
                    for (output, sum) in output[i * RIGHT..].iter_mut().zip(sums) {
                        *output += simd.reduce_sum_f32s(sum);
                    }
                }
            }
        }
    }
}

/// The runs at `rows`; the last one again where there are fewer than `N`.
#[inline(always)]
fn runs<'a, const N: usize>(values: &'a [f32], rows: &[usize], columns: usize) -> [&'a [f32]; N] {
    std::array::from_fn(|i| &values[rows[i.min(rows.len() - 1)]..][..columns])
}

/// Adds the inner products, lane by lane.
#[inline(always)]
fn tile<S: Simd>(
    simd: S,
    left: [&[f32]; LEFT],
    right: [&[f32]; RIGHT],
    sums: &mut [[S::f32s; RIGHT]; LEFT],
) {
    let length = left[0].len() / S::F32_LANES;
    let left_vectors = left.map(|run| &S::as_simd_f32s(run).0[..length]);
    let right_vectors = right.map(|run| &S::as_simd_f32s(run).0[..length]);
    for j in 0..length {
        let right = right_vectors.map(|run| run[j]);
        for a in 0..LEFT {
            let left = left_vectors[a][j];
            for b in 0..RIGHT {
                sums[a][b] = simd.mul_add_e_f32s(left, right[b], sums[a][b]);
            }
        }
    }
    if !left[0].len().is_multiple_of(S::F32_LANES) {
        let rest = length * S::F32_LANES;
        let right = right.map(|run| simd.partial_load_f32s(&run[rest..]));
        for a in 0..LEFT {
            let left = simd.partial_load_f32s(&left[a][rest..]);
            for b in 0..RIGHT {
                sums[a][b] = simd.mul_add_e_f32s(left, right[b], sums[a][b]);
            }
        }
    }
}
