use ffc_data::{RecordIo, WebDataset, Zip};

use crate::read_all::index_and_read;
use crate::scratch;

/// A zip archive of pictures.
pub fn zip(bytes: &[u8]) -> bool {
    Zip::open(&scratch::file("set.zip", bytes))
        .is_ok_and(|source| index_and_read(Box::new(source), false))
}

/// A tar shard.
pub fn tar(bytes: &[u8]) -> bool {
    WebDataset::open(&scratch::file("set.tar", bytes))
        .is_ok_and(|source| index_and_read(Box::new(source), false))
}

/// MXNet's records. The first two bytes are the length of the list of places, which follows; the lowest bit of the third says whether gaps
/// between labels are closed.
pub fn record_io(bytes: &[u8]) -> bool {
    let Some((&[low, high, switches], rest)) = bytes.split_first_chunk() else {
        return false;
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    let (places, records) = rest.split_at(length.min(rest.len()));
    scratch::file("set.idx", places);
    RecordIo::open(&scratch::file("set.rec", records))
        .is_ok_and(|source| index_and_read(Box::new(source), switches & 1 == 1))
}
