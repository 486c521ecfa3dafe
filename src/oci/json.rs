//! JSON as strictly as its readers elsewhere take it, so that all of them see the same manifest.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads `bytes` as one JSON object.
///
/// Fields that `T` does not name are held to the same rules: UTF-8 throughout, and at most 128 levels.
pub(super) fn object<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    serde_json::from_slice::<Anything>(bytes)?;
    serde_json::from_slice::<Object<T>>(bytes).map(|object| object.0)
}

/// A `T` that was written as an object. By itself serde takes an array of the fields' values for it too, which no
/// other reader does.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Any JSON, looked at and dropped. Unlike serde's own way to skip a value it decodes every text and counts every
/// level; unlike a `serde_json::Value` it takes no memory.
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnythingVisitor)
    }
}

struct AnythingVisitor;

impl<'de> Visitor<'de> for AnythingVisitor {
    type Value = Anything;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Anything, E> {
        Ok(Anything)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Anything, A::Error> {
        while seq.next_element::<Anything>()?.is_some() {}
        Ok(Anything)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Anything, A::Error> {
        while map.next_entry::<Anything, Anything>()?.is_some() {}
        Ok(Anything)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Named {
        #[serde(default)]
        name: Option<String>,
    }

    #[test]
    fn an_object_is_read_and_its_unknown_fields_are_passed_over() {
        let named: Named = object(br#"{"x":[1,-1,0.5,true,null,{"y":"\u00fc"}],"name":"n"}"#).unwrap();
        assert_eq!(named.name.as_deref(), Some("n"));
    }

    #[test]
    fn what_readers_elsewhere_refuse_is_refused() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let bad: [&[u8]; 7] = [
            b"",
            b"[\"n\"]",
            b"\"n\"",
            b"{\"x\":\"\xff\"}",
            b"{} {}",
            b"{\"name\":\"a\",\"name\":\"b\"}",
            deep.as_bytes(),
        ];
        for bytes in bad {
            assert!(object::<Named>(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
