//! What sections of a page are made of.

use std::fmt;

use crate::chart::Chart;
use crate::escape::Escaped;
use crate::table::Table;

/// A section of a page around charts and a table.
pub struct Section {
    /// The heading.
    pub title: String,
    /// A line below it.
    pub note: Option<String>,
    /// The charts.
    pub charts: Vec<Chart>,
    /// The table below them.
    pub table: Option<Table>,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<section><h2>{}</h2>", Escaped(&self.title))?;
        if let Some(note) = &self.note {
            write!(f, "<p class=\"note lead\">{}</p>", Escaped(note))?;
        }
        f.write_str("<div class=\"charts\">")?;
        for chart in &self.charts {
            chart.fmt(f)?;
        }
        f.write_str("</div>")?;
        if let Some(table) = &self.table {
            table.html().fmt(f)?;
        }
        end(f)
    }
}

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
