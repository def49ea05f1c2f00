use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, Result};

/// A device as `--device` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// The best that was compiled in.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU through WebGPU.
    Wgpu(usize),
    /// An NVIDIA GPU through CUDA.
    Cuda(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, number) = match text.split_once(':') {
            None => (text, 0),
            Some((name, number)) => match number.parse() {
                Ok(number) => (name, number),
                Err(_) => return Err(format!("{number:?} is no number of a device")),
            },
        };
        match (name, text.contains(':')) {
            ("auto", false) => Ok(Self::Auto),
            ("cpu", false) => Ok(Self::Cpu),
            ("wgpu", _) => Ok(Self::Wgpu(number)),
            ("cuda", _) => Ok(Self::Cuda(number)),
            _ => Err("expected auto, cpu, wgpu, wgpu:N, cuda or cuda:N".into()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => write!(formatter, "auto"),
            Self::Cpu => write!(formatter, "cpu"),
            Self::Wgpu(number) => write!(formatter, "wgpu:{number}"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
        }
    }
}

impl DeviceName {
    /// # Errors
    /// [`Error::Usage`] where the command was built without it.
    pub fn open(self) -> Result<Device> {
        match self {
            Self::Auto | Self::Cpu => Ok(Device::flex()),
            Self::Wgpu(_) => Err(missing("wgpu")),
            Self::Cuda(_) => Err(missing("cuda")),
        }
    }
}

fn missing(backend: &str) -> Error {
    Error::Usage(format!(
        "this build has no {backend}: only the device cpu was compiled in"
    ))
}
