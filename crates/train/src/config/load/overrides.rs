use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{names, passed_over, refused, unknown};
use crate::config::Config;
use crate::{Error, Result};

/// Keys that tell a table's kind, and with it which other keys it has.
const TAGS: [&str; 5] = ["format", "kind", "law", "network", "policy"];

/// A key of a table, or a number in a list. The one that tells a table's kind comes before the others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    is_no_tag: bool,
    name: String,
}

impl Key {
    fn new(name: &str) -> Self {
        Self {
            is_no_tag: !TAGS.contains(&name),
            name: name.to_owned(),
        }
    }

    /// The other key that names a set, which goes where this one is set.
    fn rival(&self) -> Option<Self> {
        match &*self.name {
            "path" => Some(Self::new("source")),
            "source" => Some(Self::new("path")),
            _ => None,
        }
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

fn display<K: AsRef<str>>(path: &[K]) -> String {
    let names: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    names.join(".")
}

/// Values by the keys that lead to them, in the order in which they are applied: a table, empty, comes before its keys, and of
/// these first the one that tells its kind. So the order in which they were given does not matter.
pub(super) struct Overrides<'a>(BTreeMap<Vec<Key>, Given<'a>>);

struct Given<'a> {
    /// As it was written.
    text: &'a str,
    value: Value,
}

impl<'a> Overrides<'a> {
    /// Of texts `key.key=value`.
    pub(super) fn parse(texts: &'a [String]) -> Result<Self> {
        let mut whole = BTreeMap::new();
        for text in texts {
            let Some((path, value)) = text.split_once('=') else {
                return Err(wrong(&[text], "expected key=value"));
            };
            let path: Vec<Key> = path.split('.').map(|key| Key::new(key.trim())).collect();
            let value = value.trim();
            let value = match value.parse() {
                Ok(value) => value,
                Err(_) if value.starts_with(['{', '[']) => {
                    let problem = r#"is no table or list in TOML; a shell takes quotes away: --set 'KEY={ kind = "full" }' keeps them"#;
                    return Err(wrong(&[text], problem));
                }
                // What is no TOML value is text.
                Err(_) => Value::String(value.to_owned()),
            };
            whole.insert(path, Given { text, value });
        }
        let mut overrides = Self(BTreeMap::new());
        for (path, given) in whole {
            // What a table around it says of the same key.
            overrides.0.retain(|other, _| !other.starts_with(&path));
            overrides.insert(path, given);
        }
        Ok(overrides)
    }

    /// Inserts a value; a table, or one in a list, key by key, so that an override of such a key takes its place.
    fn insert(&mut self, path: Vec<Key>, mut given: Given<'a>) {
        let parts: Vec<(String, Value)> = match &mut given.value {
            Value::Table(table) => std::mem::take(table).into_iter().collect(),
            Value::Array(list) => {
                let tables = list.iter_mut().enumerate();
                let tables = tables.filter(|(_, value)| value.is_table());
                let empty = || Value::Table(Table::new());
                tables
                    .map(|(at, value)| (at.to_string(), std::mem::replace(value, empty())))
                    .collect()
            }
            _ => Vec::new(),
        };
        let text = given.text;
        for (key, value) in parts {
            let mut path = path.clone();
            path.push(Key::new(&key));
            self.insert(path, Given { text, value });
        }
        self.0.insert(path, given);
    }

    /// The configuration with these values.
    pub(super) fn apply(&self, config: &Config) -> Result<Config> {
        let mut root = config.to_value()?;
        for (path, Given { text, value }) in &self.0 {
            // A table of another kind, or of a table that is new: with its defaults, as far as it can be read by now.
            if find(&root, &path[..path.len() - 1]).is_none()
                && let Ok(config) = root.clone().try_into::<Config>()
            {
                root = config.to_value()?;
            }
            self.put(&mut root, path, value)
                .map_err(|problem| wrong(&[text], &problem))?;
        }
        let config: Config =
            (root.clone().try_into()).map_err(|error| self.refused(&root, &error))?;
        match passed_over(&root, &config.to_value()?) {
            None => Ok(config),
            Some(path) => {
                let names = |other: &[Key]| other.iter().map(|key| &key.name).eq(&path);
                let texts = self.texts(|other, _| names(other));
                Err(wrong(&texts, &unknown(&root, &path)))
            }
        }
    }

    fn put(
        &self,
        root: &mut Value,
        path: &[Key],
        value: &Value,
    ) -> std::result::Result<(), String> {
        let mut place = root;
        for (at, key) in path.iter().enumerate() {
            let parents = &path[..at];
            // The name of a kind without keys gives way to a kind that has some.
            if place.is_str() {
                *place = Value::Table(Table::new());
            }
            place = match place {
                Value::Table(table) => {
                    if let Some(rival) = key.rival()
                        && !self.give(parents, &rival)
                    {
                        table.remove(&rival.name);
                    }
                    // Another kind has other keys.
                    if !key.is_no_tag && table.get(&key.name).is_some_and(|old| old != value) {
                        table.clear();
                    }
                    let new = || Value::Table(Table::new());
                    table.entry(&*key.name).or_insert_with(new)
                }
                Value::Array(list) => {
                    let length = list.len();
                    let element = key.name.parse().ok().and_then(|at: usize| list.get_mut(at));
                    element.ok_or_else(|| {
                        let name = &key.name;
                        let list = display(parents);
                        match length {
                            0 => format!("the list {list} is empty and has no {name}"),
                            _ => format!("{list} is a list of {length}, counted from 0, and has no {name}: {list}.0 is its first"),
                        }
                    })?
                }
                other => {
                    let (path, kind) = (display(parents), other.type_str());
                    return Err(format!("{path} is of type {kind} and has no keys"));
                }
            };
        }
        *place = value.clone();
        Ok(())
    }

    /// Whether a key of a table, or a part of it, is given.
    fn give(&self, parents: &[Key], key: &Key) -> bool {
        self.0.keys().any(|path| {
            let below = path.strip_prefix(parents);
            below.and_then(<[Key]>::first) == Some(key)
        })
    }

    /// The overrides that fit, as they were written, or else all.
    fn texts(&self, fits: impl Fn(&[Key], &Value) -> bool) -> Vec<&'a str> {
        let texts = |fits: &dyn Fn(&[Key], &Value) -> bool| {
            let fitting = self
                .0
                .iter()
                .filter(|(path, given)| fits(path, &given.value));
            let mut texts: Vec<&str> = fitting.map(|(_, given)| given.text).collect();
            texts.dedup();
            texts
        };
        match texts(&fits) {
            none if none.is_empty() => texts(&|_, _| true),
            texts => texts,
        }
    }

    /// What serde refuses: with the override that names it, and the kind of the table that does not know it.
    fn refused(&self, root: &Value, error: &toml::de::Error) -> Error {
        let name = names(error.message()).next().unwrap_or_default();
        let named = |path: &[Key]| path.iter().position(|key| key.name == name);
        let texts = self.texts(|path, value| named(path).is_some() || value.as_str() == Some(name));
        let mut tables = self.0.keys().filter_map(|path| path.get(..named(path)?));
        let kind = tables.find_map(|table| kind(root, table));
        let hint = kind.or_else(|| unquoted(error.message()));
        refused(&origin(&texts), error, hint)
    }
}

/// What helps where text was read as a number: a folder may be called 2024.
fn unquoted(message: &str) -> Option<String> {
    let is_no_text = ["integer", "floating point", "boolean"]
        .iter()
        .any(|kind| message.starts_with(&format!("invalid type: {kind}")));
    (is_no_text && message.ends_with("string"))
        .then(|| r#"text that looks like a number needs quotes: KEY='"2024"'"#.to_owned())
}

fn origin(texts: &[&str]) -> String {
    format!("--set {}", texts.join(" --set "))
}

fn wrong(texts: &[&str], problem: &str) -> Error {
    Error::Config {
        origin: origin(texts),
        problem: problem.to_owned(),
    }
}

fn find<'a, K: AsRef<str>>(root: &'a Value, path: &[K]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, key| match value {
        Value::Table(table) => table.get(key.as_ref()),
        Value::Array(list) => list.get(key.as_ref().parse::<usize>().ok()?),
        _ => None,
    })
}

/// Says of which kind a table is.
pub(super) fn kind<K: AsRef<str>>(root: &Value, path: &[K]) -> Option<String> {
    let table = find(root, path)?.as_table()?;
    let (tag, kind) = table.iter().find(|(key, _)| TAGS.contains(&&***key))?;
    Some(format!("{}.{tag} is {kind}", display(path)))
}
