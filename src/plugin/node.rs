use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;

use super::{FieldPath, Place, Step};

/// A value of a YAML or JSON document, and where it stands. Objects keep the file's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins; behind an alias, where the anchor does.
    pub place: Place,
    /// The value.
    pub value: NodeValue,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer as it is; anything else as 64 bits of floating point.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object; no key stands twice.
    Object(Vec<Member>),
}

/// One entry of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The member `key` of an object.
    pub fn member(&self, key: &str) -> Option<&Member> {
        match &self.value {
            NodeValue::Object(members) => members.iter().find(|member| member.key == key),
            _ => None,
        }
    }

    /// Where `path` stands: at its key, where it ends in one. A path that is not in the document stands where its
    /// longest part that is does.
    pub fn place_of(&self, path: &FieldPath) -> Place {
        let (mut node, mut place) = (self, self.place);
        for step in path.steps() {
            match (step, &node.value) {
                (Step::Key(key), _) => {
                    let Some(member) = node.member(key) else { break };
                    (node, place) = (&member.node, member.place);
                }
                (Step::Index(index), NodeValue::List(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    (node, place) = (item, item.place);
                }
                (Step::Index(_), _) => break,
            }
        }
        place
    }

    /// The value as JSON, places forgotten.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(flag) => Value::Bool(*flag),
            NodeValue::Number(number) => Value::Number(number.clone()),
            NodeValue::Text(text) => Value::String(text.clone()),
            NodeValue::List(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Object(members) => {
                members.iter().map(|member| (member.key.clone(), member.node.to_json())).collect()
            }
        }
    }

    /// What kind of value it is, as errors name it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Number(number) if number.is_f64() => "a number with a fraction",
            NodeValue::Number(_) => "an integer",
            NodeValue::Text(_) => "a string",
            NodeValue::List(_) => "a list",
            NodeValue::Object(_) => "an object",
        }
    }
}

/// A value out of YAML or JSON text, with its places.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: PlacedValue(value), defined, .. } = Spanned::deserialize(deserializer)?;
        Ok(Self { place: defined.into(), value })
    }
}

struct PlacedValue(NodeValue);

impl<'de> Deserialize<'de> for PlacedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor::<PlacedKey, Node>(PhantomData)).map(Self)
    }
}

/// A value from a program, which stands in no text.
pub(super) struct Unplaced(pub(super) Node);

impl<'de> Deserialize<'de> for Unplaced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(NodeVisitor::<UnplacedKey, Self>(PhantomData))?;
        Ok(Self(Node { place: Place::default(), value }))
    }
}

#[derive(Deserialize)]
struct UnplacedKey(String);

impl From<Unplaced> for Node {
    fn from(Unplaced(node): Unplaced) -> Self {
        node
    }
}

impl From<UnplacedKey> for (String, Place) {
    fn from(UnplacedKey(key): UnplacedKey) -> Self {
        (key, Place::default())
    }
}

/// A key with its place.
struct PlacedKey(Spanned<String>);

impl<'de> Deserialize<'de> for PlacedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl From<PlacedKey> for (String, Place) {
    fn from(PlacedKey(key): PlacedKey) -> Self {
        (key.value, key.defined.into())
    }
}

/// Reads a value whose keys come as `K` and whose items come as `N`.
struct NodeVisitor<K, N>(PhantomData<(K, N)>);

impl<'de, K, N> Visitor<'de> for NodeVisitor<K, N>
where
    K: Deserialize<'de> + Into<(String, Place)>,
    N: Deserialize<'de> + Into<Node>,
{
    type Value = NodeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON has")
    }

    fn visit_unit<E: de::Error>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<NodeValue, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<NodeValue, E> {
        Ok(NodeValue::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<NodeValue, E> {
        Ok(NodeValue::Number(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<NodeValue, E> {
        Ok(NodeValue::Number(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<NodeValue, E> {
        let number = Number::from_f64(number);
        number.map(NodeValue::Number).ok_or_else(|| E::custom("JSON has no infinity and no NaN"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<NodeValue, E> {
        Ok(NodeValue::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<NodeValue, E> {
        Ok(NodeValue::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<NodeValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<N>()? {
            items.push(item.into());
        }
        Ok(NodeValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<NodeValue, A::Error> {
        let mut members = Vec::new();
        while let Some((key, node)) = access.next_entry::<K, N>()? {
            let (key, place) = key.into();
            members.push(Member { key, place, node: node.into() });
        }
        Ok(NodeValue::Object(members))
    }
}
