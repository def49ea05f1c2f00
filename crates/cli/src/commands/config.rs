use std::path::Path;
use std::process::ExitCode;

use crate::arguments;
use crate::error::{Error, Result};
use crate::output;
use crate::output::say;
use crate::presets::{PRESETS, load};

/// Shows and checks configurations.
pub fn run(command: arguments::Config) -> Result<ExitCode> {
    match command {
        arguments::Config::Show { config: None, .. } => {
            for (name, what, _) in PRESETS {
                say!("{name:10}  {what}");
            }
        }
        arguments::Config::Show {
            config: Some(name),
            set,
            resolved,
        } => {
            if resolved || !set.is_empty() {
                output::write(format_args!("{}", load(&name, &set)?.to_toml()?));
            } else {
                output::write(format_args!("{}", text(&name)?));
            }
        }
        arguments::Config::Check { config, set } => {
            load(&config, &set)?;
            say!("{config} is right");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A configuration as it was written, comments included.
fn text(name: &str) -> Result<String> {
    let preset = PRESETS.iter().find(|(preset, ..)| *preset == name);
    match preset {
        Some((_, _, text)) if !Path::new(name).is_file() => Ok((*text).to_owned()),
        _ if Path::new(name).is_file() => {
            std::fs::read_to_string(name).map_err(Error::io("read", name))
        }
        // Neither: what is wrong, and what there is.
        _ => load(name, &[])?.to_toml().map_err(Error::from),
    }
}
