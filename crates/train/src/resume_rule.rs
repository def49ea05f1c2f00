use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::Result;
use crate::config::Config;

/// Settings, or whole tables of them, that a resumed run may change: how long it goes on, what it tells, how fast it is, and where its
/// data lie now. (Whether they are the same data and identities is seen by their fingerprint.) All others decide the run.
const FREE: [&str; 16] = [
    "training.length",
    "training.log",
    "training.evaluate",
    "training.gradient_checkpointing",
    "data.path",
    "data.source",
    "data.identities",
    "data.index",
    "data.build",
    "loader.workers",
    "loader.queue",
    // A run that failed on a picture that cannot be read must be able to go on.
    "loader.damaged",
    // Where class weights lie: a checkpoint holds them.
    "head.storage.file",
    // On which ranks.
    "head.sharded",
    "checkpoint",
    "evaluation",
];

/// A setting that differs from the run's.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) key: String,
    old: Option<Value>,
    new: Option<Value>,
}

impl Change {
    /// Whether a resumed run may have it.
    pub(crate) fn is_free(&self) -> bool {
        FREE.iter().any(|table| self.is_within(table))
    }

    /// Whether it is of this table, or of the setting itself.
    pub(crate) fn is_within(&self, table: &str) -> bool {
        let rest = self.key.strip_prefix(table);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |value: &Option<Value>| value.as_ref().map_or("none".into(), Value::to_string);
        write!(
            formatter,
            "{} from {} to {}",
            self.key,
            text(&self.old),
            text(&self.new)
        )
    }
}

/// The settings in which two configurations differ.
pub(crate) fn changes(old: &Config, new: &Config) -> Result<Vec<Change>> {
    let (mut old, mut new) = (flat(old)?, flat(new)?);
    let mut keys: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    let changes = keys.into_iter().map(|key| Change {
        old: old.remove(&key),
        new: new.remove(&key),
        key,
    });
    Ok(changes.filter(|change| change.old != change.new).collect())
}

/// Every setting under its whole key.
fn flat(config: &Config) -> Result<BTreeMap<String, Value>> {
    fn enter(prefix: &str, table: Table, flat: &mut BTreeMap<String, Value>) {
        for (key, value) in table {
            let key = match prefix {
                "" => key,
                prefix => format!("{prefix}.{key}"),
            };
            match value {
                Value::Table(table) => enter(&key, table, flat),
                value => drop(flat.insert(key, value)),
            }
        }
    }

    let mut all = BTreeMap::new();
    enter("", config.to_table()?, &mut all);
    Ok(all)
}
