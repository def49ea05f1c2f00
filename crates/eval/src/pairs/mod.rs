//! Pairs of images for verification.

mod file;
mod lists;
mod random;

pub use self::file::{ImageName, NamedPair, PairsFile};
pub(crate) use self::lists::PairLists;
pub(crate) use self::random::check_count;
pub use self::random::random_pairs;

/// Two images of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The images.
    pub images: [u64; 2],
    /// Whether they show the same identity.
    pub same: bool,
}

impl Pair {
    /// The same for both orders of its images.
    fn unordered(&self) -> [u64; 2] {
        let [a, b] = self.images;
        [a.min(b), a.max(b)]
    }
}
