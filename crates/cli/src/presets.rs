use std::path::Path;

use burn::tensor::Device;
use ffc_data::BuildProgress;
use ffc_train::Config;
use ffc_train::config::{DataConfig, Preset};
use ffc_train::mine::{Hardware, Mine};

use crate::error::{Error, Result};

/// Side of aligned faces where the pictures decide on the network.
const FACE_PX: usize = 112;

/// A configuration as it was written, comments included.
pub fn text(name: &str) -> Result<String> {
    if Path::new(name).is_file() {
        return std::fs::read_to_string(name).map_err(Error::io("read", name));
    }
    let preset = Preset::named(name)
        .ok_or_else(|| Error::Usage(format!("{name} {}", Preset::unknown(name))));
    Ok(preset?.text.to_owned())
}

/// Whether a name is that of the preset that is chosen for pictures, not written.
pub fn is_mine(name: &str) -> bool {
    name == Mine::NAME && !Path::new(name).is_file()
}

/// The pictures that a configuration trains on, and the side of the squares that its network takes.
///
/// # Errors
/// [`Error::Usage`] where these are no squares.
pub fn pictures(name: &str, set: &[String]) -> Result<(DataConfig, usize)> {
    if is_mine(name) {
        return Ok((Mine::pictures(set)?, FACE_PX));
    }
    let config = Config::named(name, set)?;
    let input = config.backbone.input();
    if input.height_px != input.width_px {
        return Err(Error::Usage(format!(
            "--align makes squares, but the network takes pictures of {} x {}",
            input.height_px, input.width_px
        )));
    }
    Ok((config.data, input.height_px))
}

/// The configuration of a file or a preset, and what decided the settings of one that is chosen.
pub fn config(
    name: &str,
    set: &[String],
    device: &Device,
    building: &mut dyn FnMut(BuildProgress),
) -> Result<(Config, Vec<String>)> {
    if !is_mine(name) {
        return Ok((Config::named(name, set)?, Vec::new()));
    }
    let hardware = match *device == Device::flex() {
        true => Hardware::Processor,
        false => Hardware::Gpu,
    };
    let mine = Mine::choose(set, hardware, building)?;
    Ok((mine.config, mine.reasons))
}
