use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ffc_data::Dataset;

use super::Pair;
use crate::image_paths::ImagePaths;
use crate::list_file::{label, shown};
use crate::{Error, Result};

/// A list of pairs, in LFW's format or by paths.
///
/// LFW's first line is `folds <tab> n` or `n`; then, for each fold, n lines `name <tab> i <tab> j` of pairs of the same person and n
/// lines `name <tab> i <tab> other name <tab> j`. Image i of a person is `<name>_<i, four digits>`.
///
/// A list by paths has a pair in each line, `a <tab> b <tab> 1`, with 0 for different identities. Paths are the names that the set shows,
/// `<identity>/<file>`: in a folder those below its root. A list whose first line has three fields is one by paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairsFile {
    path: PathBuf,
    /// Number of folds (View 2), none in a list without (View 1).
    pub folds: Option<usize>,
    /// The pairs in their order.
    pub pairs: Vec<NamedPair>,
}

/// A pair of a [`PairsFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPair {
    /// The line, counted from 1.
    pub line: usize,
    /// Both images.
    pub images: [ImageName; 2],
    /// Whether they show the same identity.
    pub same: bool,
}

/// How a list names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageName {
    /// LFW's: name of the person and number of the image.
    Numbered(String, u32),
    /// By its path.
    Path(String),
}

impl PairsFile {
    /// # Errors
    /// If the file cannot be read or is no such list; the message names the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = ffc_files::read_text(path).map_err(|source| Error::io("read", path, source))?;
        Self::parse(&text, path)
    }

    /// The same for the file's text; `path` is for messages.
    ///
    /// # Errors
    /// If it is no such list.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut lines = (1..).zip(text.lines().map(|line| line.trim_end_matches('\r')));
        let first = text.lines().find(|line| !line.trim().is_empty());
        if first.is_some_and(|line| line.split('\t').count() == 3) {
            return Self::parse_paths(lines, path);
        }
        let header = lines.next().map_or("", |(_, header)| header);
        let (folds, half) = parse_header(header).ok_or_else(|| {
            let problem = format!(
                "`{}` is not `folds <tab> n` or `n`, as LFW's lists begin, and no pair `path <tab> path <tab> 1`",
                shown(header)
            );
            Error::line(path, 1, problem)
        })?;
        let mut pairs = Vec::new();
        let mut last_line = 1;
        for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
            let (images, same) =
                parse_pair(text).map_err(|problem| Error::line(path, line, problem))?;
            pairs.push(NamedPair { line, images, same });
            last_line = line;
        }
        let total = (2 * half).saturating_mul(folds.unwrap_or(1));
        if pairs.len() != total {
            let problem = format!("{} pairs, but the first line says {total}", pairs.len());
            return Err(Error::line(path, last_line, problem));
        }
        for fold in pairs.chunks(2 * half) {
            let same = fold.iter().filter(|pair| pair.same).count();
            if same != half {
                let problem = format!(
                    "{same} of {} pairs from here on are of the same person, but the first line says {half}",
                    fold.len()
                );
                return Err(Error::line(path, fold[0].line, problem));
            }
        }
        let path = path.to_owned();
        Ok(Self { path, folds, pairs })
    }

    fn parse_paths<'a>(lines: impl Iterator<Item = (usize, &'a str)>, path: &Path) -> Result<Self> {
        let lines = lines.filter(|(_, text)| !text.trim().is_empty());
        let pairs = lines.map(|(line, text)| {
            let (images, same) =
                parse_paths(text).map_err(|problem| Error::line(path, line, problem))?;
            Ok(NamedPair { line, images, same })
        });
        Ok(Self {
            path: path.to_owned(),
            folds: None,
            pairs: pairs.collect::<Result<_>>()?,
        })
    }

    /// Whether it names images by their paths.
    pub fn is_of_paths(&self) -> bool {
        let first = self.pairs.first();
        first.is_some_and(|pair| matches!(pair.images[0], ImageName::Path(_)))
    }

    /// Finds the images in a set whose images are files: for LFW's lists, identities have the list's names.
    ///
    /// # Errors
    /// If a name or an image is not in the set; the message names the line.
    pub fn resolve(&self, dataset: &Dataset) -> Result<Vec<Pair>> {
        let names = || self.pairs.iter().flat_map(|pair| &pair.images);
        let numbered = NumberedImages::find(
            dataset,
            names().filter_map(|name| match name {
                ImageName::Numbered(name, _) => Some(&name[..]),
                ImageName::Path(_) => None,
            }),
        )?;
        let paths = names().filter_map(|name| match name {
            ImageName::Path(path) => Some(&path[..]),
            ImageName::Numbered(..) => None,
        });
        let paths = match self.is_of_paths() {
            true => Some(ImagePaths::find(dataset, paths)?),
            false => None,
        };
        let find = |pair: &NamedPair, name: &ImageName| {
            let found = match (name, &paths) {
                (ImageName::Path(path), Some(paths)) => paths.image(path),
                (ImageName::Path(path), None) => Err(format!("`{}` is a path", shown(path))),
                (ImageName::Numbered(name, number), _) => numbered.image(name, *number),
            };
            found.map_err(|problem| Error::line(&self.path, pair.line, problem))
        };
        let resolve = |pair: &NamedPair| -> Result<Pair> {
            let [a, b] = &pair.images;
            Ok(Pair {
                images: [find(pair, a)?, find(pair, b)?],
                same: pair.same,
            })
        };
        let pairs = self.pairs.iter().map(resolve).collect::<Result<Vec<_>>>()?;
        self.tell_repeats(&pairs)?;
        if self.is_of_paths() {
            self.tell_contradictions(dataset, &pairs);
        }
        Ok(pairs)
    }

    /// Says which pairs are there more than once, in either order. One that is the same identity and is not cannot be measured.
    fn tell_repeats(&self, pairs: &[Pair]) -> Result<()> {
        let mut lines = HashMap::new();
        let (mut count, mut first) = (0, None);
        for (named, pair) in self.pairs.iter().zip(pairs) {
            let Some((line, same)) = lines.insert(pair.unordered(), (named.line, pair.same)) else {
                continue;
            };
            if same != pair.same {
                let problem = format!(
                    "these pictures show the same identity in one of the lines {line} and {}, and different ones in the other",
                    named.line
                );
                return Err(Error::line(&self.path, named.line, problem));
            }
            count += 1;
            first = first.or(Some((line, named.line)));
        }
        if let Some((line, again)) = first {
            tracing::warn!(
                "{}: {count} of {} pairs are there a second time, first line {line} again in line {again}; each counts",
                self.path.display(),
                pairs.len(),
            );
        }
        Ok(())
    }

    /// Says where the list has another mind than the set's folders: one of them is wrong. Where every picture is an identity of its own
    /// they tell nothing.
    fn tell_contradictions(&self, dataset: &Dataset, pairs: &[Pair]) {
        let index = dataset.index();
        if index.max_images() == 1 {
            return;
        }
        let contradicts = |pair: &Pair| {
            let [a, b] = pair.images.map(|image| index.identity_of(image));
            (a == b) != pair.same
        };
        let mut against = (self.pairs.iter().zip(pairs)).filter(|(_, pair)| contradicts(pair));
        let Some((first, _)) = against.next() else {
            return;
        };
        tracing::warn!(
            "{}: {} of {} pairs contradict the set's identities, first line {}; the list counts",
            self.path.display(),
            1 + against.count(),
            pairs.len(),
            first.line
        );
    }
}

/// Images of a set by LFW's names.
struct NumberedImages<'a> {
    set: String,
    identities: HashMap<&'a str, Option<u64>>,
    /// By identity and name without its ending.
    images: HashMap<(u64, String), u64>,
    /// Files of an identity whose names differ by their endings alone.
    twins: HashMap<(u64, String), [String; 2]>,
}

impl<'a> NumberedImages<'a> {
    fn find(dataset: &Dataset, names: impl Iterator<Item = &'a str>) -> Result<Self> {
        let index = dataset.index();
        let mut found = Self {
            set: dataset.source().path().display().to_string(),
            identities: names.map(|name| (name, None)).collect(),
            images: HashMap::new(),
            twins: HashMap::new(),
        };
        if found.identities.is_empty() {
            return Ok(found);
        }
        for identity in 0..index.identities() {
            let name = dataset.identity_name(identity)?;
            let Some(place) = found.identities.get_mut(&name[..]) else {
                continue;
            };
            *place = Some(identity);
            for image in index.images_of(identity) {
                if let Some(file) = dataset.file_name(image)? {
                    let stem = file.rsplit_once('.').map_or(&file[..], |(stem, _)| stem);
                    let key = (identity, stem.to_owned());
                    if let Some(other) = found.images.insert(key.clone(), image) {
                        let other = dataset.file_name(other)?.unwrap_or_default();
                        found.twins.insert(key, [other, file]);
                    }
                }
            }
        }
        Ok(found)
    }

    fn image(&self, name: &str, number: u32) -> std::result::Result<u64, String> {
        let missing = |what: String| format!("there is no {what} in {}", self.set);
        let identity = self.identities.get(name).copied().flatten();
        let identity = identity.ok_or_else(|| missing(format!("identity `{}`", shown(name))))?;
        let key = (identity, format!("{name}_{number:04}"));
        if let Some([one, other]) = self.twins.get(&key) {
            return Err(format!(
                "`{one}` and `{other}` are both image {number} of `{}`; remove one",
                shown(name)
            ));
        }
        let image = self.images.get(&key);
        image
            .copied()
            .ok_or_else(|| missing(format!("image `{}_{number:04}`", shown(name))))
    }
}

/// Folds, if they are given, and half the pairs of each.
fn parse_header(header: &str) -> Option<(Option<usize>, usize)> {
    let number = |text: &str| {
        text.parse()
            .ok()
            .filter(|number| (1..1 << 31).contains(number))
    };
    let fields: Vec<&str> = header.split_whitespace().collect();
    match fields[..] {
        [half] => Some((None, number(half)?)),
        [folds, half] => Some((Some(number(folds)?), number(half)?)),
        _ => None,
    }
}

/// A pair, or what is wrong with its line.
type ParsedPair = std::result::Result<([ImageName; 2], bool), String>;

fn parse_paths(line: &str) -> ParsedPair {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let [a, b, same] = fields[..] else {
        return Err(format!(
            "{} fields between tabs, expected 3: two paths and 1 or 0",
            fields.len()
        ));
    };
    if a.is_empty() || b.is_empty() {
        return Err("an empty path".into());
    }
    if a == b {
        return Err("both images are the same".into());
    }
    let images = [a, b].map(|path| ImageName::Path(path.to_owned()));
    Ok((images, label(same)?))
}

fn parse_pair(line: &str) -> ParsedPair {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let image = |name: &str, number: &str| match number.parse() {
        Ok(number) if number > 0 && !name.is_empty() => {
            Ok(ImageName::Numbered(name.to_owned(), number))
        }
        _ => Err(format!(
            "`{}`, `{}` is not a name and the number of an image",
            shown(name),
            shown(number)
        )),
    };
    match fields[..] {
        [name, a, b] => {
            let (a, b) = (image(name, a)?, image(name, b)?);
            if a == b {
                return Err("both images are the same".into());
            }
            Ok(([a, b], true))
        }
        [first, a, second, b] if first == second => Err(format!(
            "a pair of different people, but both are `{}`, images {a}, {b}",
            shown(first)
        )),
        [first, a, second, b] => Ok(([image(first, a)?, image(second, b)?], false)),
        _ => Err(format!(
            "{} fields between tabs, expected 3 or 4; what separates fields are tabs",
            fields.len()
        )),
    }
}
