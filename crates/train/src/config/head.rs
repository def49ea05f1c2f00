use ffc_core::{
    FfcHeadConfig, FullHeadConfig, Head, HeadBytes, HeadContext, Needs, PairsHeadConfig,
    PartialHeadConfig, QueueHeadConfig, TripletHeadConfig, VirtualHeadConfig, WeightStorage,
};
use serde::{Deserialize, Deserializer, Serialize};
use toml::{Table, Value};

use crate::{Error, Result};

/// The kinds of heads: of each its variant, its name in a file and its settings, which have `check(&self, batch)`,
/// `needs(&self, identities)`, `bytes(&self, identities, dim, batch)` and `init(&self, &HeadContext)`.
macro_rules! kinds {
    ($($(#[$docs:meta])* $kind:ident($config:ty) = $name:literal,)*) => {
        /// The head, with the settings of its kind. In a file the table `head` with the kind as key `kind`, by default `"ffc"`.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "kind")]
        #[non_exhaustive]
        pub enum HeadConfig {
            $($(#[$docs])* #[serde(rename = $name)] $kind($config),)*
        }

        impl HeadConfig {
            const KINDS: &[&str] = &[$($name),*];

            /// Reads the settings of a kind.
            fn read(kind: &str, settings: Value) -> std::result::Result<Self, toml::de::Error> {
                match kind {
                    $($name => <$config>::deserialize(settings).map(Self::$kind),)*
                    unknown => Err(serde::de::Error::unknown_variant(unknown, Self::KINDS)),
                }
            }

            /// Checks what needs no data and no device, for batches of size B.
            ///
            /// # Errors
            ///
            /// [`Error::Setting`] where a setting is outside its range or does not fit the batch.
            pub fn check(&self, batch: usize) -> Result<()> {
                let checked = match self {
                    $(Self::$kind(config) => config.check(batch),)*
                };
                checked.map_err(|error| Error::in_table("head", error))
            }

            /// What the training must bring, for a set of `identities`: what a head made by [`init`](Self::init) says, without making one.
            pub fn needs(&self, identities: u64) -> Needs {
                match self {
                    $(Self::$kind(config) => config.needs(identities),)*
                }
            }

            /// What a head keeps for `identities` with embeddings of `dim` numbers, in batches of size B.
            pub fn bytes(&self, identities: u64, dim: usize, batch: usize) -> HeadBytes {
                match self {
                    $(Self::$kind(config) => config.bytes(identities, dim, batch),)*
                }
            }

            /// The kind as a file names it.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }

            /// A head at its start.
            ///
            /// # Errors
            ///
            /// As [`check`](Self::check), and where the device cannot hold it.
            pub fn init(&self, context: &HeadContext) -> Result<Box<dyn Head>> {
                let head = match self {
                    $(Self::$kind(config) => config.init(context).map(|head| Box::new(head) as _),)*
                };
                head.map_err(|error| Error::in_table("head", error))
            }
        }
    };
}

kinds! {
    /// [`ffc_core::FfcHead`].
    Ffc(FfcHeadConfig) = "ffc",
    /// [`ffc_core::FullHead`].
    Full(FullHeadConfig) = "full",
    /// [`ffc_core::PartialHead`].
    Partial(PartialHeadConfig) = "partial",
    /// [`ffc_core::QueueHead`].
    Queue(QueueHeadConfig) = "queue",
    /// [`ffc_core::VirtualHead`].
    Virtual(VirtualHeadConfig) = "virtual",
    /// [`ffc_core::TripletHead`].
    Triplet(TripletHeadConfig) = "triplet",
    /// [`ffc_core::PairsHead`].
    Pairs(PairsHeadConfig) = "pairs",
}

impl HeadConfig {
    /// Whether several ranks have a part of the classes, or of the pool, each.
    pub fn is_sharded(&self) -> bool {
        match self {
            Self::Ffc(head) => head.sharded,
            Self::Full(head) => head.sharded,
            Self::Partial(head) => head.sharded,
            _ => false,
        }
    }

    /// As one of several ranks has it, all of which may see the same disk: class weights in a file have one of their own, whose name tells the shard.
    pub(crate) fn of_rank(&self, rank: usize, ranks: usize) -> Self {
        let mut head = self.clone();
        let is_sharded = ranks > 1 && self.is_sharded();
        if let Self::Partial(PartialHeadConfig {
            storage: WeightStorage::File(path),
            ..
        }) = &mut head
        {
            match (is_sharded, rank) {
                (true, _) => path
                    .as_mut_os_string()
                    .push(format!(".shard-{}-of-{ranks}", rank + 1)),
                (false, 0) => {}
                (false, _) => path.as_mut_os_string().push(format!(".rank-{rank}")),
            }
        }
        head
    }
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self::Ffc(FfcHeadConfig::default())
    }
}

impl<'de> Deserialize<'de> for HeadConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut table = Table::deserialize(deserializer).map_err(|error| {
            let form = r#"a head is a table, such as { kind = "full" }"#;
            serde::de::Error::custom(format!("{error}; {form}"))
        })?;
        let kind = match table.remove("kind") {
            Some(Value::String(kind)) => kind,
            None => "ffc".to_owned(),
            Some(other) => {
                let problem = format!("kind is {other}, but must be one of {:?}", Self::KINDS);
                return Err(serde::de::Error::custom(problem));
            }
        };
        Self::read(&kind, Value::Table(table)).map_err(|error| {
            // The key, which the message alone leaves out.
            let text = error.to_string();
            let key = text.trim_end().rsplit_once("\nin `");
            serde::de::Error::custom(match key.and_then(|(_, key)| key.strip_suffix('`')) {
                Some(key) => format!("{key}: {}", error.message()),
                None => error.message().to_owned(),
            })
        })
    }
}
