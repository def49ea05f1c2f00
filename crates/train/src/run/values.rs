use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::float::Float;

/// Named numbers in the order in which they were announced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(Vec<(String, Option<f64>)>);

impl Values {
    /// Names and numbers; none where there was nothing to take a mean of.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<f64>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The number of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(found, _)| *found == name)?.1
    }
}

impl<N: Into<String>> FromIterator<(N, Option<f64>)> for Values {
    fn from_iter<I: IntoIterator<Item = (N, Option<f64>)>>(values: I) -> Self {
        let named = values.into_iter().map(|(name, value)| (name.into(), value));
        Self(named.collect())
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.iter()
                .map(|(name, value)| (name, value.map(Float::from))),
        )
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = Values;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("named numbers")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Values, M::Error> {
                let mut values = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    // What a later version writes beside numbers is no reason to refuse a run.
                    if let Any::Number(value) = map.next_value()? {
                        values.push((name, value.map(f64::from)));
                    }
                }
                Ok(Values(values))
            }
        }

        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Number(Option<Float>),
            Other(IgnoredAny),
        }

        deserializer.deserialize_map(Map)
    }
}
