//! What environment variables say about a bench.

use std::error::Error;
use std::str::FromStr;

use burn::tensor::Device;
use ffc_model::BackboneConfig;
use ffc_model::network::{CompactConfig, IResNetConfig, MobileFaceNetConfig, VitConfig};
use ffc_train::config::Precision;

/// The device that `BURN_DEVICE` names (flex, wgpu, cuda); the CPU without it.
///
/// # Panics
///
/// If the build lacks that backend.
pub fn device() -> Device {
    match std::env::var_os("BURN_DEVICE") {
        Some(_) => Device::default(),
        None => Device::flex(),
    }
}

/// The values of a variable, separated by commas; the default where it is not set.
///
/// # Errors
///
/// If a value cannot be read.
pub fn list<T: FromStr<Err: Error + 'static>>(
    variable: &str,
    default: &str,
) -> Result<Vec<T>, Box<dyn Error>> {
    let text = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let values = text.split(',').map(|value| {
        let value = value.trim();
        value
            .parse()
            .map_err(|error| format!("{variable}: {value:?}: {error}").into())
    });
    values.collect()
}

/// The precision of this name.
///
/// # Errors
///
/// If there is none.
pub fn precision(name: &str) -> Result<Precision, String> {
    match name {
        "f32" => Ok(Precision::F32),
        "bf16" => Ok(Precision::Bf16),
        _ => Err(format!("no precision {name}; expected f32 or bf16")),
    }
}

/// The networks that are measured, by their names.
///
/// # Errors
///
/// If there is none of this name.
pub fn network(name: &str) -> Result<BackboneConfig, String> {
    Ok(match name {
        "MobileFaceNet" => BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default()),
        "IResNet-50" => BackboneConfig::Iresnet(IResNetConfig::default()),
        "ViT-T" => BackboneConfig::Vit(VitConfig::tiny()),
        "ViT-S" => BackboneConfig::Vit(VitConfig::small()),
        "Compact" => BackboneConfig::Compact(CompactConfig::default()),
        _ => {
            return Err(format!(
                "no network {name}; expected MobileFaceNet, IResNet-50, ViT-T, ViT-S or Compact"
            ));
        }
    })
}
