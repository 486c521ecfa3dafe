use std::fmt;

use serde::Serialize;

use super::{ClientKind, Fleet, FleetRow, KnownPluginFilter, Mover, PullFilter, RowPolicy, TrackedPlugin};
use crate::oci::{Digest, Reference, RepositoryName, Tag};
use crate::plugin::EffectivePolicy;
use crate::storage::Result;

/// What moving a tag does to those who have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    #[serde(serialize_with = "super::view::as_text")]
    pub tag: Tag,
    /// What it names now; null where it does not exist.
    pub current: Option<Digest>,
    /// What it is to name; null stands for something that nobody has yet.
    pub new: Option<Digest>,
    /// How many agents each effect has.
    pub counts: EffectCounts,
    /// The agents, at most [`Impact::LISTED`].
    pub agents: Vec<AgentImpact>,
    /// The known plugins that name the tag, at most [`Impact::LISTED`].
    pub plugins: Vec<PluginImpact>,
}

/// How many agents each effect has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EffectCounts {
    /// Those that move by themselves.
    pub moves: u64,
    /// Those that wait for the next version of their `WasmPlugin`.
    pub waits: u64,
    /// Those that keep what they have.
    pub stays: u64,
    /// Those of which it is not known.
    pub unknown: u64,
    /// Those to whom it does nothing.
    pub unaffected: u64,
}

/// What it does to one agent, or to one plugin wherever it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It moves by itself: it follows the tag.
    Moves,
    /// It waits for the next version of its `WasmPlugin`.
    Waits,
    /// It keeps what it has, whatever happens to its `WasmPlugin`.
    Stays,
    /// Its policy is not known.
    Unknown,
    /// Nothing: it is pinned to a digest, or has the new one.
    Unaffected,
}

/// What it does to one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentImpact {
    /// The agent.
    pub agent: String,
    /// What kind of client it is.
    pub kind: String,
    /// The plugin that names the tag, as the agent reports.
    pub plugin: Option<String>,
    /// What it has.
    pub digest: Option<Digest>,
    /// The policy that it follows.
    pub policy: RowPolicy,
    /// What happens.
    pub effect: Effect,
    /// What makes it take what the tag names by then.
    pub moves_with: Vec<Mover>,
}

/// What it does to one plugin, wherever it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginImpact {
    /// The plugin.
    #[serde(flatten)]
    pub plugin: TrackedPlugin,
    /// What happens to a gateway of Istio's kind that has it.
    pub effect: Effect,
    /// What makes such a gateway take what the tag names by then.
    pub moves_with: Vec<Mover>,
}

impl Impact {
    /// How many agents, and how many plugins, are listed.
    pub const LISTED: u32 = 1000;
    /// How many rows are looked at in one step.
    const STEP: u32 = 5000;

    /// How many agents do not move by themselves.
    pub fn behind(&self) -> u64 {
        self.counts.behind()
    }

    /// Whether there is anybody to whom it matters.
    pub fn is_felt(&self) -> bool {
        self.counts.moves + self.behind() > 0
            || self.plugins.iter().any(|plugin| plugin.effect != Effect::Unaffected)
    }

    fn add(&mut self, row: FleetRow) {
        let Some(impact) = AgentImpact::of(row, self.new.as_ref()) else { return };
        self.counts.add(impact.effect);
        if self.agents.len() < Self::LISTED as usize {
            self.agents.push(impact);
        }
    }
}

impl Fleet {
    /// What it does to agents and known plugins when `tag` comes to name `new`, or something that nobody has.
    pub async fn impact(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        new: Option<&Digest>,
    ) -> Result<Impact> {
        let mut impact = Impact {
            repository: repository.clone(),
            tag: tag.clone(),
            current: None,
            new: new.cloned(),
            counts: EffectCounts::default(),
            agents: Vec::new(),
            plugins: Vec::new(),
        };
        let named = self.store.find_manifest(repository, &Reference::Tag(tag.clone())).await?;
        impact.current = named.map(|manifest| manifest.digest.clone());
        let (repository, reference) = (Some(repository.clone()), Some(Reference::Tag(tag.clone())));
        let mut filter = PullFilter { repository, reference, after: None, limit: Impact::STEP };
        loop {
            let rows = self.list(&filter).await?;
            let is_last = rows.len() < Impact::STEP as usize;
            filter.after = rows.last().map(|row| row.cursor.clone());
            for row in rows {
                impact.add(row);
            }
            if is_last {
                break;
            }
        }
        let limit = Impact::LISTED;
        let PullFilter { repository, reference, .. } = filter;
        let known = self.tracked(&KnownPluginFilter { repository, reference, after: None, limit }).await?;
        impact.plugins = known.into_iter().map(PluginImpact::of).collect();
        Ok(impact)
    }
}

impl AgentImpact {
    /// None of a client that is no agent, or has nothing.
    fn of(row: FleetRow, new: Option<&Digest>) -> Option<Self> {
        let has = row.digest.clone()?;
        if !ClientKind::named(&row.kind).is_agent() {
            return None;
        }
        let movers = row.policy.policy.map(|policy| row.movers(policy)).unwrap_or_default();
        let effect =
            if new == Some(&has) { Effect::Unaffected } else { Effect::of(row.policy.policy, &movers) };
        Some(Self {
            agent: row.agent,
            kind: row.kind,
            plugin: row.plugin,
            digest: Some(has),
            policy: row.policy,
            effect,
            moves_with: movers,
        })
    }
}

impl PluginImpact {
    fn of(plugin: TrackedPlugin) -> Self {
        let movers =
            plugin.policy.map(|policy| Mover::of(ClientKind::Istio, policy, false)).unwrap_or_default();
        Self { effect: Effect::of(plugin.policy, &movers), moves_with: movers, plugin }
    }
}

impl Effect {
    fn of(policy: Option<EffectivePolicy>, movers: &[Mover]) -> Self {
        match policy {
            None => Self::Unknown,
            Some(EffectivePolicy::Pinned | EffectivePolicy::Local) => Self::Unaffected,
            Some(_) if movers.contains(&Mover::AtOnce) => Self::Moves,
            Some(_) if movers.contains(&Mover::NewVersion) => Self::Waits,
            Some(_) => Self::Stays,
        }
    }
}

impl EffectCounts {
    fn add(&mut self, effect: Effect) {
        *match effect {
            Effect::Moves => &mut self.moves,
            Effect::Waits => &mut self.waits,
            Effect::Stays => &mut self.stays,
            Effect::Unknown => &mut self.unknown,
            Effect::Unaffected => &mut self.unaffected,
        } += 1;
    }

    /// How many agents do not move by themselves.
    pub fn behind(self) -> u64 {
        self.waits + self.stays + self.unknown
    }
}

/// How many stay behind, and why, in words.
impl fmt::Display for EffectCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.moves + self.behind();
        let (verb, noun) =
            (if self.behind() == 1 { "stays" } else { "stay" }, if all == 1 { "agent" } else { "agents" });
        write!(f, "{} of {all} {noun} {verb} behind", self.behind())?;
        let reasons = [
            (self.stays, "under IfNotPresent until a restart or another tag"),
            (self.waits, "under Always until the next version of the WasmPlugin"),
            (self.unknown, "under a policy that is not known"),
        ];
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        if reasons.is_empty() { Ok(()) } else { write!(f, ": {}", reasons.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_stay_behind_are_counted_by_their_reason() {
        let counts = EffectCounts { moves: 2, waits: 3, stays: 1, unknown: 0, unaffected: 7 };
        let expected = "4 of 6 agents stay behind: 1 under IfNotPresent until a restart or another tag, \
                        3 under Always until the next version of the WasmPlugin";
        assert_eq!(counts.to_string(), expected);
        assert_eq!(
            EffectCounts { moves: 1, ..EffectCounts::default() }.to_string(),
            "0 of 1 agent stay behind"
        );
    }
}
