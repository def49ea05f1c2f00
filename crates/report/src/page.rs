use std::fmt;

use crate::escape::Escaped;

/// A page that refers to nothing outside itself, around sections that are shown as they are: style and script for them are in it.
pub struct Page<'a> {
    /// What the page is about, above the title.
    pub kind: &'a str,
    /// The title.
    pub title: &'a str,
    /// Facts in a line below the title.
    pub facts: Vec<String>,
    /// HTML, such as [`Results`](crate::Results) or a [`Chart`](crate::chart::Chart).
    pub sections: Vec<&'a dyn fmt::Display>,
    /// Sentences at the page's end.
    pub notes: Vec<String>,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = Escaped(self.title);
        // The policy keeps the page from loading anything, whatever a name in it says.
        write!(
            f,
            "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>{title} – FFC</title>
<style>
{}{}</style>
</head>
<body>
<header><p class=\"kind\">{}</p><h1>{title}</h1><p class=\"when\">",
            include_str!("chart/style.css"),
            include_str!("style.css"),
            Escaped(self.kind)
        )?;
        for (index, fact) in self.facts.iter().enumerate() {
            let divider = if index == 0 { "" } else { " · " };
            write!(f, "{divider}<span>{}</span>", Escaped(fact))?;
        }
        f.write_str("</p></header>\n<main>\n")?;
        for section in &self.sections {
            writeln!(f, "{section}")?;
        }
        write!(
            f,
            "</main>\n<footer>Written by ffc {}.",
            env!("CARGO_PKG_VERSION")
        )?;
        for note in &self.notes {
            write!(f, " {}", Escaped(note))?;
        }
        write!(
            f,
            "</footer>\n<script>\n{}</script>\n</body>\n</html>\n",
            include_str!("script.js")
        )
    }
}
