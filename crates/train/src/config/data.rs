use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffc_data::{BuildConfig, BuildProgress, Dataset, ImageCounts, SourceConfig, Split, Synthetic};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A set of pictures by identity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// A file or folder, whose format is told by its name and contents. Either this or `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// A source with its format named. Default, without `path`: synthetic identities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceConfig>,
    /// Where the index is or shall be built. Default: beside the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<PathBuf>,
    /// A text file that lists the identities to take, a name a line, by default all. What follows a tab is ignored. A first
    /// line that is a number alone is LFW's count of the lines that follow where it is that count and no identity has this
    /// name; where it is both, the list is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identities: Option<PathBuf>,
    /// One side of a drawn split of the identities, or of those listed: `{ held_out = 0.2, take = "train" }`, and with
    /// `take = "held_out"` the other to measure on. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// How many images of each identity are taken at most, by a law: `{ law = "equal", images = 5 }`, or a long tail by
    /// `{ law = "zipf", max = 20, min = 1, exponent = 0.44 }`. Which identities have many is drawn, the same for all seeds. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageCounts>,
    /// Whether each identity counts four times, turned by quarters: for characters, not for faces. Default: false.
    pub rotations: bool,
    /// Whether pictures stay as they are stored. Default: false, those are turned whose EXIF data tell another orientation.
    pub as_stored: bool,
    /// How an index is built.
    pub build: BuildConfig,
}

impl DataConfig {
    /// The source, its format told by `path` where it is not named.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where both are given; [`Error::Data`] where the format is not known.
    pub fn source(&self) -> Result<SourceConfig> {
        match (&self.path, &self.source) {
            (Some(path), None) => Ok(SourceConfig::detect(path)?),
            (None, Some(source)) => Ok(source.clone()),
            (None, None) => Ok(SourceConfig::Synthetic(Default::default())),
            (Some(path), Some(_)) => Err(Error::setting(
                "data.path",
                path.display(),
                "left out where data.source is given",
            )),
        }
    }

    /// Checks what needs no data. `key` is the table's in the configuration.
    pub(crate) fn check(&self, key: &str) -> Result<()> {
        let wrong = |problem: String| Error::Config {
            origin: key.to_owned(),
            problem,
        };
        let in_table = |table: &str, checked: ffc_data::Result<()>| {
            checked.map_err(|error| match error {
                ffc_data::Error::Setting {
                    setting,
                    value,
                    expected,
                } => Error::setting(format!("{key}.{table}.{setting}"), value, expected),
                error => error.into(),
            })
        };
        in_table("split", self.split.map_or(Ok(()), |split| split.check()))?;
        in_table(
            "images",
            self.images.map_or(Ok(()), |counts| counts.check()),
        )?;
        match (&self.path, &self.source) {
            (Some(path), Some(_)) => Err(wrong(format!(
                "path ({}) and source are both given, but one of them names the set",
                path.display()
            ))),
            (None, Some(SourceConfig::Synthetic(config))) => {
                let synthetic = Synthetic::new(config.clone());
                synthetic
                    .map(drop)
                    .map_err(|error| wrong(format!("source: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Opens the set; builds its index where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where the source or its index cannot be used; [`Error::Config`] where a line of the list names no
    /// identity of the set, or one a second time.
    pub fn open(&self, progress: &mut dyn FnMut(BuildProgress)) -> Result<Arc<Dataset>> {
        self.open_in("", progress)
    }

    /// The same for the table `key` of a configuration, which messages name.
    pub(crate) fn open_in(
        &self,
        key: &str,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Arc<Dataset>> {
        if let Some(path) = &self.path
            && let Ok(false) = path.try_exists()
        {
            return Err(missing(path, key));
        }
        let source = self.source()?;
        let dataset = match &self.index {
            Some(index) if !matches!(source, SourceConfig::Synthetic(_)) => {
                Dataset::open_or_build_at(source.open()?, index, &self.build, progress)?
            }
            _ => Dataset::open_or_build(&source, &self.build, progress)?,
        };
        let mut dataset = Arc::new(dataset.as_stored(self.as_stored));
        if let Some(list) = &self.identities {
            let identities = listed(&dataset, list)?;
            dataset = Arc::new(dataset.select(identities)?);
        }
        if let Some(split) = self.split {
            let identities = split.identities(dataset.index())?;
            dataset = Arc::new(dataset.select(identities)?);
        }
        if let Some(counts) = self.images {
            dataset = Arc::new(dataset.thin(counts)?);
        }
        if self.rotations {
            dataset = Arc::new(dataset.with_rotations()?);
        }
        Ok(dataset)
    }
}

/// Says where pictures were looked for.
fn missing(path: &Path, key: &str) -> Error {
    let here = std::env::current_dir().unwrap_or_default();
    let named = match key {
        "" => String::new(),
        key => format!(" ({key}.path)"),
    };
    let begin = match path.starts_with("~") {
        true => "~ stands for the home folder in a shell alone: write the whole path".to_owned(),
        false => format!(
            "paths begin in the folder in which the command is called, {}",
            here.display()
        ),
    };
    Error::Data(ffc_data::Error::Format {
        path: path.to_owned(),
        problem: format!("No such file or folder{named}; {begin}"),
    })
}

/// The identities that a file lists.
fn listed(dataset: &Dataset, list: &Path) -> Result<Vec<u64>> {
    let text = ffc_files::read_text(list).map_err(Error::io("read", list))?;
    let index = dataset.index();
    let mut numbers = HashMap::new();
    for identity in 0..index.identities() {
        numbers.insert(dataset.identity_name(identity)?, identity);
    }
    let lines = text.lines().enumerate();
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty()).peekable();
    let wrong = |at: usize, problem: String| Error::Config {
        origin: format!("{}, line {}", list.display(), at + 1),
        problem,
    };
    // LFW's lists begin with their length.
    let follow = lines.clone().count().saturating_sub(1);
    let count = |line: &str| line.trim_matches(' ').parse::<usize>().ok();
    if let Some((at, line)) = lines.next_if(|(_, line)| follow > 0 && count(line) == Some(follow))
        && numbers.contains_key(line.trim())
    {
        let problem = format!(
            "{line} names an identity and is the number of lines that follow; remove the line if it is their number, move \
             it down if it is a name"
        );
        return Err(wrong(at, problem));
    }
    let mut taken = HashSet::new();
    let mut identities = Vec::new();
    for (at, line) in lines {
        let name = line.split('\t').next().unwrap_or_default().trim();
        let Some(&identity) = numbers.get(name) else {
            let set = dataset.source().path().display();
            let mut problem = format!("there is no identity {name:?} in {set}");
            if identities.is_empty() && count(line).is_some() {
                problem.push_str(&format!(", and {follow} lines follow"));
            }
            return Err(wrong(at, problem));
        };
        if !taken.insert(identity) {
            return Err(wrong(at, format!("{name:?} is listed a second time")));
        }
        identities.push(identity);
    }
    if identities.is_empty() {
        return Err(Error::Config {
            origin: list.display().to_string(),
            problem: "lists no identity".into(),
        });
    }
    Ok(identities)
}
