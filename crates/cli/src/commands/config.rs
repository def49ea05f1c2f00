use std::process::ExitCode;

use ffc_train::Config;
use ffc_train::config::Preset;
use ffc_train::mine::Mine;

use crate::arguments;
use crate::device::DeviceName;
use crate::error::Result;
use crate::output;
use crate::output::say;
use crate::presets::{config, is_mine, text};

/// Shows and checks configurations.
pub fn run(command: arguments::Config) -> Result<ExitCode> {
    match command {
        arguments::Config::Show { config: None, .. } => {
            say!(
                "{:14}  your own pictures, settings chosen by looking at them",
                Mine::NAME
            );
            for Preset { name, purpose, .. } in Preset::ALL {
                say!("{name:14}  {purpose}");
            }
        }
        arguments::Config::Show {
            config: Some(name),
            set,
            resolved,
        } => {
            if resolved || !set.is_empty() || is_mine(&name) {
                let (config, reasons) = resolve(&name, &set)?;
                for reason in reasons {
                    say!("# {reason}");
                }
                output::write(format_args!("{}", config.to_toml()?));
            } else {
                output::write(format_args!("{}", text(&name)?));
            }
        }
        arguments::Config::Check { config: name, set } => {
            let (device, _) = DeviceName::Auto.open()?;
            let (config, _) = config(&name, &set, &device, &mut |_| {})?;
            config.check_network(&device)?;
            say!("{name} is right");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration for the device that a training would take, and what decided it.
fn resolve(name: &str, set: &[String]) -> Result<(Config, Vec<String>)> {
    let (device, _) = DeviceName::Auto.open()?;
    config(name, set, &device, &mut |_| {})
}
