use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Writes a line to the standard output. Where nobody reads on, as behind `| head`, there is nothing left to do; where it cannot be
/// written, as on a full disk, whoever reads must not take a part for the whole.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::write(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(crate) use say;

pub fn write(text: Arguments<'_>) {
    match std::io::stdout().write_fmt(text) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            std::process::exit(1);
        }
    }
}
