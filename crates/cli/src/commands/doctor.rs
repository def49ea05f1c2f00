use std::panic;
use std::process::ExitCode;

use burn::tensor::{DType, Device, Tensor};

use crate::device::{Backend, model};
use crate::environment::environment;
use crate::error::Result;
use crate::output::say;

/// Shows what there is and whether it works.
pub fn run() -> Result<ExitCode> {
    for (name, value) in environment("") {
        if name != "started" {
            say!("{name:10} {value}");
        }
    }
    if let Some(memory) = memory() {
        say!("{:10} {memory}", "memory");
    }
    say!("{:10} {}", "mpi", mpi());
    let mut all_work = show("cpu", &Device::flex());
    for backend in Backend::ALL {
        let name = backend.name();
        match backend.devices() {
            None => say!("{name:10} not in this build"),
            Some(devices) if devices.is_empty() => say!("{name:10} no device found"),
            Some(devices) => {
                for (device, number) in devices.iter().zip(0..) {
                    all_work &= show(&format!("{name}:{number}"), device);
                }
            }
        }
    }
    Ok(match all_work {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Tries a device and says what came out.
fn show(name: &str, device: &Device) -> bool {
    // A driver that fails makes burn panic: its message is the answer here.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(|| {
        let model = model(device).map_or(String::new(), |model| format!(", {model}"));
        let bf16 = match device.supports_dtype(DType::BF16) {
            true => ", bf16",
            false => "",
        };
        (works(device), format!("{model}{bf16}"))
    });
    panic::set_hook(hook);
    match &result {
        Ok((true, what)) => say!("{name:10} works{what}"),
        Ok((false, what)) => say!("{name:10} gives wrong results{what}"),
        Err(_) => say!("{name:10} cannot be opened: its driver failed"),
    }
    matches!(result, Ok((true, _)))
}

/// A product whose result is known.
fn works(device: &Device) -> bool {
    let a = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0]], device);
    let product = a.clone().matmul(a).try_into_vec_as::<f32>();
    product.is_ok_and(|values| values == [7.0, 10.0, 15.0, 22.0])
}

/// The MPI that this was built with, which lets several processes train together.
fn mpi() -> String {
    #[cfg(feature = "mpi")]
    return ffc_mpi::library();
    #[cfg(not(feature = "mpi"))]
    "not in this build".into()
}

/// Memory that is free and that there is, where the system tells it.
fn memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let gib = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / f64::from(1 << 20))
    };
    let (free, all) = (gib("MemAvailable:")?, gib("MemTotal:")?);
    Some(format!("{free:.1} of {all:.1} GiB free"))
}
