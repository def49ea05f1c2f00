use std::path::Path;

use toml::{Table, Value};

use super::Config;
use crate::{Error, Result};

impl Config {
    /// Reads a configuration and applies overrides, each `key.key=value` with a TOML value; text needs no quotes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the file cannot be read; [`Error::Config`] where it is not TOML or a key or value is wrong, with
    /// the nearest valid key; [`Error::Setting`] from [`check`](Self::check).
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse(&text, &path.display().to_string(), overrides)
    }

    /// The same from text, which `origin` names in messages.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, origin: &str, overrides: &[String]) -> Result<Self> {
        // First as it is, so that messages show the line.
        toml::from_str::<Self>(text).map_err(|error| wrong(origin, &error))?;
        let mut table: Table = toml::from_str(text).map_err(|error| wrong(origin, &error))?;
        for text in overrides {
            apply(&mut table, text).map_err(|problem| Error::Config {
                origin: format!("--set {text}"),
                problem,
            })?;
        }
        let origin = match overrides {
            [] => origin.to_owned(),
            overrides => format!("--set {}", overrides.join(" --set ")),
        };
        let config: Self = Value::Table(table)
            .try_into()
            .map_err(|error| wrong(&origin, &error))?;
        config.check()?;
        Ok(config)
    }

    /// As TOML, with every key.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Config {
            origin: "configuration".into(),
            problem: error.to_string(),
        })
    }
}

fn wrong(origin: &str, error: &toml::de::Error) -> Error {
    let text = error.to_string();
    let mut problem = text.trim_end().to_owned();
    if let Some(nearest) = nearest(error.message()) {
        problem.push_str(&format!("; did you mean `{nearest}`?"));
    }
    Error::Config {
        origin: origin.to_owned(),
        problem,
    }
}

/// The valid name that is nearest to the wrong one, both as serde's message quotes them.
fn nearest(message: &str) -> Option<&str> {
    if !message.contains("unknown field") && !message.contains("unknown variant") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    quoted
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(wrong.len()) / 2)
        .min()
        .map(|(_, name)| name)
}

/// Applies an override.
fn apply(table: &mut Table, text: &str) -> std::result::Result<(), String> {
    let Some((path, value)) = text.split_once('=') else {
        return Err("expected key=value".into());
    };
    let value = value.trim();
    // What is no TOML value is text.
    let value = toml::from_str::<Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut place = Place::Table(table);
    let (parents, key) = match path.trim().rsplit_once('.') {
        Some((parents, key)) => (parents.split('.').collect(), key),
        None => (Vec::new(), path.trim()),
    };
    for parent in parents {
        place = place.enter(parent)?;
    }
    place.put(key, value)
}

/// Where a key of an override leads: `evaluation.0.name` goes into the first element of a list.
enum Place<'a> {
    Table(&'a mut Table),
    List(&'a mut Vec<Value>),
}

impl<'a> Place<'a> {
    fn enter(self, key: &str) -> std::result::Result<Self, String> {
        let next = match self {
            Self::Table(table) => table.entry(key).or_insert_with(|| default_table(key)),
            Self::List(list) => element(list, key)?,
        };
        match next {
            Value::Table(table) => Ok(Self::Table(table)),
            Value::Array(list) => Ok(Self::List(list)),
            other => Err(format!(
                "{key} is of type {} and has no keys",
                other.type_str()
            )),
        }
    }

    fn put(self, key: &str, value: Value) -> std::result::Result<(), String> {
        match self {
            Self::Table(table) => {
                // Another kind has other keys, and a path names a source of its own.
                match key {
                    "kind" | "network" if table.get(key) != Some(&value) => table.clear(),
                    "path" => drop(table.remove("source")),
                    "source" => drop(table.remove("path")),
                    _ => {}
                }
                table.insert(key.to_owned(), value);
            }
            Self::List(list) => *element(list, key)? = value,
        }
        Ok(())
    }
}

/// A table of the default configuration: what a file leaves out, so that a single key of it can be set.
fn default_table(key: &str) -> Value {
    Table::try_from(Config::default())
        .ok()
        .and_then(|mut table| table.remove(key))
        .filter(Value::is_table)
        .unwrap_or_else(|| Value::Table(Table::new()))
}

fn element<'a>(list: &'a mut [Value], key: &str) -> std::result::Result<&'a mut Value, String> {
    let length = list.len();
    let at = key.parse::<usize>().ok();
    at.and_then(|at| list.get_mut(at))
        .ok_or_else(|| format!("{key} is no element of a list of {length}, counted from 0"))
}
