use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::LazyLock;

use serde::Serialize;

use super::suggestion::nearest;
use super::{GROUPS, Severity};

/// One thing that the linter looks for. Rules are equal by their id.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LintRule {
    /// Its name, in kebab case.
    pub id: &'static str,
    /// How much its findings matter.
    pub severity: Severity,
    /// What it looks for, in a line.
    pub title: &'static str,
    /// What happens in a cluster otherwise, and in which versions.
    pub why: &'static str,
    /// What to do about it, in one sentence.
    pub fix: &'static str,
    /// A file that it finds something in; a comment marks the line.
    pub bad: &'static str,
    /// The same file, mended.
    pub good: &'static str,
}

static ALL: LazyLock<Vec<&'static LintRule>> =
    LazyLock::new(|| GROUPS.iter().flat_map(|(rules, _)| *rules).copied().collect());

impl LintRule {
    /// Every rule, in the order in which they are explained.
    pub fn all() -> &'static [&'static Self] {
        &ALL
    }

    /// The rule called `id`.
    pub fn find(id: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|rule| rule.id == id)
    }
}

/// A word that names no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` is no lint rule{}", .nearest.map(|id| format!(", did you mean `{id}`?")).unwrap_or_default())]
pub struct UnknownLintRule {
    /// The word.
    pub id: String,
    /// A rule that has nearly that name.
    pub nearest: Option<&'static str>,
}

impl FromStr for &'static LintRule {
    type Err = UnknownLintRule;

    fn from_str(id: &str) -> Result<Self, UnknownLintRule> {
        let ids = || ALL.iter().map(|rule| rule.id);
        LintRule::find(id).ok_or_else(|| UnknownLintRule { id: id.to_owned(), nearest: nearest(id, ids()) })
    }
}

impl PartialEq for LintRule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for LintRule {}

impl PartialOrd for LintRule {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LintRule {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(other.id)
    }
}

impl Hash for LintRule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// Declares the rules of one group, and `GROUP`, which lists them.
macro_rules! rules {
    ($($name:ident: $id:literal $severity:ident { title: $title:literal, why: $why:literal, fix: $fix:literal, }),+ $(,)?) => {
        $(
            #[doc = $title]
            static $name: $crate::gateway::LintRule = $crate::gateway::LintRule {
                id: $id,
                severity: $crate::gateway::Severity::$severity,
                title: $title,
                why: $why,
                fix: $fix,
                bad: include_str!(concat!("cases/", $id, "/bad.yaml")),
                good: include_str!(concat!("cases/", $id, "/good.yaml")),
            };
        )+

        /// The rules of this group.
        pub(super) const GROUP: &[&$crate::gateway::LintRule] = &[$(&$name),+];
    };
}

pub(super) use rules;
