use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

use super::{LintRule, Severity};
use crate::plugin::{FieldPath, Place};

/// Something that a rule has to say about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule.
    #[serde(serialize_with = "by_id")]
    pub rule: &'static LintRule,
    /// The rule's severity, or what the caller made of it.
    pub severity: Severity,
    /// The file, as the caller names it.
    pub file: String,
    /// Where in the file.
    #[serde(flatten)]
    pub place: Place,
    /// The field.
    pub path: FieldPath,
    /// The resource, `namespace/name`; none where the document is no resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// What is wrong with which value, in one sentence.
    pub message: String,
    /// What to write instead, in one sentence.
    pub fix: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands every field over by reference")]
fn by_id<S: Serializer>(rule: &&LintRule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

impl Finding {
    /// By file, place and rule.
    pub(super) fn in_reading_order(&self, other: &Self) -> Ordering {
        fn key(finding: &Finding) -> (&str, Place, &str, &str) {
            (&finding.file, finding.place, finding.rule.id, &finding.message)
        }
        key(self).cmp(&key(other))
    }
}

/// `plugin.yaml:12:5: error[wrong-namespace]: …`, and the fix in a line of its own.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, severity, rule, message, fix, .. } = self;
        write!(f, "{file}:")?;
        if place.line > 0 {
            write!(f, "{}:{}:", place.line, place.column)?;
        }
        write!(f, " {severity}[{}]: {message}\n  fix: {fix}", rule.id)
    }
}
