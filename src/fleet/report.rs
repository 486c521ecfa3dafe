use std::time::Duration;

use serde::Deserialize;

use super::module_place::place_of;
use super::{AgentName, ClientKind, Fleet};
use crate::oci::Digest;
use crate::storage;
use crate::storage::{AgentReport, PluginReport, Result, Timestamp};

/// What an agent says of itself: how long that counts, and its plugins. Fields that are not known here are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// For how many seconds this counts.
    pub lease_secs: u64,
    /// Whether the agent follows tags that move.
    #[serde(default)]
    pub watches: bool,
    /// The plugins that it has.
    pub plugins: Vec<SaidPlugin>,
}

/// What an agent says of one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaidPlugin {
    /// The plugin's namespace; empty where it has none.
    #[serde(default)]
    pub namespace: String,
    /// The plugin's name.
    pub name: String,
    /// `url`.
    pub url: String,
    /// `imagePullPolicy`; empty where it is left open.
    #[serde(default)]
    pub image_pull_policy: String,
    /// `sha256`.
    #[serde(default)]
    pub sha256: String,
    /// The manifest that it wants.
    pub wanted: Option<Digest>,
    /// The manifest that it runs.
    pub running: Option<Digest>,
    /// Why it does not run what it wants.
    pub refused: Option<String>,
}

/// Why a report is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Nothing is kept of agents here.
    #[error("this registry keeps nothing of agents (`fleet.enabled` is false)")]
    Disabled,
    /// It is too long.
    #[error("a report has at most {} plugins", Report::PLUGINS)]
    TooMany,
    /// The disk is so full that the rest is left to pushes.
    #[error("the registry's disk is too full to keep what agents report")]
    Full,
    /// The id is none.
    #[error("an agent's id has 1 to {} printable ASCII characters", AgentName::NODE_LENGTH)]
    Id,
}

impl Report {
    /// Most plugins of one report.
    pub const PLUGINS: usize = 2000;
    /// The longest lease, in seconds; one that asks for more gets that.
    pub const LONGEST_LEASE_SECS: u64 = 24 * 60 * 60;
    /// What is kept of a reason, in characters.
    const REASON_LENGTH: usize = 500;
    /// What is kept of names and of URLs, in characters.
    const TEXT_LENGTH: usize = 1024;

    /// What is kept of it. Plugins whose module is not here are none of this registry's concern.
    fn kept(self, id: &str, fleet: &Fleet) -> AgentReport {
        let received = Timestamp::now();
        let lease = Duration::from_secs(self.lease_secs.min(Self::LONGEST_LEASE_SECS));
        let kept = |plugin: SaidPlugin| {
            let (repository, reference) = place_of(&plugin.url, &fleet.config.hosts)?;
            let cut = |text: String, length: usize| text.chars().take(length).collect::<String>();
            Some(PluginReport {
                repository,
                reference,
                namespace: cut(plugin.namespace, Self::TEXT_LENGTH),
                name: cut(plugin.name, Self::TEXT_LENGTH),
                url: cut(plugin.url, Self::TEXT_LENGTH),
                policy: cut(plugin.image_pull_policy, Self::TEXT_LENGTH),
                sha256: cut(plugin.sha256, Self::TEXT_LENGTH),
                wanted: plugin.wanted,
                running: plugin.running,
                refused: plugin.refused.map(|reason| cut(reason, Self::REASON_LENGTH)),
            })
        };
        AgentReport {
            agent: AgentName::node(id).to_string(),
            kind: ClientKind::Agent.to_string(),
            received,
            lease_until: received.after(lease),
            watches: self.watches,
            plugins: self.plugins.into_iter().filter_map(kept).collect(),
        }
    }
}

impl Fleet {
    /// Takes what the agent `id` says of itself in the place of what it said before; how many of its plugins are from here.
    pub async fn report(&self, id: &str, report: Report) -> Result<std::result::Result<usize, ReportError>> {
        if !self.config.enabled {
            return Ok(Err(ReportError::Disabled));
        }
        if report.plugins.len() > Report::PLUGINS {
            return Ok(Err(ReportError::TooMany));
        }
        if id.is_empty() || AgentName::node(id).as_str() != id {
            return Ok(Err(ReportError::Id));
        }
        let kept = report.kept(id, self);
        match self.store.record_report(&kept).await {
            Ok(()) => Ok(Ok(kept.plugins.len())),
            Err(storage::Error::Full) => Ok(Err(ReportError::Full)),
            Err(error) => Err(error),
        }
    }
}
