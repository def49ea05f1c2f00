//! Convolutions with a 3x3 kernel of stride 1 by Winograd's minimal filtering F(2x2, 3x3)
//! ([Lavin and Gray](https://arxiv.org/abs/1509.09308), section 4.1): 16 products in place of 36 for four pixels of the output.
//!
//! A tile of 4x4 pixels of the input makes 2x2 of the output: `Y = A' [sum over inputs of (G g G') (B' d B)] A`. Tiles are
//! the output of a 4x4 window of stride 2, so an [`Im2col`] of that window has each number of all tiles in one run.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::conv_geometry::ConvGeometry;
use super::epilogue::{Epilogue, RowEpilogue};
use super::fusion::Fusion;
use super::gemm::{Gemm, Piece};
use super::im2col::Im2col;
use super::packed_lhs::PackedLhs;
use super::tasks::{Task, tasks};
use super::workspace::{Borrowed, Workspace, lengthen};

/// Numbers of a tile of the input.
const TILE: usize = 16;
/// The lanes of the widest vectors.
const ALIGNMENT: usize = 16;
/// Between the matrices of two numbers of a tile, so that they do not fall into the same set of a cache.
const SHIFT: usize = 16;
/// Transformed numbers that a thread works on at a time; they shall stay in its caches.
const BLOCK: usize = 1 << 20;
/// Channels of input and output from which the transforms pay.
const CHANNELS: usize = 64;
/// Tiles from which transforming the weight pays. So the last bits of a picture's maps depend on how many others are with it.
const TILES: usize = 128;

/// A convolution over tiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Winograd {
    batch: usize,
    inputs: usize,
    outputs: usize,
    /// Its output pixels are the tiles.
    im2col: Im2col,
}

impl Winograd {
    /// None where it does not fit or not pay.
    pub fn of([batch, inputs, outputs]: [usize; 3], im2col: Im2col) -> Option<Self> {
        let geometry = im2col.geometry();
        let [height, width] = im2col.out();
        let fits = geometry.kernel == 3
            && geometry.stride == 1
            && inputs.min(outputs) >= CHANNELS
            && height.is_multiple_of(2)
            && width.is_multiple_of(2)
            && batch * height * width / 4 >= TILES;
        let geometry = ConvGeometry {
            kernel: 4,
            stride: 2,
            ..geometry
        };
        fits.then(|| Self {
            batch,
            inputs,
            outputs,
            im2col: im2col.with_geometry(geometry),
        })
    }

    /// See [`Conv2d::write`](super::conv2d::Conv2d::write).
    pub fn write(
        &self,
        input: &[f32],
        weight: &[f32],
        fusion: Option<&Fusion>,
        output: &mut [f32],
        add: bool,
    ) {
        let Self {
            batch,
            inputs,
            outputs,
            im2col,
        } = *self;
        let shared = Shared {
            weights: self.weights(weight, fusion),
            epilogue: fusion.map(Fusion::epilogue),
            add,
        };
        let [tile_rows, tile_columns] = im2col.out();
        let columns = BLOCK / (TILE * (inputs + outputs));
        let threads = rayon::current_num_threads();
        let together = (columns / im2col.out_pixels()).clamp(1, batch.div_ceil(threads));
        let rows_at_once = (columns / (together * tile_columns)).clamp(1, tile_rows);

        let room = together * inputs * im2col.plane() + im2col.slack() + ALIGNMENT;
        let tasks = tasks(output, together, outputs, 4 * im2col.out_pixels());
        let share = tasks.len() / (2 * threads);
        tasks
            .into_par_iter()
            .with_min_len(share.max(1))
            .for_each_init(
                || Borrowed::with_zeros(room),
                |workspace, mut task| {
                    let picture = inputs * im2col.pixels();
                    let pictures = &input[task.image * picture..][..task.images * picture];
                    let before = fusion.and_then(|fusion| fusion.before.as_ref());
                    im2col.lay_out_all(pictures, inputs, before, &mut workspace.zeros);
                    for row in (0..tile_rows).step_by(rows_at_once) {
                        let rows = row..tile_rows.min(row + rows_at_once);
                        self.block(&shared, rows, &mut task, workspace);
                    }
                },
            );
    }

    /// `G g G'`, a matrix `[outputs, inputs]` for each number of a tile.
    fn weights(&self, weight: &[f32], fusion: Option<&Fusion>) -> Vec<PackedLhs> {
        let Self {
            inputs, outputs, ..
        } = *self;
        let mut transformed = vec![0.0; outputs * TILE * inputs];
        transformed
            .par_chunks_exact_mut(TILE * inputs)
            .zip(weight.par_chunks_exact(9 * inputs))
            .for_each(|(to, from)| {
                for (input, kernel) in from.as_chunks::<9>().0.iter().enumerate() {
                    for (i, value) in kernel_transform(kernel).into_iter().enumerate() {
                        to[i * inputs + input] = value;
                    }
                }
            });
        (0..TILE)
            .map(|i| {
                let rows = &transformed[i * inputs..];
                PackedLhs::of_scaled_rows(rows, [outputs, inputs], TILE * inputs, |row| {
                    fusion.map_or(1.0, |fusion| fusion.after.scale[row])
                })
            })
            .collect()
    }

    /// Some rows of tiles of a task's images, which are laid out in the workspace.
    fn block(
        &self,
        shared: &Shared,
        rows: Range<usize>,
        task: &mut Task,
        workspace: &mut Workspace,
    ) {
        let Self { inputs, im2col, .. } = *self;
        let (row, rows) = (rows.start, rows.len());
        let [_, tile_columns] = im2col.out();
        let Workspace {
            zeros: planes,
            tiles,
            products,
            scratch,
        } = workspace;
        // With the junk between rows of tiles, then without.
        let run = rows * im2col.pitch();
        let stride = padded(task.images * run);
        let matrix = inputs * stride + SHIFT;
        lengthen(tiles, TILE * matrix);
        Arch::new().dispatch(ToTiles {
            im2col,
            channels: inputs,
            images: task.images,
            planes,
            row,
            run,
            stride,
            matrix,
            tiles,
        });

        let pieces: Vec<Piece> = (0..task.images * rows)
            .map(|row| Piece {
                start: row * im2col.pitch(),
                length: tile_columns,
            })
            .collect();
        let rhs_rows: Vec<usize> = (0..inputs).map(|input| input * stride).collect();
        let length = task.images * rows * tile_columns;
        let product_stride = padded(length);
        let product = task.channels * product_stride + SHIFT;
        lengthen(products, TILE * product);
        let output_rows: Vec<usize> = (0..task.channels)
            .map(|channel| channel * product_stride)
            .collect();
        let matrices = products.chunks_exact_mut(product);
        for ((i, lhs), output) in shared.weights.iter().enumerate().zip(matrices) {
            Arch::new().dispatch(Gemm {
                lhs,
                first_row: task.channel,
                rhs: &tiles[i * matrix..],
                rhs_rows: &rhs_rows,
                pieces: &pieces,
                output,
                output_rows: &output_rows,
                add: false,
                epilogue: None,
                scratch,
            });
        }

        Arch::new().dispatch(FromTiles {
            channels: task.channels,
            images: task.images,
            rows,
            columns: tile_columns,
            products,
            stride: product_stride,
            matrix: product,
            row,
            tile_rows: im2col.out()[0],
            first_channel: task.channel,
            epilogue: shared.epilogue,
            add: shared.add,
            output: task.values,
        });
    }
}

/// From a row of transformed numbers to the next: the last vector of a run fits, wherever it starts.
fn padded(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) + ALIGNMENT
}

/// What all blocks have in common.
struct Shared<'a> {
    /// Of each number of a tile.
    weights: Vec<PackedLhs>,
    epilogue: Option<Epilogue<'a>>,
    /// Whether the output is added to what is there.
    add: bool,
}

/// `G g G'`.
fn kernel_transform(kernel: &[f32; 9]) -> [f32; TILE] {
    let line = |[a, b, c]: [f32; 3]| {
        let (ends, middle) = (0.5 * (a + c), 0.5 * b);
        [a, ends + middle, ends - middle, c]
    };
    let columns = [0, 1, 2].map(|x| line([kernel[x], kernel[3 + x], kernel[6 + x]]));
    let mut transformed = [0.0; TILE];
    for y in 0..4 {
        let row = line([columns[0][y], columns[1][y], columns[2][y]]);
        transformed[4 * y..][..4].copy_from_slice(&row);
    }
    transformed
}

/// `B' d B` of all tiles in some rows.
struct ToTiles<'a> {
    im2col: Im2col,
    channels: usize,
    images: usize,
    /// `[images, channels, plane]`, laid out.
    planes: &'a [f32],
    /// First row of tiles, and the length of a run over all rows.
    row: usize,
    run: usize,
    /// `[TILE, channels, stride]`, a matrix every `matrix` numbers: runs of all images one after the other. What is written beyond
    /// a run is overwritten by the next image's or lies in the padding at the row's end.
    stride: usize,
    matrix: usize,
    tiles: &'a mut [f32],
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

/// The first vectors of a run. Slices of the same length let the compiler leave out checks of each access.
#[inline(always)]
fn vectors<S: Simd>(values: &[f32], count: usize) -> &[S::f32s] {
    &S::as_simd_f32s(values).0[..count]
}

/// `A' m A` of all tiles in some rows, finished and written.
struct FromTiles<'a> {
    channels: usize,
    images: usize,
    rows: usize,
    columns: usize,
    /// `[TILE, channels, stride]`, a matrix every `matrix` numbers: rows of all images one after the other.
    products: &'a [f32],
    stride: usize,
    matrix: usize,
    /// First row of tiles, of so many in an image.
    row: usize,
    tile_rows: usize,
    first_channel: usize,
    epilogue: Option<Epilogue<'a>>,
    add: bool,
    /// `[images, channels, height, width]`.
    output: &'a mut [f32],
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
