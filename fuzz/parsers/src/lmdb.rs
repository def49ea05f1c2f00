use std::path::Path;

use ffc_data::{Lmdb, LmdbPart};
use heed::types::Bytes;
use heed::{Database, EnvFlags, EnvOpenOptions, Error};

use crate::read_all::index_and_read;
use crate::scratch;

/// Room for a database, in bytes.
const MAP_BYTES: usize = 1 << 20;

/// The value of an LMDB database and the line of its list. The first byte is the length of the list, which follows; the rest is the value of
/// the key `0`.
pub fn lmdb(bytes: &[u8]) -> bool {
    let Some((&length, rest)) = bytes.split_first() else {
        return false;
    };
    let (list, value) = rest.split_at(usize::from(length).min(rest.len()));
    let database = scratch::path("set.lmdb");
    if value.len() > MAP_BYTES / 4 || write(&database, value).is_err() {
        return false;
    }
    let part = LmdbPart {
        database,
        list: scratch::file("set.txt", list),
        label_offset: None,
    };
    Lmdb::open(&[part]).is_ok_and(|source| index_and_read(Box::new(source), false))
}

/// A new database with one value.
fn write(path: &Path, value: &[u8]) -> Result<(), Error> {
    for name in [path.to_owned(), path.with_extension("lmdb-lock")] {
        if name.exists() {
            std::fs::remove_file(name)?;
        }
    }
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES);
    #[allow(unsafe_code)]
    // SAFETY: the file is this thread's own, and no other environment of it is open.
    let env = unsafe {
        options.flags(EnvFlags::NO_SUB_DIR | EnvFlags::NO_SYNC);
        options.open(path)?
    };
    let mut write = env.write_txn()?;
    let values: Database<Bytes, Bytes> = env.create_database(&mut write, None)?;
    values.put(&mut write, b"0", value)?;
    write.commit()?;
    env.prepare_for_closing().wait();
    Ok(())
}
