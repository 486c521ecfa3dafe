use std::time::SystemTime;

use serde::Serialize;

use super::Pulled;
use crate::oci::Digest;
use crate::plugin::EffectivePolicy;

/// What there is to say about one plugin.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    /// The name of its filter and ECDS resource.
    pub resource: String,
    /// The plugin's name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its place in the chain, counted from 1.
    pub position: usize,
    /// Where its module is.
    pub url: String,
    /// The pull policy in effect.
    pub policy: EffectivePolicy,
    /// `sha256` of the resource; empty where it has none.
    pub sha256: String,
    /// The version that its file asks for.
    pub wanted: String,
    /// The digest that it asks for, or that its URL stands for, as far as that is known.
    pub wanted_manifest: Option<Digest>,
    /// Whether the wanted version is the one that is served.
    pub state: PluginState,
    /// The module that is served.
    pub running: Option<Pulled>,
    /// Since when.
    #[serde(with = "humantime_serde::option")]
    pub running_since: Option<SystemTime>,
    /// How the newest pull ended.
    pub last_pull: Option<LastPull>,
    /// Seconds until the next one, if one is planned.
    pub next_pull_secs: Option<u64>,
}

/// How a plugin is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginState {
    /// What the file asks for is served.
    Current,
    /// It is being pulled, and nothing has failed.
    Pulling,
    /// The newest pull failed; the module of an earlier version is served. It may be being pulled again.
    Stale,
    /// There is no module to serve: `failStrategy` decides what happens to requests.
    Failing,
}

/// How the newest pull ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastPull {
    /// When.
    #[serde(with = "humantime_serde")]
    pub at: SystemTime,
    /// Why the module was fetched, or was not; or what went wrong.
    pub outcome: String,
}
