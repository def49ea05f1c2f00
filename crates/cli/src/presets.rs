use std::path::Path;

use ffc_train::Config;

use crate::error::{Error, Result};

/// Configurations that come with the command, and what each is for.
pub const PRESETS: [(&str, &str, &str); 6] = [
    (
        "synthetic",
        "drawn identities; needs no data, minutes on a processor",
        include_str!("../../../configs/synthetic.toml"),
    ),
    (
        "omniglot",
        "characters of Omniglot, evaluated on unseen alphabets",
        include_str!("../../../configs/omniglot.toml"),
    ),
    (
        "lfw",
        "Labeled Faces in the Wild, View 1",
        include_str!("../../../configs/lfw.toml"),
    ),
    (
        "face-112",
        "faces of 112 pixels as FFC was published",
        include_str!("../../../configs/face-112.toml"),
    ),
    (
        "face-10m",
        "faces of ten million identities",
        include_str!("../../../configs/face-10m.toml"),
    ),
    (
        "reference",
        "every key with its default",
        include_str!("../../../configs/reference.toml"),
    ),
];

/// Reads a configuration: a file, or a preset by its name.
pub fn load(name: &str, overrides: &[String]) -> Result<Config> {
    if Path::new(name).is_file() {
        return Ok(Config::load(Path::new(name), overrides)?);
    }
    match PRESETS.iter().find(|(preset, ..)| *preset == name) {
        Some((_, _, text)) => Ok(Config::parse(text, &format!("preset {name}"), overrides)?),
        None => Err(Error::Usage(format!(
            "{name} is neither a file nor a preset; presets are {}",
            PRESETS.map(|(preset, ..)| preset).join(", ")
        ))),
    }
}
