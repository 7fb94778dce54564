//! Maps that are found by hash, written in the order of their keys（按序写出）: equal ones are equal bytes.

use hashbrown::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::hash::Hash;

pub(crate) fn serialize<K: Ord + Serialize, V: Serialize, S: Serializer>(
    map: &HashMap<K, V>,
    to: S,
) -> Result<S::Ok, S::Error> {
    map.iter().collect::<BTreeMap<_, _>>().serialize(to)
}

pub(crate) fn deserialize<'de, K, V, D>(from: D) -> Result<HashMap<K, V>, D::Error>
where
    K: Ord + Hash + Deserialize<'de>,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let ordered = BTreeMap::deserialize(from)?;
    Ok(ordered.into_iter().collect())
}
