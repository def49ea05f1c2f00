use crate::index::Index;
use crate::purpose::Purpose;

/// One image of each of `count` different identities, or of all where there are fewer, in random order. Drawn apart from
/// the loaders' orders: not what the first steps have. Takes memory for `count` identities.
pub fn draw_one_each(index: &Index, count: u64, seed: u64) -> Vec<u64> {
    let mut rng = Purpose::OneEach.key(seed, 0).rng(0);
    let identities = rng.distinct(count as usize, index.identities());
    let draw = |identity| {
        let images = index.images_of(identity);
        images.start + rng.below(images.end - images.start)
    };
    identities.into_iter().map(draw).collect()
}
