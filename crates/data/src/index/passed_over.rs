use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Files of a source that are left out, since by their names they are no pictures: how many of each ending, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PassedOver {
    /// Files by ending, in lower case with the dot; those without one under an empty text.
    by_ending: BTreeMap<String, u64>,
    /// The first file that was met.
    first: String,
}

/// Endings that are told apart; an index has little room for them.
const MOST_ENDINGS: usize = 24;
/// Characters of an ending and of a path that are kept.
const MOST_OF_ENDING: usize = 12;
const MOST_OF_PATH: usize = 300;
/// What stands for all further endings.
const OTHERS: &str = "others";
/// Endings of pictures, and of films made of them.
const PICTURES: [&str; 22] = [
    ".avif", ".heic", ".heif", ".gif", ".tif", ".tiff", ".jxl", ".jp2", ".jpf", ".svg", ".ico",
    ".psd", ".dng", ".cr2", ".nef", ".arw", ".raw", ".tga", ".mp4", ".mov", ".avi", ".webm",
];
/// Endings of sets in one file.
const SETS: [&str; 5] = [".zip", ".tar", ".rec", ".mdb", ".lmdb"];
/// Endings that are shown.
const SHOWN: usize = 6;

impl PassedOver {
    pub(crate) fn add(&mut self, path: &str) {
        if self.is_empty() {
            self.first = beginning(path, MOST_OF_PATH);
        }
        let file = path.rsplit('/').next().unwrap_or_default();
        let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
        let ending = match ending {
            "" => String::new(),
            ending => format!(".{}", beginning(&ending.to_lowercase(), MOST_OF_ENDING)),
        };
        let is_new = !self.by_ending.contains_key(&ending);
        let key = match is_new && self.by_ending.len() >= MOST_ENDINGS {
            true => OTHERS.to_owned(),
            false => ending,
        };
        *self.by_ending.entry(key).or_default() += 1;
    }

    /// Number of files.
    pub fn files(&self) -> u64 {
        self.by_ending.values().sum()
    }

    /// Whether some are pictures by their endings, of formats that are not read.
    pub fn has_pictures(&self) -> bool {
        let mut pictures = PICTURES.iter();
        pictures.any(|ending| self.by_ending.contains_key(*ending))
    }

    /// Whether some are sets of pictures in one file by their endings.
    pub fn has_sets(&self) -> bool {
        let mut sets = SETS.iter();
        sets.any(|ending| self.by_ending.contains_key(*ending))
    }

    /// Whether a file is a picture by its ending, of a format that is not read.
    pub(crate) fn is_picture(name: &str) -> bool {
        let name = name.to_lowercase();
        PICTURES.iter().any(|ending| name.ends_with(ending))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_ending.is_empty()
    }
}

fn beginning(text: &str, most: usize) -> String {
    let printed = |character: char| {
        if character.is_control() {
            '?'
        } else {
            character
        }
    };
    text.chars().take(most).map(printed).collect()
}

/// Such as `5 files are left out (4 .gif, 1 .txt; first: id0/3.gif)`, and what to do where pictures are among them.
impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files();
        let are = if files == 1 { "file is" } else { "files are" };
        write!(f, "{files} {are} left out (")?;
        let mut endings: Vec<(&str, u64)> = (self.by_ending.iter())
            .map(|(ending, &files)| (&**ending, files))
            .collect();
        endings.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        for (at, &(ending, files)) in endings.iter().take(SHOWN).enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            let ending = if ending.is_empty() {
                "without one"
            } else {
                ending
            };
            write!(f, "{comma}{files} {ending}")?;
        }
        if endings.len() > SHOWN {
            f.write_str(", ...")?;
        }
        write!(f, "; first: {})", self.first)?;
        if self.has_pictures() {
            f.write_str("; convert pictures to JPEG, PNG, BMP, PNM or WebP")?;
        }
        if self.has_sets() {
            f.write_str("; a set in one file is read where it is named itself")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_by_their_endings() {
        let mut passed_over = PassedOver::default();
        assert!(passed_over.is_empty());
        for path in ["a/1.GIF", "a/2.gif", "b/list", "b/x.tar.gz"] {
            passed_over.add(path);
        }
        assert_eq!(passed_over.files(), 4);
        let told = passed_over.to_string();
        assert_eq!(
            told,
            "4 files are left out (2 .gif, 1 without one, 1 .gz; first: a/1.GIF); convert pictures to JPEG, PNG, BMP, PNM or WebP"
        );
        let mut set = PassedOver::default();
        set.add("more.tar");
        assert!(set.has_sets() && !passed_over.has_sets());
        let mut one = PassedOver::default();
        one.add("README");
        assert_eq!(
            one.to_string(),
            "1 file is left out (1 without one; first: README)"
        );
    }

    /// However many endings there are, they have room in the header of an index.
    #[test]
    fn the_room_they_take_is_bounded() {
        let mut passed_over = PassedOver::default();
        for number in 0..1000 {
            passed_over.add(&format!(
                "{}/x.{number}{}",
                "long".repeat(999),
                "e".repeat(99)
            ));
        }
        assert_eq!(passed_over.files(), 1000);
        assert!(serde_json::to_vec(&passed_over).unwrap().len() < 2000);
    }
}
