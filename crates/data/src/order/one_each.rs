use crate::index::Index;
use crate::permutation::Permutation;
use crate::purpose::Purpose;

/// One image of each of `count` different identities, or of all where there are fewer, in random order. Drawn apart from
/// the loaders' orders: not what the first steps have. Takes memory for `count` numbers.
pub fn draw_one_each(index: &Index, count: u64, seed: u64) -> Vec<u64> {
    let count = count.min(index.identities());
    let order = Permutation::new(index.identities(), seed, Purpose::OneEachIdentity, 0);
    let draw = |position| {
        let images = index.images_of(order.at(position));
        let mut rng = Purpose::OneEachImage.key(seed, 0).rng(position);
        images.start + rng.below(images.end - images.start)
    };
    (0..count).map(draw).collect()
}
