//! Convolutions with a 3x3 kernel of stride 1 by Winograd's minimal filtering F(2x2, 3x3)
//! ([Lavin and Gray](https://arxiv.org/abs/1509.09308), section 4.1): 16 products in place of 36 for four pixels of the output.
//!
//! A tile of 4x4 pixels of the input makes 2x2 of the output: `Y = A' [sum over inputs of (G g G') (B' d B)] A`. Tiles are
//! the output of a 4x4 window of stride 2, so an [`Im2col`] of that window has each number of all tiles in one run.

mod from_tiles;
mod to_tiles;
mod weight_gradient;

use std::ops::Range;

use ffc_simd::multiversion;
use pulp::{Arch, Simd};
use rayon::prelude::*;

use self::from_tiles::FromTiles;
use self::to_tiles::ToTiles;
use super::conv_geometry::ConvGeometry;
use super::epilogue::Epilogue;
use super::fusion::Fusion;
use super::gemm::{Gemm, Piece};
use super::im2col::Im2col;
use super::packed_lhs::PackedLhs;
use super::tasks::{Task, tasks};
use super::tile::MR;
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
        let mut matrices: Vec<PackedLhs> = (0..TILE)
            .map(|_| PackedLhs::zeros([outputs, inputs]))
            .collect();
        // The same panel of all matrices.
        let mut panels: Vec<Vec<&mut [[f32; MR]]>> = Vec::new();
        panels.resize_with(outputs.div_ceil(MR), || Vec::with_capacity(TILE));
        for matrix in &mut matrices {
            for (panels, panel) in panels.iter_mut().zip(matrix.panels_mut()) {
                panels.push(panel);
            }
        }
        let panels = panels.into_par_iter().enumerate();
        panels.for_each(|(panel, mut matrices)| {
            // The last row again where there are fewer; what comes of it is not read.
            let rows: [usize; MR] = std::array::from_fn(|i| (panel * MR + i).min(outputs - 1));
            let factors = rows.map(|row| fusion.map_or(1.0, |fusion| fusion.after.scale[row]));
            let kernels = rows.map(|row| weight[row * 9 * inputs..][..9 * inputs].as_chunks().0);
            multiversion(
                #[inline(always)]
                || transform_kernels(kernels, factors, &mut matrices),
            );
        });
        matrices
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

/// `G g G'` of the kernels of some rows, times a factor: a column of each matrix for each input.
#[inline(always)]
fn transform_kernels(
    kernels: [&[[f32; 9]]; MR],
    factors: [f32; MR],
    matrices: &mut [&mut [[f32; MR]]],
) {
    for input in 0..kernels[0].len() {
        let mut taps = [[0.0; MR]; 9];
        for row in 0..MR {
            for tap in 0..9 {
                taps[tap][row] = factors[row] * kernels[row][input][tap];
            }
        }
        let [a, b, c] = [0, 1, 2].map(|x| line([taps[x], taps[3 + x], taps[6 + x]]));
        for y in 0..4 {
            for (x, column) in line([a[y], b[y], c[y]]).into_iter().enumerate() {
                matrices[4 * y + x][input] = column;
            }
        }
    }
}

/// `G` times three numbers, of each row.
#[inline(always)]
fn line([a, b, c]: [[f32; MR]; 3]) -> [[f32; MR]; 4] {
    let mut lines = [a, [0.0; MR], [0.0; MR], c];
    for row in 0..MR {
        let (ends, middle) = (0.5 * (a[row] + c[row]), 0.5 * b[row]);
        lines[1][row] = ends + middle;
        lines[2][row] = ends - middle;
    }
    lines
}

/// The first vectors of a run. Slices of the same length let the compiler leave out checks of each access.
#[inline(always)]
fn vectors<S: Simd>(values: &[f32], count: usize) -> &[S::f32s] {
    &S::as_simd_f32s(values).0[..count]
}
