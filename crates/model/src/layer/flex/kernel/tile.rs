//! The tile of sums that matrix products keep in registers, and the blocks that they work in, by the names of BLIS
//! ([Van Zee and van de Geijn](https://doi.org/10.1145/2764454)).

use pulp::Simd;

use super::epilogue::RowEpilogue;

/// Rows of the tile. With two vectors a row it fits the 16 registers of AVX2.
pub(super) const MR: usize = 6;
/// Vectors of a row of the tile.
pub(super) const NR_VECTORS: usize = 2;
/// Depth after which sums go to memory: a panel of the right factor stays in the first-level cache.
pub(super) const KC: usize = 256;
/// Columns of the right factor that are packed at once: they stay in the second-level cache. A multiple of every
/// panel's width.
pub(super) const NC: usize = 256;

/// Writes a row of a tile to the output, which may be shorter, or adds it; then finishes it.
#[inline(always)]
pub(super) fn store<S: Simd>(
    simd: S,
    output: &mut [f32],
    sums: [S::f32s; NR_VECTORS],
    add: bool,
    epilogue: Option<RowEpilogue<S::f32s>>,
) {
    let whole = output.len() == NR_VECTORS * S::F32_LANES;
    for (output, mut sums) in output.chunks_mut(S::F32_LANES).zip(sums) {
        if whole {
            let output = &mut S::as_mut_simd_f32s(output).0[0];
            if add {
                sums = simd.add_f32s(*output, sums);
            }
            if let Some(epilogue) = epilogue {
                sums = epilogue.apply(simd, sums);
            }
            *output = sums;
        } else {
            if add {
                sums = simd.add_f32s(simd.partial_load_f32s(output), sums);
            }
            if let Some(epilogue) = epilogue {
                sums = epilogue.apply(simd, sums);
            }
            simd.partial_store_f32s(output, sums);
        }
    }
}
