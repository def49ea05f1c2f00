use std::process::ExitCode;

use ffc_compare::Program;
use ffc_compare::identities::{HEADS, Measurement, Sweep, table, write_results};
use ffc_train::format::{count, duration, significant};
use ffc_train::{Config, Timing, TrainingData};

use crate::arguments::{BenchIdentities, BenchStep};
use crate::error::{Error, Result};
use crate::output::{self, say};

/// Times the steps of a configuration.
pub fn step(arguments: BenchStep) -> Result<ExitCode> {
    let (device, name) = arguments.device.open()?;
    let config = Config::named(&arguments.config, &arguments.set)?;
    let data = TrainingData::open(&config, &mut |_| {})?;
    let timing = Timing::measure(&config, data, &device, arguments.steps, arguments.evaluate)?;
    if arguments.json {
        let json = serde_json::to_string(&timing);
        say!(
            "{}",
            json.map_err(|error| Error::Failed(error.to_string()))?
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (dim, batch) = (config.backbone.embedding(), config.loader.batch);
    let bytes = config.head.bytes(timing.identities, dim, batch);
    let per_s = |images: usize| significant(images as f64 / timing.step_s, 3);
    let mib = |bytes: u64| significant(bytes as f64 / f64::from(1 << 20), 3);
    let pictures = timing.pictures;
    say!("{} identities, on {name}", count(timing.identities));
    say!(
        "a step: {} ms, of it the head alone {} ms",
        significant(1e3 * timing.step_s, 3),
        significant(1e3 * timing.head_s, 3)
    );
    say!(
        "images/s: {} trained, {} embedded, {} instances",
        per_s(pictures.trained),
        per_s(pictures.embedded),
        per_s(pictures.instances)
    );
    if arguments.evaluate {
        say!("the evaluations: {}", duration(timing.evaluation_s));
    }
    say!(
        "the head keeps {} MiB of rows, {} of momenta, {} of copies in a step, {} in a file",
        mib(bytes.rows),
        mib(bytes.momenta),
        mib(bytes.of_step),
        mib(bytes.in_file)
    );
    if let Some(peak) = timing.peak_memory_bytes {
        say!("the process held {} MiB at most", mib(peak));
    }
    say!(
        "the whole training: about {}",
        duration(timing.expected_s(&config))
    );
    Ok(ExitCode::SUCCESS)
}

/// Measures heads over the number of identities.
pub fn identities(arguments: BenchIdentities, quiet: bool) -> Result<ExitCode> {
    for (argument, value) in [
        ("--memory", arguments.memory),
        ("--head-seconds", arguments.head_seconds),
    ] {
        // What is no number is not above 0 either.
        if value.is_nan() || value <= 0.0 {
            return Err(Error::Usage(format!(
                "{argument} is {value}, but must be above 0"
            )));
        }
    }
    let (device, _) = arguments.device.open()?;
    drop(device);
    let mut identities = arguments.identities;
    identities.sort_unstable();
    identities.dedup();
    let all = || HEADS.map(|(name, _)| name.to_owned()).to_vec();
    let sweep = Sweep {
        base: arguments.config,
        overrides: arguments.set,
        identities,
        heads: if arguments.heads.is_empty() {
            all()
        } else {
            arguments.heads
        },
        steps: arguments.steps,
        memory_bytes: (arguments.memory * f64::from(1 << 30)) as u64,
        head_s: arguments.head_seconds,
    };
    let program = Program::this(arguments.device.to_string())?;
    let measurements = sweep.run(
        &arguments.out,
        &program,
        &mut |measurement: &Measurement| {
            if !quiet {
                let how = measurement.how();
                eprintln!(
                    "{}, {} identities: {how}",
                    measurement.head,
                    count(measurement.identities)
                );
            }
        },
    )?;
    let page = write_results(&arguments.out, &sweep.base, &measurements)?;
    output::write(format_args!("{}", table(&measurements)));
    let mut code = ExitCode::SUCCESS;
    for measurement in &measurements {
        if let Some(problem) = &measurement.problem {
            let identities = count(measurement.identities);
            say!(
                "failed: {}, {identities} identities: {problem}",
                measurement.head
            );
            code = ExitCode::FAILURE;
        }
    }
    say!("page: {}", page.display());
    Ok(code)
}
