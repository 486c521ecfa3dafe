//! Reads an object field by field: what has the wrong type is a fault, what nobody asked for is an unknown field.

use std::collections::BTreeMap;

use super::{Config, FieldFault, FieldPath, Member, Node, NodeValue, Place, UnknownField};

/// What reading a resource found beside its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Findings {
    /// Fields with values that the API server refuses.
    pub(super) faults: Vec<FieldFault>,
    /// Fields that the API server drops.
    pub(super) unknown: Vec<UnknownField>,
}

impl Findings {
    /// Notes that `path` wants something else.
    pub(super) fn fault(&mut self, place: Place, path: &FieldPath, problem: impl Into<String>) {
        self.faults.push(FieldFault { path: path.clone(), place, problem: problem.into() });
    }
}

/// One object, while it is read.
pub(super) struct Fields<'a> {
    path: FieldPath,
    members: &'a [Member],
    taken: Vec<bool>,
    findings: &'a mut Findings,
}

impl<'a> Fields<'a> {
    /// Opens `node`; nothing where it is no object, which is a fault.
    pub(super) fn open(node: &'a Node, path: FieldPath, findings: &'a mut Findings) -> Option<Self> {
        let NodeValue::Object(members) = &node.value else {
            findings.fault(node.place, &path, format!("is {}, expected an object", node.kind()));
            return None;
        };
        Some(Self { path, members, taken: vec![false; members.len()], findings })
    }

    /// Where `key` stands in the document.
    pub(super) fn path(&self, key: &str) -> FieldPath {
        self.path.key(key)
    }

    /// Where faults go.
    pub(super) fn findings(&mut self) -> &mut Findings {
        self.findings
    }

    /// The value of `key`.
    pub(super) fn node(&mut self, key: &str) -> Option<&'a Node> {
        let index = self.members.iter().position(|member| member.key == key)?;
        self.taken[index] = true;
        Some(&self.members[index].node)
    }

    /// The text of `key`.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let node = self.node(key)?;
        self.as_text(key, node)
    }

    /// The text of `node`, the value of `key`.
    fn as_text(&mut self, key: &str, node: &Node) -> Option<String> {
        match &node.value {
            NodeValue::Text(text) => Some(text.clone()),
            _ => self.wrong(key, node, "a string; put it in quotes"),
        }
    }

    /// One of a few words; `default` where the field is absent.
    pub(super) fn word<T: Copy + Default>(&mut self, key: &str, words: &[(&str, T)]) -> T {
        let Some(node) = self.node(key) else { return T::default() };
        let found = match &node.value {
            NodeValue::Text(text) => words.iter().find(|(word, _)| word == text).map(|(_, value)| *value),
            _ => None,
        };
        found.or_else(|| self.wrong(key, node, &one_of(words))).unwrap_or_default()
    }

    /// True or false; `null` is false, as the fields that this is for are nullable.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let Some(node) = self.node(key) else { return false };
        match &node.value {
            NodeValue::Bool(flag) => *flag,
            NodeValue::Null => false,
            _ => self.wrong(key, node, "true or false, without quotes").unwrap_or_default(),
        }
    }

    /// An integer of 32 bits; `null` is none, as the field that this is for is nullable.
    pub(super) fn int32(&mut self, key: &str) -> Option<i32> {
        let node = self.node(key)?;
        let number = match &node.value {
            NodeValue::Null => return None,
            NodeValue::Number(number) => number.as_i64().and_then(|number| number.try_into().ok()),
            _ => None,
        };
        number.or_else(|| self.wrong(key, node, "an integer from -2147483648 to 2147483647, without quotes"))
    }

    /// Any object.
    pub(super) fn config(&mut self, key: &str) -> Option<Config> {
        let node = self.node(key)?;
        match node.to_json() {
            serde_json::Value::Object(config) => Some(config),
            _ => self.wrong(key, node, "an object"),
        }
    }

    /// A list of texts; the items that are none are faults.
    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        self.items(key, |findings, item, path| {
            if let NodeValue::Text(text) = &item.value {
                return Some(text.clone());
            }
            let problem = format!("is {}, expected a string; put it in quotes", shown(item));
            findings.fault(item.place, path, problem);
            None
        })
    }

    /// A list, item by item.
    pub(super) fn items<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Findings, &'a Node, &FieldPath) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let NodeValue::List(items) = &node.value else {
            return self.wrong(key, node, "a list").unwrap_or_default();
        };
        let path = self.path(key);
        let each = items.iter().enumerate();
        each.filter_map(|(index, item)| read(self.findings, item, &path.index(index))).collect()
    }

    /// An object within this one.
    pub(super) fn inner<T>(&mut self, key: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let node = self.node(key)?;
        let mut fields = Fields::open(node, self.path.key(key), self.findings)?;
        let value = read(&mut fields);
        fields.close();
        Some(value)
    }

    /// An object of texts, such as labels.
    pub(super) fn text_map(&mut self, key: &str) -> Option<BTreeMap<String, String>> {
        self.inner(key, |fields| {
            fields.taken.fill(true);
            // Member by member: to look each key up would take a second for ten thousand labels.
            let members = fields.members.iter();
            members
                .filter_map(|Member { key, node, .. }| Some((key.clone(), fields.as_text(key, node)?)))
                .collect()
        })
    }

    /// Looks at `keys` no further.
    pub(super) fn pass_over(&mut self, keys: &[&str]) {
        for key in keys {
            self.node(key);
        }
    }

    /// Notes what nobody asked for.
    pub(super) fn close(self) {
        let left = self.members.iter().zip(&self.taken).filter(|(_, taken)| !**taken);
        let unknown =
            left.map(|(member, _)| UnknownField { path: self.path.key(&member.key), place: member.place });
        self.findings.unknown.extend(unknown);
    }

    /// Notes that `key` has the wrong value.
    pub(super) fn wrong<T>(&mut self, key: &str, node: &Node, expected: &str) -> Option<T> {
        let path = self.path.key(key);
        let problem = match node.value {
            NodeValue::Null => {
                format!("is empty, expected {expected}; leave the field out if it has no value")
            }
            _ => format!("is {}, expected {expected}", shown(node)),
        };
        self.findings.fault(node.place, &path, problem);
        None
    }
}

fn one_of<T>(words: &[(&str, T)]) -> String {
    let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The value itself where it is short, else its kind.
fn shown(node: &Node) -> String {
    const LONGEST: usize = 60;
    match &node.value {
        NodeValue::List(_) | NodeValue::Object(_) => node.kind().to_owned(),
        _ => {
            let text = node.to_json().to_string();
            if text.len() <= LONGEST { format!("`{text}`") } else { node.kind().to_owned() }
        }
    }
}
