//! How threads share the output of a convolution.

use super::tile::MR;

/// Some images, or some channels of one.
pub(super) struct Task<'a> {
    pub image: usize,
    pub images: usize,
    pub channel: usize,
    pub channels: usize,
    pub values: &'a mut [f32],
}

/// Tasks of so many images at once, or of fewer channels where the batch does not keep the threads busy.
pub(super) fn tasks(
    values: &mut [f32],
    together: usize,
    channels: usize,
    pixels: usize,
) -> Vec<Task<'_>> {
    let threads = rayon::current_num_threads();
    let batch = values.len() / (channels * pixels);
    let block = if together > 1 || batch >= 2 * threads {
        channels
    } else {
        channels.div_ceil(threads).next_multiple_of(MR)
    };
    let groups = values.chunks_mut(together * channels * pixels).enumerate();
    groups
        .flat_map(|(group, values)| {
            let images = values.len() / (channels * pixels);
            let blocks = values.chunks_mut(images * block * pixels).enumerate();
            blocks.map(move |(i, values)| Task {
                image: group * together,
                images,
                channel: i * block,
                channels: values.len() / (images * pixels),
                values,
            })
        })
        .collect()
}
