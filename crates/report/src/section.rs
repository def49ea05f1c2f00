//! What sections of a page are made of.

use std::fmt;

use crate::escape::Escaped;

/// Begins a section, with its heading.
pub(crate) fn begin(f: &mut fmt::Formatter<'_>, id: &str, title: &str) -> fmt::Result {
    write!(f, "<section id=\"{id}\"><h2>{title}</h2>")
}

/// Ends it.
pub(crate) fn end(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("</section>")
}

/// A line in place of what is missing.
pub(crate) fn missing(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "<p class=\"missing\">{}</p>", Escaped(text))
}
