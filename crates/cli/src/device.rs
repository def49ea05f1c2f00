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
    /// A GPU through WebGPU; without a number that of the rank.
    Wgpu(Option<usize>),
    /// An NVIDIA GPU through CUDA; without a number that of the rank.
    Cuda(Option<usize>),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, number) = match text.split_once(':') {
            None => (text, None),
            Some((name, number)) => match number.parse() {
                Ok(number) => (name, Some(number)),
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
            Self::Wgpu(number) => write!(formatter, "wgpu:{}", number.unwrap_or(0)),
            Self::Cuda(number) => write!(formatter, "cuda:{}", number.unwrap_or(0)),
        }
    }
}

impl DeviceName {
    /// The one that a rank takes which is the `on_host`th of its machine: where no number is named, the GPU with its own.
    pub fn of_rank(self, on_host: usize) -> Self {
        match self {
            Self::Wgpu(None) => Self::Wgpu(Some(on_host)),
            Self::Cuda(None) => Self::Cuda(Some(on_host)),
            Self::Auto => Backend::ALL
                .into_iter()
                .find_map(|backend| backend.gpu(on_host))
                .unwrap_or(Self::Cpu),
            other => other,
        }
    }

    /// The device and what to call it: its name, and what the driver calls it.
    ///
    /// # Errors
    /// [`Error::Usage`] where the command was built without the backend or finds no such device.
    pub fn open(self) -> Result<(Device, String)> {
        let device = match self {
            Self::Auto => return Ok(best()),
            Self::Cpu => return Ok((Device::flex(), "cpu".into())),
            Self::Wgpu(number) => nth(Backend::Wgpu, number.unwrap_or(0))?,
            Self::Cuda(number) => nth(Backend::Cuda, number.unwrap_or(0))?,
        };
        let name = match model(&device) {
            Some(model) => format!("{self} ({model})"),
            None => self.to_string(),
        };
        Ok((device, name))
    }
}

/// A backend for GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// NVIDIA's.
    Cuda,
    /// Vulkan, Metal and DirectX.
    Wgpu,
}

impl Backend {
    /// Each, the one to prefer first.
    pub const ALL: [Self; 2] = [Self::Cuda, Self::Wgpu];

    /// As `--device` and cargo's features name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
        }
    }

    /// Its GPU of a rank, programs that draw on the processor left out; none where it has no GPU at all.
    fn gpu(self, on_host: usize) -> Option<DeviceName> {
        let devices = self.devices()?;
        let gpus = devices.iter().zip(0..);
        let gpus: Vec<usize> = gpus
            .filter(|(device, _)| !is_software(device))
            .map(|(_, number)| number)
            .collect();
        gpus.first()?;
        // Beyond the last one: opening it tells how many there are.
        let number = Some(gpus.get(on_host).copied().unwrap_or(devices.len()));
        Some(match self {
            Self::Cuda => DeviceName::Cuda(number),
            Self::Wgpu => DeviceName::Wgpu(number),
        })
    }

    /// Its devices in the order of their numbers; none where the command was built without it.
    pub fn devices(self) -> Option<Vec<Device>> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec()),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }
}

/// The first GPU, the processor where there is none.
fn best() -> (Device, String) {
    for backend in Backend::ALL {
        let devices = backend.devices().unwrap_or_default();
        let found = devices
            .into_iter()
            .zip(0..)
            .find(|(device, _)| !is_software(device));
        if let Some((device, number)) = found {
            let model = model(&device).map_or(String::new(), |model| format!(" ({model})"));
            return (device, format!("{}:{number}{model}", backend.name()));
        }
    }
    (Device::flex(), "cpu".into())
}

/// Whether a device of wgpu is a program that draws on the processor: Flex is faster there.
fn is_software(device: &Device) -> bool {
    #[cfg(feature = "wgpu")]
    return *device == Device::wgpu(burn::tensor::DeviceKind::Cpu);
    #[cfg(not(feature = "wgpu"))]
    {
        let _ = device;
        false
    }
}

/// What the driver calls a GPU.
pub fn model(device: &Device) -> Option<String> {
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    return device.identity().map(|identity| identity.name.to_string());
    #[cfg(not(any(feature = "wgpu", feature = "cuda")))]
    {
        let _ = device;
        None
    }
}

fn nth(backend: Backend, number: usize) -> Result<Device> {
    let name = backend.name();
    let Some(mut devices) = backend.devices() else {
        return Err(Error::Usage(format!(
            "this build has no {name}: build it with `cargo build --release --features {name}`, or use --device cpu"
        )));
    };
    let found = devices.len();
    if number >= found {
        let known = match found {
            0 => format!("no {name} device was found; install its driver or use --device cpu"),
            1 => format!("there is only {name}:0"),
            _ => format!("there are {name}:0 to {name}:{}", found - 1),
        };
        return Err(Error::Usage(format!(
            "{name}:{number} is not there: {known}; `ffc doctor` lists all devices"
        )));
    }
    Ok(devices.swap_remove(number))
}
