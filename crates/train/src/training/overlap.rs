use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ffc_data::Dataset;

use crate::Result;

/// Identities of the training set that are compared at most: more would take minutes, and are too many to be known by name.
const MOST_COMPARED: u64 = 5_000_000;
/// Names that a message shows.
const SHOWN: usize = 3;

/// Says how many identities of an evaluation are trained on too, by their names. Sets of different places that number their identities
/// are not compared: the same number is another identity there.
pub(super) fn overlap(trained: &Dataset, evaluated: &Dataset) -> Result<Option<String>> {
    let (index, measured) = (trained.index(), evaluated.index());
    if index.identities() > MOST_COMPARED || measured.identities() > MOST_COMPARED {
        return Ok(None);
    }
    let same_place = place(trained) == place(evaluated);
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let mut names = HashSet::new();
    for identity in 0..measured.identities() {
        let name = evaluated.identity_name(identity)?;
        if same_place || !is_number(&name) {
            names.insert(name);
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    let (mut both, mut shown) = (0, Vec::new());
    for identity in 0..index.identities() {
        let name = trained.identity_name(identity)?;
        if names.remove(&name) {
            both += 1;
            if shown.len() < SHOWN {
                shown.push(name);
            }
        }
    }
    Ok((both > 0).then(|| {
        let more = if both > shown.len() { ", ..." } else { "" };
        format!(
            "{both} of its {} identities are trained on too ({}{more}): it does not tell what the network is worth on others",
            measured.identities(),
            shown.join(", ")
        )
    }))
}

fn place(dataset: &Dataset) -> PathBuf {
    let path: &Path = dataset.source().path();
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
