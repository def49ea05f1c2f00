//! All pictures of a set aligned into a folder of the same identities.

mod config;
mod journal;
mod names;
mod one;
mod settings;

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ffc_data::Dataset;
use ffc_files::FolderLock;

pub use config::{AlignConfig, Faces, Format, Missing};
use journal::{TABLE, begin, write_rows};
use names::names;
use one::align_one;
use settings::{SETTINGS, check_settings};

use crate::landmarks::{Landmarks, NO_FACE, NO_LINE};
use crate::table::LandmarksRow;
use crate::{Error, Result};

/// How far a set is.
#[derive(Debug, Clone, Copy)]
pub struct AlignProgress {
    /// Pictures that are done, those of earlier calls included.
    pub done: usize,
    /// Those of earlier calls.
    pub before: usize,
    /// All pictures.
    pub all: usize,
}

/// What became of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// Pictures that were looked at.
    pub images: usize,
    /// Faces that were written.
    pub faces: usize,
    /// Pictures without a face, with the reason.
    pub without_face: Vec<(String, String)>,
    /// Pictures that cannot be read and those whose landmarks cannot be, with the reason.
    pub unusable: Vec<(String, String)>,
    /// Pictures of a table of landmarks that are not in the set.
    pub unknown: Vec<String>,
    /// Whether all pictures were looked at; otherwise the same call goes on.
    pub is_whole: bool,
    /// The table of faces.
    pub table: PathBuf,
}

/// Aligns the faces of all pictures into `out`: `<identity>/<file>`, with the set's names, and `landmarks.csv`, a line a face or picture
/// without one. A call that was cut off is gone on with by the same call: what is there already stays.
///
/// `jobs` threads work on a picture each, and memory grows with their number and the largest pictures alone. `progress` is called after
/// every picture; where it breaks, what is begun is finished.
///
/// # Errors
///
/// [`Error::OtherSettings`] where `out` was made otherwise; [`Error::NoFace`] by [`Missing::Fail`]; [`Error::Io`] and [`Error::Failed`] where
/// something cannot be written. What was aligned before stays.
pub fn align_set(
    dataset: &Dataset,
    landmarks: &Landmarks,
    out: &Path,
    config: &AlignConfig,
    jobs: NonZero<usize>,
    progress: &(dyn Fn(AlignProgress) -> ControlFlow<()> + Sync),
) -> Result<Aligned> {
    config.check()?;
    std::fs::create_dir_all(out).map_err(Error::io("make folder", out))?;
    let lock = FolderLock::take(out).map_err(Error::io("lock", out))?;
    if lock.is_none() {
        return Err(Error::Failed(format!(
            "another process aligns into {}",
            out.display()
        )));
    }
    let table = out.join(TABLE);
    let names = names(dataset)?;
    // An identity's folder would lie where a file of the set itself does.
    let is_taken = |stem: &str| {
        let first = stem.split('/').next().unwrap_or_default();
        [TABLE, SETTINGS].contains(&first) && stem != first
    };
    if let Some(name) = names.iter().find(|name| is_taken(&name.stem)) {
        return Err(Error::Failed(format!(
            "{} belongs to an identity that is called as the folder of faces calls a file of its own ({TABLE}, {SETTINGS}); rename it",
            name.shown
        )));
    }
    let unknown = landmarks.unknown(names.iter().map(|name| &*name.shown))?;
    check_settings(dataset, landmarks, out, config)?;
    let finished = begin(&table, out)?;
    let shown: HashSet<&str> = names.iter().map(|name| &*name.shown).collect();
    if let Some(row) = finished.iter().find(|row| !shown.contains(&*row.image)) {
        return Err(Error::OtherSettings {
            path: out.to_owned(),
            problem: format!(
                "its {TABLE} names `{}`, the pictures are called as `{}`",
                row.image,
                names.first().map_or("", |name| &name.shown)
            ),
        });
    }
    let done: HashSet<&str> = finished.iter().map(|row| &*row.image).collect();
    let pending: Vec<u64> = (0..dataset.index().images())
        .filter(|&image| !done.contains(&*names[image as usize].shown))
        .collect();
    let (all, before) = (names.len(), names.len() - pending.len());

    let journal = OpenOptions::new().append(true).open(&table);
    let journal = Mutex::new(journal.map_err(Error::io("open", &table))?);
    let (next, finished_now) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stopped = AtomicBool::new(false);
    let work = || -> Result<Vec<LandmarksRow>> {
        // One thread a picture: a pool of its own keeps another picture's work away.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool =
            pool.map_err(|error| Error::Failed(format!("cannot start a thread: {error}")))?;
        let (mut rows, mut pixels) = (Vec::new(), Vec::new());
        while !stopped.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(&image) = pending.get(at) else {
                break;
            };
            let one = || {
                align_one(
                    dataset,
                    image,
                    &names[image as usize],
                    landmarks,
                    out,
                    config,
                    &mut pixels,
                )
            };
            let found = pool.install(one)?;
            let mut lines = Vec::new();
            write_rows(&found, false, &mut lines)?;
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal
                .write_all(&lines)
                .map_err(Error::io("write", &table))?;
            drop(journal);
            rows.extend(found);
            let told = AlignProgress {
                done: before + finished_now.fetch_add(1, Ordering::Relaxed) + 1,
                before,
                all,
            };
            if progress(told).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
        }
        Ok(rows)
    };
    let of_threads: Vec<Result<Vec<LandmarksRow>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.get())
            .map(|_| {
                scope.spawn(|| {
                    let done = work();
                    // The others need not go on.
                    if done.is_err() {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    done
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|joined| joined.unwrap_or_else(|_| Err(Error::Failed("a thread panicked".into()))))
            .collect()
    });
    let mut rows = finished;
    for of_thread in of_threads {
        rows.extend(of_thread?);
    }
    let places: HashMap<&str, usize> = (names.iter().enumerate())
        .map(|(place, name)| (&*name.shown, place))
        .collect();
    rows.sort_by_key(|row| places.get(&*row.image).copied());
    let looked_at: HashSet<&str> = rows.iter().map(|row| &*row.image).collect();
    let (images, is_whole) = (looked_at.len(), looked_at.len() == all);
    if is_whole {
        let mut lines = Vec::new();
        write_rows(&rows, true, &mut lines)?;
        ffc_files::write(&table, lines).map_err(Error::io("write", &table))?;
    }
    let problems = rows
        .iter()
        .filter_map(|row| Some((row.image.clone(), row.problem.clone()?)));
    let (without_face, unusable) =
        problems.partition(|(_, problem)| [NO_FACE, NO_LINE].contains(&&**problem));
    Ok(Aligned {
        images,
        faces: rows.iter().filter(|row| row.file.is_some()).count(),
        without_face,
        unusable,
        unknown,
        is_whole,
        table,
    })
}
