use ffc_core::{FfcHeadConfig, Head, HeadContext};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};

use crate::{Error, Result};

/// The kind of a head that a file does not name.
const DEFAULT_KIND: &str = "ffc";

/// The head, with the settings of its kind. In a file the table `head` with the kind as key `kind`, by default `"ffc"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum HeadConfig {
    /// [`ffc_core::FfcHead`].
    Ffc(FfcHeadConfig),
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self::Ffc(FfcHeadConfig::default())
    }
}

impl HeadConfig {
    /// Checks what needs no data and no device, for batches of size B.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range or does not fit the batch.
    pub fn check(&self, batch: usize) -> Result<()> {
        let checked = match self {
            Self::Ffc(config) => config.check(batch),
        };
        checked.map_err(|error| Error::in_table("head", error))
    }

    /// A head at its start.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and where the device cannot hold it.
    pub fn init(&self, context: &HeadContext) -> Result<Box<dyn Head>> {
        let head = match self {
            Self::Ffc(config) => config.init(context).map(|head| Box::new(head) as _),
        };
        head.map_err(|error| Error::in_table("head", error))
    }
}

impl<'de> Deserialize<'de> for HeadConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut table = Table::deserialize(deserializer)?;
        table.entry("kind").or_insert_with(|| DEFAULT_KIND.into());
        Self::deserialize(Value::Table(table)).map_err(|error| {
            // What `message` leaves out: in which key.
            let text = error.to_string();
            let key = text.trim_end().rsplit_once("\nin `");
            let key = key.and_then(|(_, key)| key.strip_suffix('`'));
            match key {
                Some(key) => D::Error::custom(format!("{key}: {}", error.message())),
                None => D::Error::custom(error.message()),
            }
        })
    }
}

impl Serialize for HeadConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}
