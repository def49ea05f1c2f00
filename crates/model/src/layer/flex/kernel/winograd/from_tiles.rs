use pulp::{Simd, WithSimd};

use super::{TILE, vectors};
use crate::layer::flex::kernel::epilogue::{Epilogue, RowEpilogue};

/// `A' m A` of all tiles in some rows, finished and written.
pub(super) struct FromTiles<'a> {
    pub(super) channels: usize,
    pub(super) images: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// `[TILE, channels, stride]`, a matrix every `matrix` numbers: rows of all images one after the other.
    pub(super) products: &'a [f32],
    pub(super) stride: usize,
    pub(super) matrix: usize,
    /// First row of tiles, of so many in an image.
    pub(super) row: usize,
    pub(super) tile_rows: usize,
    pub(super) first_channel: usize,
    pub(super) epilogue: Option<Epilogue<'a>>,
    pub(super) add: bool,
    /// `[images, channels, height, width]`.
    pub(super) output: &'a mut [f32],
}

impl WithSimd for FromTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            channels,
            images,
            rows,
            columns,
            products,
            stride,
            matrix,
            row: first_row,
            tile_rows,
            first_channel,
            epilogue,
            add,
            output,
        } = self;
        let width = 2 * columns;
        let pixels = width * 2 * tile_rows;
        // Even and odd pixels of the upper and the lower row of each tile.
        let tiles = images * rows * columns;
        let count = tiles.div_ceil(S::F32_LANES);
        let length = count * S::F32_LANES;
        let mut lines = vec![0.0; 4 * length];
        for channel in 0..channels {
            let mut from = [&[][..]; TILE];
            for (from, products) in from.iter_mut().zip(products.chunks_exact(matrix)) {
                *from = vectors::<S>(&products[channel * stride..], count);
            }
            let mut to: [&mut [S::f32s]; 4] = Default::default();
            for (to, line) in to.iter_mut().zip(lines.chunks_exact_mut(length)) {
                *to = &mut S::as_mut_simd_f32s(line).0[..count];
            }
            for j in 0..count {
                let mut t = [simd.splat_f32s(0.0); 8];
                for x in 0..4 {
                    let [a, b, c, e] =
                        [from[x][j], from[4 + x][j], from[8 + x][j], from[12 + x][j]];
                    t[x] = simd.add_f32s(simd.add_f32s(a, b), c);
                    t[4 + x] = simd.sub_f32s(simd.sub_f32s(b, c), e);
                }
                for y in 0..2 {
                    let [a, b, c, e] = [t[4 * y], t[4 * y + 1], t[4 * y + 2], t[4 * y + 3]];
                    to[2 * y][j] = simd.add_f32s(simd.add_f32s(a, b), c);
                    to[2 * y + 1][j] = simd.sub_f32s(simd.sub_f32s(b, c), e);
                }
            }

            let epilogue = match epilogue {
                Some(Epilogue { shift, slope }) => RowEpilogue {
                    shift: shift[first_channel + channel],
                    slope: slope[first_channel + channel],
                },
                None => RowEpilogue {
                    shift: 0.0,
                    slope: 1.0,
                },
            };
            for tile_row in 0..images * rows {
                let (image, row) = (tile_row / rows, first_row + tile_row % rows);
                let to = (image * channels + channel) * pixels + 2 * row * width;
                let to = output[to..][..2 * width].chunks_exact_mut(width);
                for (to, lines) in to.zip(lines.chunks_exact(2 * length)) {
                    let (even, odd) = lines.split_at(length);
                    let [even, odd] =
                        [even, odd].map(|line| &line[tile_row * columns..][..columns]);
                    let pixels = even.iter().zip(odd);
                    for (to, (even, odd)) in to.as_chunks_mut::<2>().0.iter_mut().zip(pixels) {
                        let start = if add { *to } else { [0.0; 2] };
                        *to = [
                            epilogue.apply_to_one(start[0] + even),
                            epilogue.apply_to_one(start[1] + odd),
                        ];
                    }
                }
            }
        }
    }
}
