use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Something of fixed size that can be sorted on disk.
pub(crate) trait Sortable: Copy {
    type Key: Ord + Copy;
    type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default;

    fn key(&self) -> Self::Key;
    fn to_bytes(self) -> Self::Bytes;
    fn from_bytes(bytes: &Self::Bytes) -> Self;
}

/// Sorts any number of items in bounded memory: sorted runs in temporary files, then one merge.
///
/// Stable: items with equal keys keep the order in which they came.
pub(crate) struct ExternalSort<T: Sortable> {
    folder: PathBuf,
    buffer: Vec<T>,
    capacity: usize,
    runs: Vec<BufReader<File>>,
}

/// Runs that are merged into one before there are more: each is an open file.
const MAX_RUNS: usize = 96;
/// Bytes of a run that are read or written at once.
const BUFFER_BYTES: usize = 1 << 17;

impl<T: Sortable> ExternalSort<T> {
    /// Runs go to nameless files in `folder`, which vanish with the process.
    pub(crate) fn new(folder: &Path, memory_bytes: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            buffer: Vec::new(),
            // A stable sort needs as much again in the worst case.
            capacity: (memory_bytes / size_of::<T>() / 2).max(1024),
            runs: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, item: T) -> Result<()> {
        self.buffer.push(item);
        if self.buffer.len() >= self.capacity {
            self.spill()?;
        }
        Ok(())
    }

    /// The items by ascending key.
    pub(crate) fn finish(mut self) -> Result<Sorted<T>> {
        if self.runs.is_empty() {
            self.buffer.sort_by_key(T::key);
            return Ok(Sorted::InMemory(self.buffer.into_iter()));
        }
        if !self.buffer.is_empty() {
            self.spill()?;
        }
        Ok(Sorted::Merged(Merge::new(self.folder, self.runs)?))
    }

    /// Sorts what is in memory and writes it as a run.
    fn spill(&mut self) -> Result<()> {
        self.buffer.sort_by_key(T::key);
        let mut run = RunWriter::new(&self.folder)?;
        for item in self.buffer.drain(..) {
            run.put(item)?;
        }
        self.runs.push(run.finish()?);
        if self.runs.len() == MAX_RUNS {
            let mut run = RunWriter::new(&self.folder)?;
            let mut merge = Merge::<T>::new(self.folder.clone(), std::mem::take(&mut self.runs))?;
            while let Some(item) = merge.next() {
                run.put(item?)?;
            }
            self.runs.push(run.finish()?);
        }
        Ok(())
    }
}

/// Writes a run to a nameless file.
struct RunWriter<'a> {
    folder: &'a Path,
    file: BufWriter<File>,
}

impl<'a> RunWriter<'a> {
    fn new(folder: &'a Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(Self::error(folder))?;
        Ok(Self {
            folder,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
        })
    }

    fn error(folder: &Path) -> impl FnOnce(std::io::Error) -> Error {
        Error::io("write a temporary file in", folder)
    }

    fn put<T: Sortable>(&mut self, item: T) -> Result<()> {
        self.file
            .write_all(item.to_bytes().as_ref())
            .map_err(Self::error(self.folder))
    }

    fn finish(self) -> Result<BufReader<File>> {
        let error = || Self::error(self.folder);
        let mut file = self
            .file
            .into_inner()
            .map_err(|failed| error()(failed.into_error()))?;
        file.rewind().map_err(error())?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, file))
    }
}

/// Items by ascending key.
pub(crate) enum Sorted<T: Sortable> {
    InMemory(std::vec::IntoIter<T>),
    Merged(Merge<T>),
}

impl<T: Sortable> Iterator for Sorted<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match self {
            Self::InMemory(items) => items.next().map(Ok),
            Self::Merged(merge) => merge.next(),
        }
    }
}

/// The merge of sorted runs.
pub(crate) struct Merge<T: Sortable> {
    folder: PathBuf,
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<Head<T>>>,
}

/// The next item of a run. Ordered by key, then by run, for stability.
struct Head<T: Sortable> {
    key: T::Key,
    run: usize,
    item: T,
}

impl<T: Sortable> Merge<T> {
    fn new(folder: PathBuf, runs: Vec<BufReader<File>>) -> Result<Self> {
        let mut merge = Self {
            folder,
            heads: BinaryHeap::with_capacity(runs.len()),
            runs,
        };
        for run in 0..merge.runs.len() {
            if let Some(item) = merge.read(run)? {
                merge.heads.push(Reverse(Head {
                    key: item.key(),
                    run,
                    item,
                }));
            }
        }
        Ok(merge)
    }

    fn next(&mut self) -> Option<Result<T>> {
        let run = self.heads.peek()?.0.run;
        let following = match self.read(run) {
            Ok(following) => following,
            Err(error) => {
                self.heads.clear();
                return Some(Err(error));
            }
        };
        let mut head = self.heads.peek_mut()?;
        let item = head.0.item;
        match following {
            Some(next) => {
                head.0 = Head {
                    key: next.key(),
                    run,
                    item: next,
                }
            }
            None => {
                PeekMut::pop(head);
            }
        }
        Some(Ok(item))
    }

    fn read(&mut self, run: usize) -> Result<Option<T>> {
        let reader = &mut self.runs[run];
        let error = || Error::io("read a temporary file in", &self.folder);
        let mut bytes = T::Bytes::default();
        if std::io::BufRead::fill_buf(reader)
            .map_err(error())?
            .is_empty()
        {
            return Ok(None);
        }
        reader.read_exact(bytes.as_mut()).map_err(error())?;
        Ok(Some(T::from_bytes(&bytes)))
    }
}

impl<T: Sortable> Head<T> {
    fn order(&self) -> (T::Key, usize) {
        (self.key, self.run)
    }
}

impl<T: Sortable> PartialEq for Head<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<T: Sortable> Eq for Head<T> {}

impl<T: Sortable> PartialOrd for Head<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Sortable> Ord for Head<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Pair(u32, u32);

    impl Sortable for Pair {
        type Key = u32;
        type Bytes = [u8; 8];

        fn key(&self) -> u32 {
            self.0
        }

        fn to_bytes(self) -> [u8; 8] {
            (u64::from(self.1) << 32 | u64::from(self.0)).to_le_bytes()
        }

        fn from_bytes(bytes: &[u8; 8]) -> Self {
            let both = u64::from_le_bytes(*bytes);
            Self(both as u32, (both >> 32) as u32)
        }
    }

    /// Against the standard library's stable sort: in memory, with ten runs, and with more runs than are kept.
    #[test]
    fn equals_a_stable_sort() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = crate::purpose::Purpose::ImagePair.key(3, 0).rng(0);
        for len in [0, 1, 1023, 1024, 1025, 10_000, 250_000] {
            let items: Vec<Pair> = (0..len).map(|i| Pair(rng.below(300) as u32, i)).collect();
            let mut sort = ExternalSort::new(folder.path(), 0);
            for &item in &items {
                sort.push(item).unwrap();
            }
            let sorted: Vec<Pair> = sort.finish().unwrap().map(Result::unwrap).collect();
            let mut expected = items;
            expected.sort_by_key(|pair| pair.0);
            assert_eq!(sorted, expected);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
