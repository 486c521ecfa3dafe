//! The chain of four plugins that Higress's course material dumps from a running gateway.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::fixtures::placed;
use super::{Chain, Line, Workload};
use crate::plugin::{Phase, WasmPlugin};

const DUMP: &str = include_str!("testdata/seed_http_filters.yaml");

/// The material gives phase and priority for the first plugin only. The others are put where the dump shows
/// them.
fn plugins() -> [WasmPlugin; 4] {
    [
        placed("higress-system", "easy-logger", Phase::Unspecified, Some(100)),
        placed("higress-system", "wasm-keyauth", Phase::Unspecified, Some(310)),
        placed("higress-system", "wasm-transformer", Phase::Authn, Some(100)),
        placed("higress-system", "custom-response", Phase::Authn, Some(200)),
    ]
}

fn printed(line: Line) -> String {
    let workload = Workload::plain(line);
    let plugins = plugins();
    let chain = Chain::order(&plugins, line, &workload);
    serde_json::to_string(&chain.http_filters()).unwrap()
}

#[test]
fn the_seeds_four_plugins_give_the_seeds_dump() {
    let printed = printed(Line::Seed);
    let dump: Value = serde_saphyr::from_str(DUMP).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), dump);
}

#[test]
fn the_keys_stand_in_the_dumps_order() {
    let dump: InOrder = serde_saphyr::from_str(DUMP).unwrap();
    assert_eq!(printed(Line::Seed), dump.0);
}

#[test]
fn later_lines_keep_the_plugins_places_among_the_filters() {
    for line in [Line::Higress119, Line::Higress127] {
        let names = |text: &str| -> Vec<String> {
            let filters: Vec<Value> = serde_json::from_str(text).unwrap();
            let name =
                |filter: &Value| filter["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            filters.iter().map(name).collect()
        };
        assert_eq!(names(&printed(line)), names(&printed(Line::Seed)), "{line}");
    }
}

/// JSON text that keeps the order of keys.
struct InOrder(String);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Writer)
    }
}

/// Writes what it visits: the dump has sequences, maps, strings and booleans.
struct Writer;

impl<'de> Visitor<'de> for Writer {
    type Value = InOrder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the dump")
    }

    fn visit_bool<E>(self, value: bool) -> Result<InOrder, E> {
        Ok(InOrder(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<InOrder, E> {
        Ok(InOrder(Value::from(value).to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<InOrder, A::Error> {
        let mut items = Vec::new();
        while let Some(InOrder(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(InOrder(format!("[{}]", items.join(","))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
        let mut members = Vec::new();
        while let Some((InOrder(key), InOrder(value))) = map.next_entry()? {
            members.push(format!("{key}:{value}"));
        }
        Ok(InOrder(format!("{{{}}}", members.join(","))))
    }
}
