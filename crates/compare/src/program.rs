use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ffc_train::Timing;

use crate::{Error, Result};

/// What launchers of MPI programs tell their processes.
const LAUNCHED: [&str; 6] = [
    "OMPI_COMM_WORLD_SIZE",
    "OMPI_COMM_WORLD_RANK",
    "PMI_SIZE",
    "PMI_RANK",
    "PMIX_RANK",
    "SLURM_STEP_NUM_TASKS",
];

/// The program that trains a cell and times steps: the command `ffc`.
///
/// A process of its own for each cell measures its memory alone, and what ends one does not end the others.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// What its `--device` is given.
    pub device: String,
    /// Threads that compute; by default one a core.
    pub threads: Option<usize>,
}

impl Program {
    /// The program that runs.
    ///
    /// # Errors
    ///
    /// [`Error::Program`] where the system does not tell which it is.
    pub fn this(device: String) -> Result<Self> {
        let path = std::env::current_exe().map_err(|error| Error::Program {
            program: "ffc".to_owned(),
            problem: format!("cannot be found: {error}"),
        })?;
        Ok(Self {
            path,
            device,
            threads: None,
        })
    }

    /// Starts or resumes the training of a run folder. It saves and stops when its standard input is closed, so also when this process is
    /// gone. What it writes is added to `output`.
    pub(crate) fn train(&self, run: &Path, output: &Path) -> Result<Child> {
        let failed = Error::io("write", output);
        let log = File::options().create(true).append(true).open(output);
        let log = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(failed)?;
        let mut command = self.command();
        command
            .args([
                "--quiet",
                "train",
                "--stop-with-stdin",
                "--device",
                &self.device,
                "--resume",
            ])
            .arg(run)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err);
        // Ctrl-C is for the process that compares, which then closes the input.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|error| self.failed(error))
    }

    /// Times steps of a configuration, and its evaluations once where `evaluate` says so.
    pub(crate) fn time(
        &self,
        base: &str,
        overrides: &[String],
        steps: usize,
        evaluate: bool,
    ) -> Result<Timing> {
        let mut command = self.command();
        command
            .args([
                "--quiet",
                "bench",
                "step",
                base,
                "--json",
                "--device",
                &self.device,
            ])
            .args(["--steps", &steps.to_string()])
            .args(overrides.iter().flat_map(|setting| ["--set", setting]))
            .stdin(Stdio::null());
        if evaluate {
            command.arg("--evaluate");
        }
        let output = command.output().map_err(|error| self.failed(error))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(
                self.failed(last_error(&message).unwrap_or_else(|| output.status.to_string()))
            );
        }
        serde_json::from_slice(&output.stdout).map_err(|error| self.failed(error))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        // Where this one was launched as a process of MPI, a child is none.
        for name in LAUNCHED {
            command.env_remove(name);
        }
        if let Some(threads) = self.threads {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
        command
    }

    fn failed(&self, problem: impl ToString) -> Error {
        let name = self.path.file_name().unwrap_or(OsStr::new("ffc"));
        Error::Program {
            program: name.to_string_lossy().into_owned(),
            problem: problem.to_string(),
        }
    }
}

/// The last error that a program wrote, without the word.
pub(crate) fn last_error(text: &str) -> Option<String> {
    let start = text.rfind("error: ").map(|at| at + "error: ".len())?;
    Some(text[start..].trim_end().to_owned())
}
