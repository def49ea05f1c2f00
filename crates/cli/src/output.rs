use std::borrow::Cow;
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
    let text = text.to_string();
    match std::io::stdout().write_all(printable(&text).as_bytes()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            std::process::exit(1);
        }
    }
}

/// The text as a terminal may have it: a name of a file or identity must not move its cursor or change its colours. Lines and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_command = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let escape = |letter: char| match is_command(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_command_no_terminal() {
        assert_eq!(printable("a\tb\n"), "a\tb\n");
        assert_eq!(
            printable("x\u{1b}[31m\u{9b}2J\r"),
            "x\\u{1b}[31m\\u{9b}2J\\r"
        );
    }
}
