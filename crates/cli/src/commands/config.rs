use std::process::ExitCode;

use ffc_train::Config;
use ffc_train::config::Preset;

use crate::arguments;
use crate::error::Result;
use crate::output;
use crate::output::say;
use crate::presets::text;

/// Shows and checks configurations.
pub fn run(command: arguments::Config) -> Result<ExitCode> {
    match command {
        arguments::Config::Show { config: None, .. } => {
            for Preset { name, purpose, .. } in Preset::ALL {
                say!("{name:14}  {purpose}");
            }
        }
        arguments::Config::Show {
            config: Some(name),
            set,
            resolved,
        } => {
            if resolved || !set.is_empty() {
                output::write(format_args!("{}", Config::named(&name, &set)?.to_toml()?));
            } else {
                output::write(format_args!("{}", text(&name)?));
            }
        }
        arguments::Config::Check { config, set } => {
            Config::named(&config, &set)?;
            say!("{config} is right");
        }
    }
    Ok(ExitCode::SUCCESS)
}
