use std::sync::atomic::{AtomicBool, Ordering};

use ffc_train::Interrupt;

use crate::error::{Error, INTERRUPTED, Result};
use crate::ranks::are_launched;

/// What Ctrl-C asks; a second one ends at once. SIGUSR1, which `mpirun` hands on to all processes and job systems send before a job's time is over,
/// asks the same, any number of times.
///
/// # Errors
/// Where another has taken the signals.
pub fn interrupt() -> Result<Interrupt> {
    let interrupt = Interrupt::default();
    let (asked, again) = (interrupt.clone(), AtomicBool::new(false));
    let handler = move || {
        asked.request();
        if again.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        // Launchers end processes by the same signals.
        if !are_launched() {
            eprintln!("stopping; once more stops at once");
        }
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Error::Failed(format!("cannot listen for Ctrl-C: {error}")))?;
    #[cfg(unix)]
    listen(interrupt.clone())
        .map_err(|error| Error::Failed(format!("cannot listen for SIGUSR1: {error}")))?;
    Ok(interrupt)
}

#[cfg(unix)]
fn listen(interrupt: Interrupt) -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGUSR1])?;
    let listening = std::thread::Builder::new().name("ffc-signals".into());
    listening.spawn(move || {
        for _ in signals.forever() {
            if !interrupt.request() && !are_launched() {
                eprintln!("SIGUSR1: saving and stopping");
            }
        }
    })?;
    Ok(())
}
