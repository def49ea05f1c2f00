use std::process::ExitCode;

use burn::tensor::{Device, Tensor};

use crate::device::DeviceName;
use crate::environment::environment;
use crate::error::Result;
use crate::output::say;

/// Shows what there is and whether it works.
pub fn run() -> Result<ExitCode> {
    for (name, value) in environment(DeviceName::Cpu) {
        if name != "device" && name != "started" {
            say!("{name:10} {value}");
        }
    }
    if let Some(memory) = memory() {
        say!("{:10} {memory}", "memory");
    }
    let works = works(&Device::flex());
    let result = if works {
        "works"
    } else {
        "gives wrong results"
    };
    say!("{:10} {result}", "cpu");
    for name in ["wgpu", "cuda"] {
        say!("{name:10} not in this build");
    }
    Ok(match works {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A product whose result is known.
fn works(device: &Device) -> bool {
    let a = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0]], device);
    let product = a.clone().matmul(a).try_into_vec_as::<f32>();
    product.is_ok_and(|values| values == [7.0, 10.0, 15.0, 22.0])
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
