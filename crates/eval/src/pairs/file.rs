use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ffc_data::Dataset;

use super::Pair;
use crate::{Error, Result};

/// A list of pairs in LFW's format, by names.
///
/// The first line is `folds <tab> n` or `n`; then, for each fold, n lines `name <tab> i <tab> j` of pairs of the same person and n
/// lines `name <tab> i <tab> other name <tab> j`. Image i of a person is `<name>_<i, four digits>`.
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
    /// Name of the person and number of the image, of both images.
    pub images: [(String, u32); 2],
    /// Whether they show the same person.
    pub same: bool,
}

impl PairsFile {
    /// # Errors
    /// If the file cannot be read or is no such list; the message names the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// The same for the file's text; `path` is for messages.
    ///
    /// # Errors
    /// If it is no such list.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut lines = (1..).zip(text.lines().map(|line| line.trim_end_matches('\r')));
        let header = lines.next().map_or("", |(_, header)| header);
        let (folds, half) = parse_header(header).ok_or_else(|| {
            let problem = format!("`{}` is not `folds <tab> n` or `n`", shown(header));
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

    /// Finds the images in a set whose identities have the list's names and whose images are files.
    ///
    /// # Errors
    /// If a name or an image is not in the set; the message names the line.
    pub fn resolve(&self, dataset: &Dataset) -> Result<Vec<Pair>> {
        let index = dataset.index();
        let named = || self.pairs.iter().flat_map(|pair| &pair.images);
        let mut identities: HashMap<&str, Option<u64>> =
            named().map(|(name, _)| (&name[..], None)).collect();
        for identity in 0..index.identities() {
            if let Some(found) = identities.get_mut(&index.name_of(identity)?[..]) {
                *found = Some(identity);
            }
        }
        let mut images: HashMap<(u64, String), u64> = HashMap::new();
        for &identity in identities.values().flatten() {
            for image in index.images_of(identity) {
                if let Some(file) = dataset.file_name(image)? {
                    let stem = file.rsplit_once('.').map_or(&file[..], |(stem, _)| stem);
                    images.insert((identity, stem.to_owned()), image);
                }
            }
        }
        let find = |pair: &NamedPair, (name, number): &(String, u32)| {
            let missing = |what: String| {
                let problem = format!(
                    "there is no {what} in {}",
                    dataset.source().path().display()
                );
                Error::line(&self.path, pair.line, problem)
            };
            let identity = identities.get(&name[..]).copied().flatten();
            let identity =
                identity.ok_or_else(|| missing(format!("identity `{}`", shown(name))))?;
            let file = format!("{name}_{number:04}");
            let image = images.get(&(identity, file));
            image
                .copied()
                .ok_or_else(|| missing(format!("image `{}_{number:04}`", shown(name))))
        };
        let resolve = |pair: &NamedPair| -> Result<Pair> {
            let [a, b] = &pair.images;
            Ok(Pair {
                images: [find(pair, a)?, find(pair, b)?],
                same: pair.same,
            })
        };
        self.pairs.iter().map(resolve).collect()
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

fn parse_pair(line: &str) -> std::result::Result<([(String, u32); 2], bool), String> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let image = |name: &str, number: &str| match number.parse() {
        Ok(number) if number > 0 && !name.is_empty() => Ok((name.to_owned(), number)),
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
            "{} fields between tabs, expected 3 or 4",
            fields.len()
        )),
    }
}

/// The beginning of a text from a file, for messages.
fn shown(text: &str) -> String {
    text.chars()
        .take(60)
        .flat_map(char::escape_default)
        .collect()
}
