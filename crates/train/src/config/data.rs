use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffc_data::{BuildConfig, BuildProgress, Dataset, SourceConfig};
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
    /// A text file that lists the identities to take, a name a line, by default all. What follows a tab is ignored, and
    /// so is a first line that is a number, as LFW's lists have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identities: Option<PathBuf>,
    /// Whether each identity counts four times, turned by quarters: for characters, not for faces. Default: false.
    pub rotations: bool,
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

    /// Opens the set; builds its index where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where the source or its index cannot be used; [`Error::Config`] where the list names an identity that
    /// is not there.
    pub fn open(&self, progress: &mut dyn FnMut(BuildProgress)) -> Result<Arc<Dataset>> {
        let source = self.source()?;
        let dataset = match &self.index {
            Some(index) if !matches!(source, SourceConfig::Synthetic(_)) => {
                Dataset::open_or_build_at(source.open()?, index, &self.build, progress)?
            }
            _ => Dataset::open_or_build(&source, &self.build, progress)?,
        };
        let mut dataset = Arc::new(dataset);
        if let Some(list) = &self.identities {
            let identities = listed(&dataset, list)?;
            dataset = Arc::new(dataset.select(identities)?);
        }
        if self.rotations {
            dataset = Arc::new(dataset.with_rotations()?);
        }
        Ok(dataset)
    }
}

/// The identities that a file lists.
fn listed(dataset: &Dataset, list: &Path) -> Result<Vec<u64>> {
    let text = std::fs::read_to_string(list).map_err(Error::io("read", list))?;
    let index = dataset.index();
    let mut numbers = HashMap::new();
    for identity in 0..index.identities() {
        numbers.insert(index.name_of(identity)?, identity);
    }
    let mut identities = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let name = line.split('\t').next().unwrap_or_default().trim();
        if name.is_empty() || (at == 0 && name.parse::<u64>().is_ok()) {
            continue;
        }
        let problem = |problem: &str| Error::Config {
            origin: format!("{}, line {}", list.display(), at + 1),
            problem: format!(
                "{problem} {name:?} in {}",
                dataset.source().path().display()
            ),
        };
        match numbers.remove(name) {
            Some(identity) => identities.push(identity),
            None => return Err(problem("named twice, or there is no identity")),
        }
    }
    if identities.is_empty() {
        return Err(Error::Config {
            origin: list.display().to_string(),
            problem: "lists no identity".into(),
        });
    }
    Ok(identities)
}
