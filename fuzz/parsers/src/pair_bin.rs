use ffc_data::{Dataset, PairBin};

use crate::read_all::read;
use crate::scratch;

/// insightface's `.bin` of pairs: a pickle of pictures and labels.
pub fn pair_bin(bytes: &[u8]) -> bool {
    PairBin::open(&scratch::file("pairs.bin", bytes))
        .is_ok_and(|bin| read(&Dataset::pairs(bin).expect("an index of what was read")))
}
