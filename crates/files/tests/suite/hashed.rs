use std::io::Write;

use ffc_files::Hashed;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

proptest! {
    /// In whatever pieces it comes, the sum is that of the whole.
    #[test]
    fn pieces_sum_to_the_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..9)) {
        let mut writer = Hashed::new(Vec::new());
        for piece in &pieces {
            writer.write_all(piece).unwrap();
        }
        let whole = pieces.concat();
        prop_assert_eq!(writer.bytes(), whole.len() as u64);
        prop_assert_eq!(writer.xxh3(), xxh3_64(&whole));
        prop_assert_eq!(writer.into_inner(), whole);
    }
}

/// What the writer below did not take does not count.
#[test]
fn only_what_was_written_counts() {
    let mut place = [0; 5];
    let mut writer = Hashed::new(&mut place[..]);
    assert_eq!(writer.write(b"too long").unwrap(), 5);
    assert_eq!((writer.bytes(), writer.xxh3()), (5, xxh3_64(b"too l")));
    writer.write_all(b"more").unwrap_err();
    assert_eq!((writer.bytes(), writer.xxh3()), (5, xxh3_64(b"too l")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut writer = Hashed::new(full);
    let error = writer.write_all(b"bytes").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!((writer.bytes(), writer.xxh3()), (0, xxh3_64(b"")));
}
