use serde::Serialize;

use super::module_place::place_of;
use super::row_policy::effective;
use super::{Fleet, KnownPluginFilter, PluginSource};
use crate::oci::RepositoryName;
use crate::plugin::{EffectivePolicy, WasmPlugin};
use crate::storage::{KnownPlugin, Result, Timestamp};

/// A `WasmPlugin` that the registry was told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackedPlugin {
    /// Its namespace; empty where the resource names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who told of it: `api` or `directory`.
    #[serde(serialize_with = "super::view::as_text")]
    pub source: PluginSource,
    /// `url`.
    pub url: String,
    /// The repository here that the URL leads to, if any.
    pub repository: Option<RepositoryName>,
    /// The tag or digest that an agent asks for there.
    pub reference: Option<String>,
    /// `imagePullPolicy`; `UNSPECIFIED_POLICY` where it is left open.
    pub image_pull_policy: String,
    /// What agents make of it.
    pub policy: Option<EffectivePolicy>,
    /// `sha256`; empty where it is left open.
    pub sha256: String,
    /// `phase`; `UNSPECIFIED_PHASE` where it is left open.
    pub phase: String,
    /// `priority`.
    pub priority: Option<i32>,
    /// When it was last told.
    #[serde(serialize_with = "super::view::as_text")]
    pub updated: Timestamp,
}

impl Fleet {
    /// Keeps `plugin` under that name; none where [`Config::max_plugins`](super::Config::max_plugins) are kept already.
    pub async fn track(&self, plugin: &WasmPlugin) -> Result<Option<TrackedPlugin>> {
        let known = self.known(plugin, PluginSource::Api);
        let kept = self.store.put_known_plugin(&known, self.config.max_plugins).await?;
        Ok(kept.then(|| TrackedPlugin::of(known)))
    }

    /// Forgets a plugin that was tracked; whether it was.
    pub async fn untrack(&self, namespace: &str, name: &str) -> Result<bool> {
        self.store.delete_known_plugin(namespace, name).await
    }

    /// Lets `plugins` be all that a directory holds. Of two with one name the last counts.
    pub async fn know_directory<'a>(&self, plugins: impl IntoIterator<Item = &'a WasmPlugin>) -> Result<()> {
        let plugins = plugins.into_iter().map(|plugin| self.known(plugin, PluginSource::Directory));
        self.store.replace_known_plugins(PluginSource::Directory, &plugins.collect::<Vec<_>>()).await
    }

    /// The plugins that the registry was told of, by namespace and name.
    pub async fn tracked(&self, filter: &KnownPluginFilter) -> Result<Vec<TrackedPlugin>> {
        Ok(self.store.list_known_plugins(filter).await?.into_iter().map(TrackedPlugin::of).collect())
    }

    fn known(&self, plugin: &WasmPlugin, source: PluginSource) -> KnownPlugin {
        let (metadata, spec) = (&plugin.metadata, &plugin.spec);
        KnownPlugin {
            source,
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone(),
            url: spec.url.clone(),
            place: place_of(&spec.url, &self.config.hosts),
            policy: spec.image_pull_policy.to_string(),
            sha256: spec.sha256.clone(),
            phase: spec.phase.to_string(),
            priority: spec.priority,
            updated: Timestamp::now(),
        }
    }
}

impl TrackedPlugin {
    pub(super) fn of(known: KnownPlugin) -> Self {
        let (repository, reference) = known.place.unzip();
        Self {
            policy: effective(&known.url, &known.policy, &known.sha256),
            namespace: known.namespace,
            name: known.name,
            source: known.source,
            url: known.url,
            repository,
            reference: reference.map(|reference| reference.to_string()),
            image_pull_policy: known.policy,
            sha256: known.sha256,
            phase: known.phase,
            priority: known.priority,
            updated: known.updated,
        }
    }
}
