use std::collections::{HashMap, HashSet};
use std::path::Path;

use ffc_data::Dataset;

use crate::Result;

/// How a picture is called.
pub(super) struct Name {
    /// As the set shows it.
    pub(super) shown: String,
    /// Its aligned face below the folder, without ending.
    pub(super) stem: String,
}

/// The names of all pictures. Files of a folder that differ by their endings alone keep these.
pub(super) fn names(dataset: &Dataset) -> Result<Vec<Name>> {
    let index = dataset.index();
    let knows_identities = dataset.source().knows_identities();
    let (mut names, mut places) = (Vec::new(), Vec::new());
    for identity in 0..index.identities() {
        let folder = dataset.identity_name(identity)?;
        let path = Path::new(&folder);
        // A picture that nobody has sorted is named by its path.
        if let (false, Some(file)) = (knows_identities, path.file_name()) {
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
