//! Reading and writing of configurations.

mod overrides;

use std::path::Path;

use toml::{Table, Value};

use self::overrides::{Overrides, kind};
use super::{Config, Preset};
use crate::mine::Mine;
use crate::resume_rule::changes;
use crate::{Error, Result};

impl Config {
    /// Reads a configuration and applies overrides, each `key.key=value` with a TOML value; text needs no quotes.
    ///
    /// Their order does not matter: a table is set before its keys, and of these first the one that tells its kind. Another
    /// kind drops the keys that the file gives for the old one. Of two values for one key the last counts.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the file cannot be read; [`Error::Config`] where it is not TOML or a key or value is wrong, with
    /// the nearest valid key; [`Error::Setting`] from [`check`](Self::check).
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let text = ffc_files::read_text(path).map_err(Error::io("read", path))?;
        Self::parse(&text, &path.display().to_string(), overrides)
    }

    /// The same of a file, or of a [`Preset`] by its name where there is no such file.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); [`Error::Config`] where it is neither.
    pub fn named(name: &str, overrides: &[String]) -> Result<Self> {
        if Path::new(name).is_file() {
            return Self::load(Path::new(name), overrides);
        }
        match Preset::named(name) {
            Some(preset) => preset.config(overrides),
            None if name == Mine::NAME => Err(Error::Config {
                origin: name.to_owned(),
                problem: "is chosen by looking at pictures: ffc config show mine --set data.path=FOLDER > mine.toml writes a file to use here".into(),
            }),
            None => Err(Error::Config {
                origin: name.to_owned(),
                problem: Preset::unknown(name),
            }),
        }
    }

    /// The same from text, which `origin` names in messages.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, origin: &str, overrides: &[String]) -> Result<Self> {
        let wrong = |error: &toml::de::Error| refused(origin, error, None);
        // First as it is, so that messages show the line.
        let mut config: Self = toml::from_str(text).map_err(|error| wrong(&error))?;
        let table: Table = toml::from_str(text).map_err(|error| wrong(&error))?;
        let table = Value::Table(table);
        if let Some(path) = passed_over(&table, &config.to_value()?) {
            return Err(Error::Config {
                origin: origin.to_owned(),
                problem: unknown(&table, &path),
            });
        }
        if !overrides.is_empty() {
            config = Overrides::parse(overrides)?.apply(&config)?;
        }
        config.check()?;
        config.schedule.check(config.training.length)?;
        config.data.check("data")?;
        for (at, evaluation) in config.evaluations.iter().enumerate() {
            evaluation.data.check(&format!("evaluation.{at}.data"))?;
        }
        Ok(config)
    }

    /// As a table, with every key.
    pub(crate) fn to_table(&self) -> Result<Table> {
        Table::try_from(self).map_err(|error| Error::Config {
            origin: "configuration".into(),
            problem: error.to_string(),
        })
    }

    /// As TOML, with every key.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(unwritable)
    }

    /// Settings in which `other` differs, each with its value here and there.
    ///
    /// # Errors
    ///
    /// As [`to_toml`](Self::to_toml).
    pub fn differences(&self, other: &Self) -> Result<Vec<String>> {
        let changes = changes(self, other)?;
        Ok(changes.iter().map(|change| change.to_string()).collect())
    }

    fn to_value(&self) -> Result<Value> {
        Value::try_from(self).map_err(unwritable)
    }
}

fn unwritable(error: toml::ser::Error) -> Error {
    Error::Config {
        origin: "configuration".into(),
        problem: error.to_string(),
    }
}

/// What serde refuses, with the nearest name that it knows.
fn refused(origin: &str, error: &toml::de::Error, hint: Option<String>) -> Error {
    let text = error.to_string();
    let mut problem = in_words(text.trim_end());
    // Of a file it shows the line, of an override there is none.
    if origin.starts_with("--set ") {
        problem = problem.replace('\n', " ");
    }
    if let Some(hint) = hint {
        problem.push_str(&format!("; {hint}"));
    }
    if let Some(table) = table_form(error.message()) {
        problem.push_str(&format!("; write it as a table, such as {table}"));
    }
    if let Some(nearest) = nearest(error.message()) {
        problem.push_str(&format!("; did you mean `{nearest}`?"));
    }
    Error::Config {
        origin: origin.to_owned(),
        problem,
    }
}

/// serde's message with words of the configuration for those of the program.
fn in_words(message: &str) -> String {
    const WORDS: [(&str, &str); 9] = [
        ("usize", "a whole number from 0"),
        ("u64", "a whole number from 0"),
        ("u32", "a whole number from 0"),
        ("f64", "a number"),
        ("f32", "a number"),
        ("a boolean", "true or false"),
        ("a string", "text"),
        ("path string", "text"),
        ("a sequence", "a list"),
    ];
    let Some((before, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    if expected.starts_with("struct ") {
        return format!("{before}expected a table");
    }
    let word = WORDS.iter().find(|(word, _)| *word == expected);
    match word {
        Some((_, word)) => format!("{before}expected {word}"),
        None => message.to_owned(),
    }
}

/// How a setting is written that was given as the name of its kind alone.
fn table_form(message: &str) -> Option<&'static str> {
    const TABLES: [(&str, &str); 10] = [
        ("enum MarginConfig", r#"{ kind = "arcface", margin = 0.5 }"#),
        (
            "enum Decay",
            r#"{ kind = "cosine", floor = 0.01 }, or { kind = "constant" }"#,
        ),
        (
            "enum OptimizerConfig",
            r#"{ kind = "sgd", learning_rate = 0.1 }"#,
        ),
        ("enum Damaged", r#"{ policy = "skip", limit = 100 }"#),
        (
            "enum BackboneConfig",
            r#"{ network = "iresnet", depth = 50 }"#,
        ),
        (
            "enum SourceConfig",
            r#"{ format = "folder", path = "faces" }"#,
        ),
        ("enum ImageCounts", r#"{ law = "equal", images = 5 }"#),
        (
            "enum Protocol",
            r#"{ kind = "random_pairs", pairs = 6000 }"#,
        ),
        (
            "expected struct variant",
            r#"{ weighted = { alpha = 0.5 } }"#,
        ),
        ("expected newtype variant", r#"{ file = "weights.f32" }"#),
    ];
    let names = |part: &str| message.contains(part);
    let of_kind = TABLES
        .iter()
        .find(|(part, _)| names(part) && names("invalid type"));
    of_kind.map(|(_, table)| *table)
}

/// The valid name that is nearest to the wrong one.
fn nearest(message: &str) -> Option<&str> {
    let mut names = names(message);
    let wrong = names.next()?;
    names
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(wrong.len()) / 2)
        .min()
        .map(|(_, name)| name)
}

/// The names in serde's message of one that it does not know: this one, then those that it knows.
fn names(message: &str) -> impl Iterator<Item = &str> {
    let unknown = message.contains("unknown field") || message.contains("unknown variant");
    let message = if unknown { message } else { "" };
    message.split('`').skip(1).step_by(2)
}

/// The way to a key that was given and not taken: serde passes over those beside the tag of a kind without keys.
fn passed_over(given: &Value, taken: &Value) -> Option<Vec<String>> {
    let below = |key: &str, given, taken| {
        let mut path = passed_over(given, taken)?;
        path.insert(0, key.to_owned());
        Some(path)
    };
    match (given, taken) {
        (Value::Table(given), Value::Table(taken)) => {
            given.iter().find_map(|(key, given)| match taken.get(key) {
                Some(taken) => below(key, given, taken),
                None => Some(vec![key.clone()]),
            })
        }
        (Value::Array(given), Value::Array(taken)) => {
            let mut pairs = given.iter().zip(taken).enumerate();
            pairs.find_map(|(at, (given, taken))| below(&at.to_string(), given, taken))
        }
        _ => None,
    }
}

/// Says that a key was passed over.
fn unknown(root: &Value, path: &[String]) -> String {
    let kind = path.split_last().and_then(|(_, table)| kind(root, table));
    let why = kind.map_or(String::new(), |kind| {
        format!(": {kind}, which has no other key")
    });
    format!("`{}` is not known{why}", path.join("."))
}
