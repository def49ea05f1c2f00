//! Resizing by area, as PyTorch's adaptive average pooling does it.

use std::ops::Range;

use crate::picture::Picture;

/// A part of a picture that is resized.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The pixels that number `number` of `target` ones is the mean of, among `source` ones.
fn covered(number: usize, source: usize, target: usize) -> Range<usize> {
    number * source / target..((number + 1) * source).div_ceil(target)
}

/// Appends `rows` of the region resized to `width` x `height` to `values`, channel by channel, as the networks take them:
/// (v - 127.5) / 128.
pub(super) fn resize(
    picture: Picture<'_>,
    region: Region,
    [width, height]: [usize; 2],
    rows: Range<usize>,
    values: &mut Vec<f32>,
) {
    let begin = values.len();
    let plane = rows.len() * width;
    values.resize(begin + 3 * plane, 0.0);
    let columns: Vec<Range<usize>> = (0..width)
        .map(|column| covered(column, region.width, width))
        .collect();
    // Sums of columns over the rows of the picture that a row stands for.
    let mut sums = vec![0_u32; 3 * region.width];
    for (number, row) in rows.enumerate() {
        let covered_rows = covered(row, region.height, height);
        let count = covered_rows.len();
        sums.fill(0);
        for from in covered_rows {
            let bytes = &picture.row(region.top + from)[3 * region.left..][..3 * region.width];
            for (sum, &byte) in sums.iter_mut().zip(bytes) {
                *sum += u32::from(byte);
            }
        }
        let [red, green, blue] = [0, 1, 2].map(|channel| begin + channel * plane + number * width);
        for (column, covered) in columns.iter().enumerate() {
            let pixels = (count * covered.len()) as f32;
            let mut sum = [0; 3];
            for pixel in sums[3 * covered.start..3 * covered.end].as_chunks::<3>().0 {
                (0..3).for_each(|channel| sum[channel] += pixel[channel]);
            }
            for (at, sum) in [red, green, blue].into_iter().zip(sum) {
                values[at + column] = (sum as f32 / pixels - 127.5) / 128.0;
            }
        }
    }
}
