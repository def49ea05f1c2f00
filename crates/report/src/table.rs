use std::fmt;

use crate::escape::Escaped;

/// A table of texts: Markdown when it is shown, with columns that are as wide as what stands in them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// What the columns hold.
    pub headings: Vec<String>,
    /// Rows of as many texts.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows.
    pub fn new(headings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            headings: headings.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// As HTML.
    pub fn html(&self) -> impl fmt::Display + '_ {
        Html(self)
    }

    /// As comma-separated values.
    ///
    /// # Errors
    ///
    /// Where a row has another length than the headings.
    pub fn to_csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.headings)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        writer
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}

struct Html<'a>(&'a Table);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(table) = self;
        f.write_str("<div class=\"card table\"><table><thead><tr>")?;
        for heading in &table.headings {
            write!(f, "<th>{}</th>", Escaped(heading))?;
        }
        f.write_str("</tr></thead><tbody>")?;
        for row in &table.rows {
            f.write_str("<tr>")?;
            for text in row {
                write!(f, "<td>{}</td>", Escaped(text))?;
            }
            f.write_str("</tr>")?;
        }
        f.write_str("</tbody></table></div>")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Markdown would take them for ends of columns.
        let escaped = |line: &Vec<String>| -> Vec<String> {
            line.iter().map(|text| text.replace('|', "\\|")).collect()
        };
        let all: Vec<Vec<String>> = std::iter::once(&self.headings)
            .chain(&self.rows)
            .map(escaped)
            .collect();
        let lines = || all.iter();
        let width = |at: usize| {
            let texts = lines().filter_map(|line| line.get(at));
            texts.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        for (number, line) in lines().enumerate() {
            for (text, width) in line.iter().zip(&widths) {
                write!(f, "| {text}{} ", " ".repeat(width - text.chars().count()))?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                for width in &widths {
                    write!(f, "|{}", "-".repeat(width + 2))?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let table = Table {
            headings: vec!["head".into(), "±".into()],
            rows: vec![vec!["ffc".into(), "92.2 %".into()]],
        };
        assert_eq!(
            table.to_string(),
            "| head | ±      |\n|------|--------|\n| ffc  | 92.2 % |\n"
        );
        let bar = Table {
            headings: vec!["a | b".into()],
            rows: Vec::new(),
        };
        assert_eq!(bar.to_string(), "| a \\| b |\n|--------|\n");
        assert_eq!(
            table.html().to_string(),
            "<div class=\"card table\"><table><thead><tr><th>head</th><th>±</th></tr></thead><tbody>\
             <tr><td>ffc</td><td>92.2 %</td></tr></tbody></table></div>"
        );
        assert_eq!(table.to_csv().unwrap(), "head,±\nffc,92.2 %\n".as_bytes());
    }
}
