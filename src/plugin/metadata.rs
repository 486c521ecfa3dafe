use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::NodeValue;
use super::fields::Fields;

/// What the resource is called, and what the API server says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The resource's name, unique in its namespace.
    pub name: String,
    /// The namespace, where the file names one.
    pub namespace: Option<String>,
    /// When the object was made. Files seldom say; exports of a cluster do.
    pub creation_timestamp: Option<DateTime<Utc>>,
    /// The object's version. Files seldom say; exports of a cluster do.
    pub resource_version: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The fields of Kubernetes' `ObjectMeta` that nothing here looks at.
const OTHER_FIELDS: [&str; 9] = [
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "selfLink",
    "uid",
];

impl Metadata {
    /// Bytes of the longest name.
    pub(super) const LONGEST_NAME: usize = 253;

    /// Whether Kubernetes takes `text` for the name of a resource: RFC 1123 labels between dots (`IsDNS1123Subdomain`).
    pub fn is_name(text: &str) -> bool {
        text.len() <= Self::LONGEST_NAME && text.split('.').all(is_dns_part)
    }

    /// Whether Kubernetes takes `text` for a namespace: one RFC 1123 label (`IsDNS1123Label`).
    pub fn is_namespace(text: &str) -> bool {
        text.len() <= 63 && is_dns_part(text)
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        fields.pass_over(&OTHER_FIELDS);
        Self {
            name: fields.text("name").unwrap_or_default(),
            namespace: fields.text("namespace").filter(|namespace| !namespace.is_empty()),
            creation_timestamp: creation_timestamp(fields),
            resource_version: fields.text("resourceVersion").filter(|version| !version.is_empty()),
            labels: fields.text_map("labels").unwrap_or_default(),
            annotations: fields.text_map("annotations").unwrap_or_default(),
        }
    }
}

/// RFC 3339, or `null`, which controllers print for a time that was never set.
fn creation_timestamp(fields: &mut Fields<'_>) -> Option<DateTime<Utc>> {
    const KEY: &str = "creationTimestamp";
    let node = fields.node(KEY)?;
    match &node.value {
        NodeValue::Null => None,
        NodeValue::Text(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Some(time.to_utc()),
            Err(_) => fields.wrong(KEY, node, "a time such as `2026-01-31T10:00:00Z`"),
        },
        _ => fields.wrong(KEY, node, "a time such as `2026-01-31T10:00:00Z`"),
    }
}

/// Letters, digits and hyphens, no hyphen at either end.
fn is_dns_part(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_namespaces_are_those_of_rfc_1123() {
        let long = "a".repeat(63);
        for (text, name, namespace) in [
            ("a-1", true, true),
            (long.as_str(), true, true),
            (&format!("{long}a"), true, false),
            ("a.b", true, false),
            ("a..b", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("A", false, false),
            ("a_b", false, false),
            ("", false, false),
            (&"a".repeat(254), false, false),
        ] {
            assert_eq!((Metadata::is_name(text), Metadata::is_namespace(text)), (name, namespace), "{text}");
        }
    }
}
