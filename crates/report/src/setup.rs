use std::fmt;

use crate::escape::Escaped;
use crate::run_data::RunData;
use crate::section;

/// Configuration and environment.
pub struct Setup<'a>(pub &'a RunData);

impl fmt::Display for Setup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section::begin(f, "setup", "Setup")?;
        match &self.0.config {
            Some(config) => write!(
                f,
                "<details class=\"card\"><summary>Configuration</summary><pre>{}</pre></details>",
                Escaped(config)
            )?,
            None => section::missing(f, "No config.toml.")?,
        }
        match &self.0.environment {
            Some(environment) => {
                f.write_str("<details class=\"card\"><summary>Environment</summary><dl>")?;
                for (name, value) in environment {
                    write!(f, "<dt>{}</dt><dd>{}</dd>", Escaped(name), Escaped(value))?;
                }
                f.write_str("</dl></details>")?;
            }
            None => section::missing(f, "No environment.json.")?,
        }
        section::end(f)
    }
}
