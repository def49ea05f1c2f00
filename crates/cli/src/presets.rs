use std::path::Path;

use ffc_train::config::Preset;

use crate::error::{Error, Result};

/// A configuration as it was written, comments included.
pub fn text(name: &str) -> Result<String> {
    if Path::new(name).is_file() {
        return std::fs::read_to_string(name).map_err(Error::io("read", name));
    }
    Ok(preset(name)?.text.to_owned())
}

fn preset(name: &str) -> Result<Preset> {
    Preset::named(name).ok_or_else(|| {
        Error::Usage(format!(
            "{name} is neither a file nor a preset; presets are {}",
            Preset::ALL.map(|preset| preset.name).join(", ")
        ))
    })
}
