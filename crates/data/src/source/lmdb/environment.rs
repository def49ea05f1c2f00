use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, WithoutTls};

use crate::read_at::ReadAt;
use crate::{Error, Result};

/// Keys and values.
type Values = Database<Bytes, Bytes>;

/// An LMDB environment, shared by all that read it: LMDB forbids a process to open one twice.
#[derive(Debug)]
pub(super) struct Environment {
    env: Env<WithoutTls>,
    database: Option<Values>,
    records: u64,
    file: FileState,
    /// Behind the environment, so that it is dropped when that is closed.
    _entry: Entry,
}

/// What tells a data file from one that has taken its place.
#[derive(Debug, PartialEq, Eq)]
struct FileState {
    bytes: u64,
    changed: Option<SystemTime>,
}

/// Environments that are open or being closed, by the canonical paths of their data files.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<Environment>>> = Mutex::new(BTreeMap::new());
/// Told when one was closed.
static CLOSED: Condvar = Condvar::new();

/// A place among the open environments.
#[derive(Debug)]
struct Entry(PathBuf);

impl Drop for Entry {
    fn drop(&mut self) {
        OPEN.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
        CLOSED.notify_all();
    }
}

impl Environment {
    /// The environment at `path`, a folder or a file, whose data file is `data`. It is closed when its last user drops it.
    ///
    /// # Errors
    /// If it cannot be opened, is cut off, or is open and has changed since.
    pub(super) fn open(path: &Path, data: &Path) -> Result<Arc<Self>> {
        let opened = ReadAt::open(data)?;
        let file = FileState {
            bytes: opened.len(),
            changed: opened
                .file()
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok(),
        };
        let canonical = data.canonicalize().map_err(Error::io("open", data))?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match open.get(&canonical).map(Weak::upgrade) {
                None => break,
                Some(Some(environment)) if environment.file == file => return Ok(environment),
                Some(Some(_)) => {
                    let problem = "it was written to while this process has it open; start anew";
                    return Err(Error::format(data, problem));
                }
                // Its last user is just closing it.
                Some(None) => open = CLOSED.wait(open).unwrap_or_else(PoisonError::into_inner),
            }
        }
        if file.bytes == 0 {
            return Err(Error::format(data, "it is empty"));
        }
        let (env, database, records) = open_anew(path, data, file.bytes)?;
        let environment = Arc::new(Self {
            env,
            database,
            records,
            file,
            _entry: Entry(canonical.clone()),
        });
        open.insert(canonical, Arc::downgrade(&environment));
        Ok(environment)
    }

    /// Bytes of the data file.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file.bytes
    }

    /// Records of its main database.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Hands the first record's key and value to `read`; none if there is none.
    pub(super) fn first<T>(
        &self,
        read: impl FnOnce(Option<(&[u8], &[u8])>) -> T,
    ) -> heed::Result<T> {
        let transaction = self.env.read_txn()?;
        let record = match &self.database {
            Some(database) => database.first(&transaction)?,
            None => None,
        };
        Ok(read(record))
    }

    /// Hands the value of `key` to `read`; none if there is no such key.
    pub(super) fn get<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(Option<&[u8]>) -> T,
    ) -> heed::Result<T> {
        let transaction = self.env.read_txn()?;
        let value = match &self.database {
            Some(database) => database.get(&transaction, key)?,
            None => None,
        };
        Ok(read(value))
    }
}

/// Opens the environment and its main database, and counts its records.
#[allow(unsafe_code)]
fn open_anew(
    path: &Path,
    data: &Path,
    file_bytes: u64,
) -> Result<(Env<WithoutTls>, Option<Values>, u64)> {
    let error = |error: heed::Error| match error {
        heed::Error::Io(error) => Error::io("open", data)(error),
        other => Error::format(data, other.to_string()),
    };
    let mut flags = EnvFlags::READ_ONLY | EnvFlags::NO_LOCK | EnvFlags::NO_READ_AHEAD;
    if !path.is_dir() {
        flags |= EnvFlags::NO_SUB_DIR;
    }
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    // The map must hold the file, whose own notion of its size may be smaller.
    options.map_size((file_bytes as usize).next_multiple_of(1 << 16).max(1 << 20));
    // SAFETY: a database is written once by another tool and only read here: no writer meanwhile, as the
    // documentation demands, so that neither locks nor changes under the map are a concern.
    let env = unsafe { options.flags(flags).open(path) }.map_err(error)?;
    let transaction = env.read_txn().map_err(error)?;
    // Opened here once: LMDB forbids it to several threads at a time.
    let database = env
        .open_database::<Bytes, Bytes>(&transaction, None)
        .map_err(error)?;
    let (page_bytes, records) = match &database {
        Some(database) => {
            let stat = database.stat(&transaction).map_err(error)?;
            (u64::from(stat.page_size), stat.entries as u64)
        }
        None => (4096, 0),
    };
    transaction.commit().map_err(error)?;
    let expected = (env.info().last_page_number as u64 + 1) * page_bytes;
    if file_bytes < expected {
        return Err(Error::format(
            data,
            format!("it has {file_bytes} bytes, but its pages take {expected}: it is cut off"),
        ));
    }
    Ok((env, database, records))
}
