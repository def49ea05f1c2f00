use std::fmt;
use std::sync::Arc;

use ffc_data::Dataset;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::embed::Embed;
use crate::evaluation::Evaluation;
use crate::prepared::Prepared;
use crate::protocol::Protocol;
use crate::{Error, Result};

/// One protocol or several, for which each image is embedded once. In a file a protocol, or a list of them.
///
/// ```
/// use ffc_eval::Protocols;
///
/// let one: Protocols = serde_json::from_str(r#"{ "kind": "tar_at_far" }"#)?;
/// let two: Protocols =
///     serde_json::from_str(r#"[{ "kind": "random_pairs", "pairs": 6000 }, { "kind": "episodes", "ways": 20, "shots": 1 }]"#)?;
/// assert_eq!((one.list().len(), two.list().len()), (1, 2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Protocols(Vec<Protocol>);

impl Protocols {
    /// # Errors
    /// If there is none, two are the same, or insightface's pair file, which brings its own images, is not alone.
    pub fn new(protocols: Vec<Protocol>) -> Result<Self> {
        let protocols = Self(protocols);
        protocols.check_list()?;
        Ok(protocols)
    }

    /// The protocols in their order.
    pub fn list(&self) -> &[Protocol] {
        &self.0
    }

    /// Checks the protocols against a set, as far as it shows without a network, and draws what is drawn: so that a training run does
    /// not learn of a missing list at its first evaluation.
    ///
    /// # Errors
    /// As [`new`](Self::new); if a setting is outside its range, a list cannot be read or does not fit the set, or the set is too small.
    pub fn prepare(&self, dataset: &Arc<Dataset>) -> Result<Prepared> {
        self.check_list()?;
        let mut dataset = dataset.clone();
        let mut tasks = Vec::new();
        for protocol in &self.0 {
            let (of, task) = protocol.task(&dataset)?;
            dataset = of;
            tasks.push((protocol.label(), task));
        }
        Ok(Prepared::new(dataset, tasks))
    }

    /// [Prepares](Self::prepare) and [runs](Prepared::run) them.
    ///
    /// # Errors
    /// As these two.
    pub fn run(&self, dataset: &Arc<Dataset>, embed: &mut dyn Embed) -> Result<Vec<Evaluation>> {
        self.prepare(dataset)?.run(embed)
    }

    /// Checks what needs no set and no file.
    ///
    /// # Errors
    /// If a setting is outside its range, or the protocols do not go together.
    pub fn check(&self) -> Result<()> {
        self.check_list()?;
        self.0.iter().try_for_each(Protocol::check_settings)
    }

    fn check_list(&self) -> Result<()> {
        let protocols = &self.0;
        if protocols.is_empty() {
            return Err(Error::setting("protocol", "an empty list", "at least one"));
        }
        for (number, protocol) in protocols.iter().enumerate() {
            if protocols[..number].contains(protocol) {
                return Err(Error::setting("protocol", protocol.label(), "given once"));
            }
            if protocols.len() > 1 && matches!(protocol, Protocol::Bin { .. }) {
                let expected = "the only one of its evaluation: it brings its own pictures";
                return Err(Error::setting("protocol", protocol.label(), expected));
            }
        }
        Ok(())
    }
}

impl From<Protocol> for Protocols {
    fn from(protocol: Protocol) -> Self {
        Self(vec![protocol])
    }
}

impl Serialize for Protocols {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.0[..] {
            [protocol] => protocol.serialize(serializer),
            protocols => protocols.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Protocols {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrList)
    }
}

/// By what is there, so that an error tells of the protocol's keys.
struct OneOrList;

impl<'de> Visitor<'de> for OneOrList {
    type Value = Protocols;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a protocol, or a list of protocols")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Protocols, A::Error> {
        let protocol = Protocol::deserialize(MapAccessDeserializer::new(map))?;
        Ok(protocol.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> std::result::Result<Protocols, A::Error> {
        let protocols = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        Protocols::new(protocols).map_err(serde::de::Error::custom)
    }
}
