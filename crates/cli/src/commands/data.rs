use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use ffc_data::{
    BuildConfig, BuildProgress, Dataset, ErrorChain, IndexBuilder, SourceConfig, Split, SplitSide,
};

use super::sheet::Sheet;
use crate::arguments::Data;
use crate::error::{Error, Result};
use crate::output::say;
use crate::pictures::SetArguments;

/// Indexes, inspects and shows pictures.
pub fn run(command: Data, quiet: bool) -> Result<ExitCode> {
    match command {
        Data::Index {
            data,
            index,
            force,
            close_gaps,
        } => {
            let config = SourceConfig::detect(&data)?;
            let path = index.or_else(|| config.index_path()).ok_or_else(|| {
                Error::Usage(format!(
                    "{} has no name to put an index beside",
                    data.display()
                ))
            })?;
            if path.exists() && !force {
                return Err(Error::Usage(format!(
                    "{} is there already; --force builds it anew",
                    path.display()
                )));
            }
            let build = BuildConfig {
                close_gaps,
                ..Default::default()
            };
            let mut show = |progress| {
                if !quiet {
                    show(progress);
                }
            };
            IndexBuilder::build(&*config.open()?, &path, &build, &mut show)?;
            say!("{}", path.display());
        }
        Data::Inspect { data, set, decode } => {
            return inspect(&*open_any(data, &set, quiet)?, decode);
        }
        Data::Split {
            data,
            set,
            out,
            held_out,
            seed,
        } => split(&*open(&data, &set, quiet)?, &out, held_out, seed)?,
        Data::Sheet {
            data,
            set,
            out,
            rows,
            columns,
            size,
            landmarks,
        } => {
            // Photographs need not be sorted.
            let dataset = match landmarks {
                Some(_) => open_any(data, &set, quiet)?,
                None => open(&data, &set, quiet)?,
            };
            Sheet {
                rows,
                columns,
                size,
                landmarks,
            }
            .write(&dataset, &out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(data: &Path, set: &SetArguments, quiet: bool) -> Result<Arc<Dataset>> {
    set.open(data, false, &mut |progress| show_unless(quiet, progress))
}

/// Pictures that nobody has sorted too.
fn open_any(data: PathBuf, set: &SetArguments, quiet: bool) -> Result<Arc<Dataset>> {
    set.open_any(&[data], false, &mut |progress| show_unless(quiet, progress))
}

fn show_unless(quiet: bool, progress: BuildProgress) {
    if !quiet {
        show(progress);
    }
}

/// A list that gives the same names when it is read.
fn list(mut names: Vec<String>) -> Result<String> {
    let is_odd = |name: &&String| name.contains(['\t', '\n', '\r']) || name.trim() != *name;
    if let Some(name) = names.iter().find(is_odd) {
        return Err(Error::Usage(format!(
            "a list cannot hold the identity {name:?}: names there end at a tab or a line's end and have no blanks around them"
        )));
    }
    // A first line that is the number of those that follow would be taken for that.
    let follow = names.len() - 1;
    let is_count = |name: &String| name.parse() == Ok(follow);
    let first = names.iter().position(|name| follow == 0 || !is_count(name));
    names.rotate_left(first.unwrap_or_default());
    Ok(names.join("\n") + "\n")
}

/// Writes lists of the identities to train on and of those that are held out.
fn split(dataset: &Dataset, out: &Path, held_out: f64, seed: u64) -> Result<()> {
    let sides = [
        ("train.txt", SplitSide::Train),
        ("held-out.txt", SplitSide::HeldOut),
    ];
    let sides = sides.map(|(name, take)| {
        let split = Split {
            held_out,
            take,
            seed,
        };
        Ok::<_, Error>((out.join(name), split.identities(dataset.index())?))
    });
    let [train, rest] = sides;
    let sides = [train?, rest?];
    std::fs::create_dir_all(out).map_err(Error::io("make the folder", out))?;
    for (path, identities) in sides {
        let names = identities
            .iter()
            .map(|&identity| dataset.identity_name(identity));
        let list = list(names.collect::<ffc_data::Result<_>>()?)?;
        ffc_files::write(&path, list).map_err(Error::io("write", &path))?;
        say!("{}: {} identities", path.display(), identities.len());
    }
    Ok(())
}

/// Fails, after all was said, where pictures cannot be decoded.
fn inspect(dataset: &Dataset, decode: bool) -> Result<ExitCode> {
    if dataset.source().knows_identities() {
        say_identities(dataset)?;
    } else {
        say!(
            "{} images that nobody has sorted: for align, embed and search; a training needs a folder for each identity",
            dataset.index().images()
        );
    }
    if decode {
        let (mut buffer, mut damaged) = (Vec::new(), 0);
        for image in 0..dataset.index().images() {
            let Err(error) = dataset.picture(image, &mut buffer) else {
                continue;
            };
            damaged += 1;
            say!("{}", ErrorChain(&error));
        }
        say!("{damaged} images cannot be decoded");
        if damaged > 0 {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How many images the identities have, and what may not be meant.
fn say_identities(dataset: &Dataset) -> Result<()> {
    let index = dataset.index();
    say!(
        "{} images of {} identities",
        index.images(),
        index.identities()
    );
    let mut counts: Vec<u64> = (0..index.identities())
        .map(|identity| {
            let images = index.images_of(identity);
            images.end - images.start
        })
        .collect();
    counts.sort_unstable();
    let quantile = |share: f64| counts[((counts.len() - 1) as f64 * share) as usize];
    say!(
        "images of an identity: least {}, half have {} or fewer, nine tenths {} or fewer, most {}",
        quantile(0.0),
        quantile(0.5),
        quantile(0.9),
        quantile(1.0)
    );
    let single = counts.partition_point(|&count| count < 2);
    say!("identities with a single image: {single}");
    if index.identities() == 1 {
        say!(
            "one identity alone: there is nothing to tell apart; each identity needs a folder of its own"
        );
    }
    if let Some(told) = Nested::of(dataset)? {
        say!("{told}");
    }
    if let Some(passed_over) = index.passed_over()
        && !passed_over.is_empty()
    {
        say!("{passed_over}");
    }
    Ok(())
}

/// Identities whose folders lie in other folders.
struct Nested {
    /// The most folders above one.
    depth: usize,
    /// Names that several of them have, and one that does.
    repeated: usize,
    example: String,
}

impl Nested {
    /// None where all lie at the top.
    fn of(dataset: &Dataset) -> Result<Option<Self>> {
        let (mut seen, mut depth) = (HashMap::new(), 0);
        for identity in 0..dataset.index().identities() {
            let name = dataset.identity_name(identity)?;
            let (above, own) = name.rsplit_once('/').unwrap_or(("", &name));
            if !above.is_empty() {
                depth = depth.max(above.split('/').count());
            }
            *seen.entry(own.to_owned()).or_insert(0_usize) += 1;
        }
        let repeated = seen.iter().filter(|(_, times)| **times > 1);
        let repeated: BTreeSet<&String> = repeated.map(|(name, _)| name).collect();
        Ok((depth > 0).then(|| Self {
            depth,
            repeated: repeated.len(),
            example: repeated
                .first()
                .map(|&name| name.clone())
                .unwrap_or_default(),
        }))
    }
}

impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let depth = self.depth + 1;
        write!(
            f,
            "identities lie up to {depth} folders deep and are named by the whole path"
        )?;
        match self.repeated {
            0 => Ok(()),
            repeated => {
                let names = if repeated == 1 {
                    "name occurs"
                } else {
                    "names occur"
                };
                let example = &self.example;
                write!(
                    f,
                    "; {repeated} {names} in several folders, such as `{example}`, and count as different identities"
                )
            }
        }
    }
}

/// A line that tells how far the building of an index is.
pub fn show(progress: BuildProgress) {
    match progress {
        BuildProgress::Scanning { images } => eprint!("\r{images} images found"),
        BuildProgress::Writing { images, total } => {
            eprint!("\r{images} of {total} images written");
            if images == total {
                eprintln!();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::list;

    #[test]
    fn a_list_holds_the_names_as_they_are() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(list(names(&["a", "b"])).unwrap(), "a\nb\n");
        assert_eq!(
            list(names(&["1", "8"])).unwrap(),
            "8\n1\n",
            "1 is the number of names that follow it"
        );
        assert_eq!(list(names(&["01", "9"])).unwrap(), "9\n01\n");
        for odd in ["a\tb", " a", "a ", "a\nb"] {
            assert!(list(names(&["x", odd])).is_err(), "{odd:?}");
        }
    }
}
