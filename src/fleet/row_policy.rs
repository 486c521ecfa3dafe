use serde::Serialize;

use super::{ClientKind, Confidence, InferredPolicy};
use crate::plugin::{EffectivePolicy, PullPolicy};
use crate::storage::{KnownPlugin, PullRow};

/// The pull policy that an agent follows for a reference, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowPolicy {
    /// The policy in effect; none where it is not known.
    pub policy: Option<EffectivePolicy>,
    /// How it is known.
    pub source: PolicySource,
    /// How much speaks for it. Only what is inferred is ever in doubt.
    pub confidence: Confidence,
    /// What speaks for it.
    pub evidence: String,
}

/// How a policy is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicySource {
    /// The agent says so.
    Reported,
    /// A `WasmPlugin` says so that the registry was told of; that this agent runs it is likely, no more.
    Declared,
    /// The agent's requests look like it.
    Inferred,
}

impl RowPolicy {
    /// What is known for `row`, where `known` are the plugins that name what it names.
    pub(super) fn of(row: &PullRow, inferred: InferredPolicy, known: &[&KnownPlugin]) -> Self {
        Self::reported(row).or_else(|| Self::declared(row, known)).unwrap_or(Self {
            policy: inferred.policy,
            source: PolicySource::Inferred,
            confidence: inferred.confidence,
            evidence: inferred.evidence,
        })
    }

    fn reported(row: &PullRow) -> Option<Self> {
        let report = row.report.as_ref()?;
        Some(Self {
            policy: Some(effective(&report.url, &report.policy, &report.sha256)?),
            source: PolicySource::Reported,
            confidence: Confidence::High,
            evidence: format!("the agent reports it of `{}`", full_name(&report.namespace, &report.name)),
        })
    }

    fn declared(row: &PullRow, known: &[&KnownPlugin]) -> Option<Self> {
        let first = known.first().filter(|_| ClientKind::named(&row.kind).is_agent())?;
        let policies = known.iter().map(|plugin| effective(&plugin.url, &plugin.policy, &plugin.sha256));
        let mut policies: Vec<_> = policies.collect();
        policies.dedup();
        let [Some(policy)] = policies[..] else { return None };
        Some(Self {
            policy: Some(policy),
            source: PolicySource::Declared,
            confidence: Confidence::High,
            evidence: format!("the WasmPlugin `{}` says so", full_name(&first.namespace, &first.name)),
        })
    }
}

/// The policy in effect of a resource with these fields.
pub(super) fn effective(url: &str, policy: &str, sha256: &str) -> Option<EffectivePolicy> {
    // A word that agents do not know counts as none for them.
    let policy: PullPolicy = policy.parse().unwrap_or_default();
    Some(policy.effective(&url.parse().ok()?, sha256))
}

/// `namespace/name`, or the name alone.
pub(super) fn full_name(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}
