use serde::Serialize;

use crate::oci::Reference;
use crate::plugin::EffectivePolicy;
use crate::storage::PullRow;

use super::InferredPolicy;

/// Where an agent stands beside what a reference names now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convergence {
    /// It has what the tag names.
    Current,
    /// It was told what the tag names, but has not read it.
    Resolved,
    /// It has, or was told, what the tag named before.
    Stale,
    /// It asked by digest: nothing moves.
    Pinned,
    /// The tag is gone.
    Gone,
    /// It never got anything.
    Refused,
}

impl Convergence {
    /// Of one row of the ledger.
    pub fn of(row: &PullRow) -> Self {
        let Some(given) = &row.digest else { return Self::Refused };
        match (&row.reference, &row.current) {
            (Reference::Digest(_), _) => Self::Pinned,
            (Reference::Tag(_), None) => Self::Gone,
            (Reference::Tag(_), Some(current)) if given != current => Self::Stale,
            (Reference::Tag(_), Some(current)) if row.fetched.as_ref() == Some(current) => Self::Current,
            (Reference::Tag(_), Some(_)) => Self::Resolved,
        }
    }

    /// What would make a stale agent ask again, under the policy that its requests look like.
    pub fn moves_with(self, inferred: &InferredPolicy) -> Option<&'static str> {
        if self != Self::Stale {
            return None;
        }
        Some(match inferred.policy {
            Some(EffectivePolicy::Always) => {
                "the next change of its WasmPlugin, or a restart of its agent; our agent with --watch asks at once"
            }
            Some(EffectivePolicy::IfNotPresent) => {
                "another tag or digest in its WasmPlugin, or a restart of an agent whose cache is in memory"
            }
            Some(EffectivePolicy::Pinned | EffectivePolicy::Local) | None => {
                "unknown: a restart of its agent, or a change of its WasmPlugin"
            }
        })
    }
}
