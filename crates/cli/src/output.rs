use std::fmt::Arguments;
use std::io::Write;

/// Writes a line to the standard output. Where nobody reads on, as behind `| head`, there is nothing left to do.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::write(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(crate) use say;

pub fn write(text: Arguments<'_>) {
    if std::io::stdout().write_fmt(text).is_err() {
        std::process::exit(0);
    }
}
