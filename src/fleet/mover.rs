use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Serialize;

use super::ClientKind;
use crate::plugin::{EffectivePolicy, ModuleUrl, PullPolicy};
use crate::policy::{Explanation, Flavour, Question, Situation};

/// What makes an agent take what a tag names by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mover {
    /// Nothing more than the move: it follows the tag.
    AtOnce,
    /// The next version of its `WasmPlugin`: any edit in Kubernetes, a changed spec with our agent.
    NewVersion,
    /// A restart of the agent.
    Restart,
    /// A day in which no delivery names the module.
    Idle,
    /// Another tag or digest in its `WasmPlugin`, where no other edit of it helps.
    NewReference,
}

/// A URL by tag that stands for all of its kind.
const BY_TAG: &str = "oci://registry.invalid/plugin:1";
/// The same of files.
const BY_FILE: &str = "http://registry.invalid/plugins/plugin/1/plugin.wasm";

type Rules = HashMap<(Flavour, EffectivePolicy, bool), Vec<Mover>>;

/// What the agents' own rules say, played once.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut rules = Rules::new();
    for flavour in [Flavour::Istio130, Flavour::Ours] {
        for policy in [EffectivePolicy::Always, EffectivePolicy::IfNotPresent] {
            for (is_file, url) in [(false, BY_TAG), (true, BY_FILE)] {
                rules.insert((flavour, policy, is_file), play(flavour, policy.field(), url));
            }
        }
    }
    rules
});

fn play(flavour: Flavour, policy: PullPolicy, url: &str) -> Vec<Mover> {
    let url: ModuleUrl = url.parse().expect("it is one of two constants");
    let explanation = Explanation::of(&Question { flavour, url, sha256: None, policy });
    let is_new_after = |situation: Situation| {
        explanation.situations.iter().any(|row| row.situation == situation && row.runs == "new")
    };
    let movers = [
        (Situation::MovedNewVersion, Mover::NewVersion),
        (Situation::Restart, Mover::Restart),
        (Situation::Idle, Mover::Idle),
    ];
    let mut movers: Vec<Mover> = movers
        .into_iter()
        .filter(|(situation, _)| is_new_after(*situation))
        .map(|(_, mover)| mover)
        .collect();
    if !movers.contains(&Mover::NewVersion) {
        movers.push(Mover::NewReference);
    }
    movers
}

impl Mover {
    /// What moves a client of `kind` under `policy`, by the rules of the agents there are. Clients that are no agents
    /// have none that are known.
    pub(super) fn of(kind: ClientKind, policy: EffectivePolicy, watches: bool) -> Vec<Self> {
        let flavour = match kind {
            ClientKind::Agent => Flavour::Ours,
            ClientKind::Istio | ClientKind::PluginFile => Flavour::Istio130,
            _ => return Vec::new(),
        };
        let key = (flavour, policy, kind == ClientKind::PluginFile);
        let at_once = (watches && policy == EffectivePolicy::Always).then_some(Self::AtOnce);
        at_once.into_iter().chain(RULES.get(&key).into_iter().flatten().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_an_agent_is_what_the_rules_say() {
        use EffectivePolicy::{Always, IfNotPresent, Pinned};
        use Mover::{AtOnce, Idle, NewReference, NewVersion, Restart};
        for (kind, policy, watches, expected) in [
            // An agent of Istio has its cache in memory, and forgets after a day.
            (ClientKind::Istio, Always, false, vec![NewVersion, Restart, Idle]),
            (ClientKind::Istio, IfNotPresent, false, vec![Restart, Idle, NewReference]),
            (ClientKind::PluginFile, IfNotPresent, false, vec![Restart, Idle, NewReference]),
            // The cache of ours survives a restart, and keeps what a live resource names.
            (ClientKind::Agent, Always, true, vec![AtOnce, NewVersion]),
            (ClientKind::Agent, Always, false, vec![NewVersion]),
            (ClientKind::Agent, IfNotPresent, true, vec![NewReference]),
            (ClientKind::Istio, Pinned, false, vec![]),
            (ClientKind::Docker, Always, false, vec![]),
        ] {
            assert_eq!(Mover::of(kind, policy, watches), expected, "{kind} {policy:?} {watches}");
        }
    }
}
