//! All pictures of a set aligned into a folder of the same identities.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ffc_data::{Dataset, ErrorChain, FingerprintWriter};
use ffc_files::FolderLock;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use serde::{Deserialize, Serialize};

use crate::face::Face;
use crate::landmarks::{LandmarksRow, by_image, read_landmarks, write_landmarks};
use crate::mtcnn::Mtcnn;
use crate::picture::Picture;
use crate::quality::sharpness;
use crate::similarity::Similarity;
use crate::warp::warp;
use crate::{Error, Result};

/// The table of faces in a folder of aligned ones.
const TABLE: &str = "landmarks.csv";
/// The settings that they were made with.
const SETTINGS: &str = "align.json";

/// Where landmarks come from.
#[derive(Debug)]
pub enum Landmarks {
    /// From a detector.
    Detector(Box<Mtcnn>),
    /// From a table of somebody's own, read by [`Landmarks::table`].
    Table {
        /// The faces of each picture, by its name as the set shows it.
        faces: HashMap<String, Vec<Face>>,
        /// The table.
        path: PathBuf,
        /// What tells it from others.
        fingerprint: String,
    },
}

impl Landmarks {
    /// Reads a table with the columns `image`, a picture's name as the set shows it, and ten coordinates.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Landmarks`], which names the line.
    pub fn table(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let mut writer = FingerprintWriter::new("table of landmarks");
        writer.setting(&bytes);
        Ok(Self::Table {
            faces: by_image(read_landmarks(&bytes[..], path)?),
            path: path.to_owned(),
            fingerprint: writer.finish().to_string(),
        })
    }

    /// What tells these landmarks from others.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::Detector(detector) => detector.fingerprint().to_owned(),
            Self::Table { fingerprint, .. } => fingerprint.clone(),
        }
    }

    /// The faces of a picture, or why there are none.
    pub(crate) fn faces(
        &self,
        image: &str,
        picture: Picture<'_>,
    ) -> Result<std::result::Result<Vec<Face>, &'static str>> {
        match self {
            Self::Detector(detector) => {
                let faces = detector.detect(picture)?;
                Ok(if faces.is_empty() {
                    Err(NO_FACE)
                } else {
                    Ok(faces)
                })
            }
            Self::Table { faces, .. } => Ok(match faces.get(image) {
                None => Err("no line of the table"),
                Some(faces) if faces.is_empty() => Err(NO_FACE),
                Some(faces) => Ok(faces.clone()),
            }),
        }
    }

    /// Pictures of a table that are not among these names.
    fn unknown(&self, names: &[Name]) -> Result<Vec<String>> {
        let Self::Table { faces, path, .. } = self else {
            return Ok(Vec::new());
        };
        let shown: HashSet<&str> = names.iter().map(|name| &*name.shown).collect();
        let unknown = faces.keys().filter(|image| !shown.contains(&***image));
        let mut unknown: Vec<String> = unknown.cloned().collect();
        unknown.sort_unstable();
        if let (Some(theirs), Some(ours)) = (unknown.first(), names.first())
            && unknown.len() == faces.len()
        {
            return Err(Error::Failed(format!(
                "{}: none of its pictures is in the set: it names `{theirs}`, the set's first is `{}`",
                path.display(),
                ours.shown
            )));
        }
        Ok(unknown)
    }
}

/// Why a picture that was looked at has no face.
const NO_FACE: &str = "no face";

/// Which faces of a picture are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Faces {
    /// The one with the largest box.
    Largest,
    /// The one whose box is nearest to the picture's centre.
    Centre,
    /// All, the largest first.
    All,
}

/// What is done about a picture without a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It is left out, counted and listed.
    Skip,
    /// It is an error.
    Fail,
    /// The square in its middle is taken.
    Crop,
}

/// How aligned faces are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Without loss.
    Png,
    /// With a quality of 1 to 100.
    Jpeg(u8),
}

/// How a set is aligned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignConfig {
    /// Side of the aligned faces in pixels.
    pub size_px: usize,
    /// Which faces are taken.
    pub faces: Faces,
    /// What is done about pictures without one.
    pub missing: Missing,
    /// How they are written.
    pub format: Format,
}

impl Default for AlignConfig {
    fn default() -> Self {
        Self {
            size_px: 112,
            faces: Faces::Largest,
            missing: Missing::Skip,
            format: Format::Png,
        }
    }
}

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
    /// Pictures without a face and those that cannot be read, with the reason.
    pub missing: Vec<(String, String)>,
    /// Pictures of a table of landmarks that are not in the set.
    pub unknown: Vec<String>,
    /// Whether all pictures were looked at; otherwise the same call goes on.
    pub is_whole: bool,
    /// The table of faces.
    pub table: PathBuf,
}

/// What the files of a folder were made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(flatten)]
    config: AlignConfig,
    landmarks: String,
    min_face_px: Option<usize>,
    as_stored: bool,
    pictures: String,
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
    check(config)?;
    std::fs::create_dir_all(out).map_err(Error::io("make folder", out))?;
    let lock = FolderLock::take(out).map_err(Error::io("lock", out))?;
    if lock.is_none() {
        return Err(Error::Failed(format!(
            "another process aligns into {}",
            out.display()
        )));
    }
    check_settings(dataset, landmarks, out, config)?;
    let table = out.join(TABLE);
    let names = names(dataset)?;
    let unknown = landmarks.unknown(&names)?;
    let finished = begin(&table, out)?;
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
    let missing = (rows.iter())
        .filter_map(|row| Some((row.image.clone(), row.problem.clone()?)))
        .collect();
    Ok(Aligned {
        images,
        faces: rows.iter().filter(|row| row.file.is_some()).count(),
        missing,
        unknown,
        is_whole,
        table,
    })
}

fn check(config: &AlignConfig) -> Result<()> {
    if !(8..=4096).contains(&config.size_px) {
        return Err(Error::Setting {
            setting: "size_px",
            value: config.size_px.to_string(),
            expected: "8 to 4096",
        });
    }
    match config.format {
        Format::Jpeg(quality) if !(1..=100).contains(&quality) => Err(Error::Setting {
            setting: "quality",
            value: quality.to_string(),
            expected: "1 to 100",
        }),
        _ => Ok(()),
    }
}

/// Checks that a folder is of these settings, or notes them where it is new.
fn check_settings(
    dataset: &Dataset,
    landmarks: &Landmarks,
    out: &Path,
    config: &AlignConfig,
) -> Result<()> {
    let path = out.join(SETTINGS);
    let settings = Settings {
        config: config.clone(),
        landmarks: landmarks.fingerprint(),
        min_face_px: match landmarks {
            Landmarks::Detector(detector) => Some(detector.config().min_face_px),
            Landmarks::Table { .. } => None,
        },
        as_stored: dataset.is_as_stored(),
        pictures: dataset.fingerprint()?.to_string(),
    };
    let json = serde_json::to_string_pretty(&settings);
    let json = json.map_err(|error| Error::Failed(format!("cannot write settings: {error}")))?;
    let other = |problem: String| Error::OtherSettings {
        path: out.to_owned(),
        problem,
    };
    match std::fs::read_to_string(&path) {
        Ok(text) if text == json => Ok(()),
        Ok(text) => {
            let differs = json.lines().zip(text.lines()).find(|(new, old)| new != old);
            let problem = differs.map_or_else(
                || "other settings".to_owned(),
                |(new, old)| {
                    let plain = |line: &str| line.trim().trim_end_matches(',').to_owned();
                    format!("it has {}, asked for is {}", plain(old), plain(new))
                },
            );
            Err(other(problem))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let has_other = std::fs::read_dir(out)
                .map_err(Error::io("read folder", out))?
                .flatten()
                .any(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
            if has_other {
                return Err(other("it has files, but no align.json".into()));
            }
            ffc_files::write(&path, json).map_err(Error::io("write", &path))
        }
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// How a picture is called.
struct Name {
    /// As the set shows it.
    shown: String,
    /// Its aligned face below the folder, without ending.
    stem: String,
}

/// The names of all pictures. Files of a folder that differ by their endings alone keep these.
fn names(dataset: &Dataset) -> Result<Vec<Name>> {
    let index = dataset.index();
    let (mut names, mut places) = (Vec::new(), Vec::new());
    for identity in 0..index.identities() {
        let folder = dataset.identity_name(identity)?;
        let path = Path::new(&folder);
        // A picture that nobody has sorted is named by its path.
        if let (true, Some(file)) = (path.is_file(), path.file_name()) {
            places.push((String::new(), file.to_string_lossy().into_owned()));
            names.push(folder);
            continue;
        }
        let images = index.images_of(identity);
        for image in images.clone() {
            let file = dataset.file_name(image)?;
            let file = file.unwrap_or_else(|| (image - images.start).to_string());
            places.push((format!("{folder}/"), file));
            names.push(dataset.display_name(image)?);
        }
    }
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for (folder, file) in &places {
        *counts.entry((folder, stem(file))).or_default() += 1;
    }
    let mut taken = HashSet::new();
    let stems = places.iter().map(|(folder, file)| {
        let plain = match counts[&(&**folder, stem(file))] {
            1 => format!("{folder}{}", stem(file)),
            _ => format!("{folder}{file}"),
        };
        // A name with its ending may be that of a file with two.
        let further = (2..).map(|number| format!("{folder}{file}-{number}"));
        let mut candidates = std::iter::once(plain).chain(further);
        candidates
            .find(|stem| taken.insert(stem.clone()))
            .unwrap_or_default()
    });
    let stems = stems.collect::<Vec<_>>();
    Ok(names
        .into_iter()
        .zip(stems)
        .map(|(shown, stem)| Name { shown, stem })
        .collect())
}

/// A file's name without its ending.
fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// The rows of an earlier call; a line that was cut off is gone, and so are those of pictures whose files are.
fn begin(table: &Path, out: &Path) -> Result<Vec<LandmarksRow>> {
    let bytes = match std::fs::read(table) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::io("read", table)(error)),
    };
    let whole = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |last| last + 1);
    if whole == 0 {
        let mut header = Vec::new();
        write_rows(&[], true, &mut header)?;
        ffc_files::write(table, header).map_err(Error::io("write", table))?;
        return Ok(Vec::new());
    }
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(table);
        let cut = file.and_then(|file| file.set_len(whole as u64));
        cut.map_err(Error::io("cut", table))?;
    }
    let rows = read_landmarks(&bytes[..whole], table)?;
    let is_gone = |row: &&LandmarksRow| {
        let file = row.file.as_ref();
        file.is_some_and(|file| !out.join(file).is_file())
    };
    let gone: HashSet<String> = (rows.iter().filter(is_gone))
        .map(|row| row.image.clone())
        .collect();
    if gone.is_empty() {
        return Ok(rows);
    }
    let rows = rows.into_iter().filter(|row| !gone.contains(&row.image));
    let rows: Vec<LandmarksRow> = rows.collect();
    let mut lines = Vec::new();
    write_rows(&rows, true, &mut lines)?;
    ffc_files::write(table, lines).map_err(Error::io("write", table))?;
    Ok(rows)
}

/// Rows as lines of a table.
fn write_rows(rows: &[LandmarksRow], with_header: bool, lines: &mut Vec<u8>) -> Result<()> {
    // The header is written with the first row.
    let mut table = Vec::new();
    let blank = [LandmarksRow::default()];
    write_landmarks(if rows.is_empty() { &blank } else { rows }, &mut table)?;
    let header = table
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    if with_header {
        lines.extend_from_slice(&table[..header]);
    }
    if !rows.is_empty() {
        lines.extend_from_slice(&table[header..]);
    }
    Ok(())
}

/// Aligns the faces of a picture.
fn align_one(
    dataset: &Dataset,
    image: u64,
    name: &Name,
    landmarks: &Landmarks,
    out: &Path,
    config: &AlignConfig,
    pixels: &mut Vec<u8>,
) -> Result<Vec<LandmarksRow>> {
    let [width, height] = match dataset.picture(image, pixels) {
        Ok(size) => size,
        Err(
            error @ (ffc_data::Error::Image { .. }
            | ffc_data::Error::Record { .. }
            | ffc_data::Error::Format { .. }),
        ) if config.missing != Missing::Fail => {
            let problem = ErrorChain(&error).to_string();
            return Ok(vec![LandmarksRow::without_face(
                name.shown.clone(),
                problem,
            )]);
        }
        Err(error) => return Err(error.into()),
    };
    let picture = Picture::new(width, height, pixels)?;
    let (faces, problem) = match landmarks.faces(&name.shown, picture)? {
        Ok(faces) => (chosen(faces, picture, config.faces), NO_FACE),
        Err(problem) => (Vec::new(), problem),
    };
    let mut rows = Vec::new();
    for (number, face) in faces.iter().enumerate() {
        let to_face = match face.to_template([width, height], config.size_px) {
            Ok(to_face) => to_face,
            Err(problem) if config.missing == Missing::Fail => {
                let image = dataset.origin(image);
                return Err(Error::Failed(format!("{image}: {problem}")));
            }
            Err(problem) => {
                let row = LandmarksRow::new(name.shown.clone(), face);
                rows.push(LandmarksRow {
                    problem: Some(problem),
                    ..row
                });
                continue;
            }
        };
        // Of all faces the further ones have a single `~` in their names, which no picture's own name has then.
        let own = match config.faces {
            Faces::All => name.stem.replace('~', "~~"),
            Faces::Largest | Faces::Centre => name.stem.clone(),
        };
        let stem = match number {
            0 => own,
            number => format!("{own}~{number}"),
        };
        let mut row = LandmarksRow::new(name.shown.clone(), face);
        put(picture, &to_face, stem, out, config, &mut row)?;
        rows.push(row);
    }
    if rows.is_empty() {
        let mut row = LandmarksRow::without_face(name.shown.clone(), problem);
        match config.missing {
            Missing::Skip => {}
            Missing::Fail => {
                return Err(Error::NoFace {
                    image: dataset.origin(image),
                });
            }
            Missing::Crop => {
                let middle = Similarity::of_middle([width, height], config.size_px);
                put(picture, &middle, name.stem.clone(), out, config, &mut row)?;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Of the faces, the largest first, those that are taken.
pub(crate) fn chosen(faces: Vec<Face>, picture: Picture<'_>, which: Faces) -> Vec<Face> {
    let middle = [picture.width(), picture.height()].map(|side| (side as f32 - 1.0) / 2.0);
    let from_middle = |face: &Face| {
        let [x, y] = face.centre();
        (x - middle[0]).powi(2) + (y - middle[1]).powi(2)
    };
    match which {
        Faces::All => faces,
        Faces::Largest => faces.into_iter().take(1).collect(),
        Faces::Centre => {
            let nearest = faces
                .into_iter()
                .min_by(|a, b| from_middle(a).total_cmp(&from_middle(b)));
            nearest.into_iter().collect()
        }
    }
}

/// Writes an aligned face and notes it.
fn put(
    picture: Picture<'_>,
    to_face: &Similarity,
    stem: String,
    out: &Path,
    config: &AlignConfig,
    row: &mut LandmarksRow,
) -> Result<()> {
    let aligned = warp(picture, to_face, config.size_px);
    row.sharpness = Some(sharpness(&aligned, config.size_px) as f32);
    let side = config.size_px as u32;
    let mut bytes = Vec::new();
    let (ending, encoded) = match config.format {
        Format::Png => {
            let encoder = PngEncoder::new(&mut bytes);
            (
                "png",
                encoder.write_image(&aligned, side, side, ExtendedColorType::Rgb8),
            )
        }
        Format::Jpeg(quality) => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            (
                "jpg",
                encoder.write_image(&aligned, side, side, ExtendedColorType::Rgb8),
            )
        }
    };
    let file = format!("{stem}.{ending}");
    encoded.map_err(|error| Error::Failed(format!("cannot encode {file}: {error}")))?;
    let path = out.join(&file);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("make folder", folder))?;
    }
    ffc_files::write(&path, bytes).map_err(Error::io("write", &path))?;
    row.file = Some(file);
    Ok(())
}
