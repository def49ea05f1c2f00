use std::collections::HashMap;

use ffc_data::Dataset;

use crate::Result;
use crate::list_file::shown;

/// Finds images of a set by the names that the set shows, `<identity>/<file>`: in a folder the path below its root. A path that begins
/// with the set's own is taken too, and so is a file's name alone where one identity has it.
pub(crate) struct ImagePaths {
    /// The set's path as it was given, and the whole one, with a slash behind each.
    roots: [String; 2],
    images: HashMap<String, Found>,
    /// Whether the set knows names of files.
    named: bool,
}

/// What a name led to.
#[derive(Clone, Copy)]
enum Found {
    Nothing,
    One(u64),
    Several,
}

impl ImagePaths {
    /// Goes through the set once for all names.
    ///
    /// # Errors
    /// If the set's names cannot be read.
    pub(crate) fn find<'a>(
        dataset: &Dataset,
        wanted: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let root = dataset.source().path();
        let whole = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let roots = [root, &whole].map(|root| {
            let root = root.display().to_string();
            format!("{}/", root.trim_end_matches('/'))
        });
        let images = wanted.map(|path| (below(&roots, path).to_owned(), Found::Nothing));
        let mut paths = Self {
            images: images.collect(),
            roots,
            named: true,
        };
        let index = dataset.index();
        let mut path = String::new();
        for identity in 0..index.identities() {
            let name = dataset.identity_name(identity)?;
            for image in index.images_of(identity) {
                let Some(file) = dataset.file_name(image)? else {
                    paths.named = false;
                    return Ok(paths);
                };
                path.clear();
                path.extend([&name[..], "/", &file]);
                for key in [&path[..], &file] {
                    if let Some(found) = paths.images.get_mut(key) {
                        *found = match *found {
                            Found::Nothing => Found::One(image),
                            Found::One(_) | Found::Several => Found::Several,
                        };
                    }
                }
            }
        }
        Ok(paths)
    }

    /// The image of a name that was looked for, or what is wrong with the name.
    pub(crate) fn image(&self, path: &str) -> std::result::Result<u64, String> {
        let root = self.roots[0].trim_end_matches('/');
        if !self.named {
            return Err(format!(
                "{root} keeps no names of files: pictures that a list names must lie in a folder or a zip archive"
            ));
        }
        match self.images.get(below(&self.roots, path)) {
            Some(Found::One(image)) => Ok(*image),
            Some(Found::Several) => Err(format!(
                "several identities in {root} have an image `{}`; write `<identity>/<file>`",
                shown(path)
            )),
            Some(Found::Nothing) | None => {
                Err(format!("there is no image `{}` in {root}", shown(path)))
            }
        }
    }
}

/// The path below one of the roots.
fn below<'a>(roots: &[String], path: &'a str) -> &'a str {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut below = roots.iter().filter_map(|root| {
        let root = root.strip_prefix("./").unwrap_or(root);
        path.strip_prefix(root)
    });
    below.next().unwrap_or(path)
}
