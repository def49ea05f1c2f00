use pulp::{Simd, WithSimd};

use super::{TILE, vectors};
use crate::layer::flex::kernel::im2col::Im2col;

/// `B' d B` of all tiles in some rows.
pub(super) struct ToTiles<'a> {
    pub(super) im2col: Im2col,
    pub(super) channels: usize,
    pub(super) images: usize,
    /// `[images, channels, plane]`, laid out.
    pub(super) planes: &'a [f32],
    /// First row of tiles, and the length of a run over all rows.
    pub(super) row: usize,
    pub(super) run: usize,
    /// `[TILE, channels, stride]`, a matrix every `matrix` numbers: runs of all images one after the other. What is written beyond
    /// a run is overwritten by the next image's or lies in the padding at the row's end.
    pub(super) stride: usize,
    pub(super) matrix: usize,
    pub(super) tiles: &'a mut [f32],
}

impl WithSimd for ToTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            im2col,
            channels,
            images,
            planes,
            row,
            run,
            stride,
            matrix,
            tiles,
        } = self;
        let count = run.div_ceil(S::F32_LANES);
        let mut taps = [0; TILE];
        for (to, tap) in taps.iter_mut().zip(im2col.taps()) {
            *to = tap + row * im2col.pitch();
        }
        let mut matrices: [&mut [f32]; TILE] = Default::default();
        for (to, tiles) in matrices.iter_mut().zip(tiles.chunks_exact_mut(matrix)) {
            *to = tiles;
        }
        for channel in 0..channels {
            for image in 0..images {
                let plane = &planes[(image * channels + channel) * im2col.plane()..];
                let mut from = [&[][..]; TILE];
                for (from, tap) in from.iter_mut().zip(taps) {
                    *from = vectors::<S>(&plane[tap..], count);
                }
                let start = channel * stride + image * run;
                let mut to: [&mut [S::f32s]; TILE] = Default::default();
                for (to, tiles) in to.iter_mut().zip(&mut matrices) {
                    *to = &mut S::as_mut_simd_f32s(&mut tiles[start..]).0[..count];
                }
                for j in 0..count {
                    let mut d = [simd.splat_f32s(0.0); TILE];
                    for i in 0..TILE {
                        d[i] = from[i][j];
                    }
                    for x in 0..4 {
                        let [a, b, c, e] = [d[x], d[4 + x], d[8 + x], d[12 + x]];
                        d[x] = simd.sub_f32s(a, c);
                        d[4 + x] = simd.add_f32s(b, c);
                        d[8 + x] = simd.sub_f32s(c, b);
                        d[12 + x] = simd.sub_f32s(b, e);
                    }
                    for y in 0..4 {
                        let [a, b, c, e] = [d[4 * y], d[4 * y + 1], d[4 * y + 2], d[4 * y + 3]];
                        to[4 * y][j] = simd.sub_f32s(a, c);
                        to[4 * y + 1][j] = simd.add_f32s(b, c);
                        to[4 * y + 2][j] = simd.sub_f32s(c, b);
                        to[4 * y + 3][j] = simd.sub_f32s(b, e);
                    }
                }
            }
        }
    }
}
