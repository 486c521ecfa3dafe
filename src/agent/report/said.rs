use std::collections::BTreeMap;

use serde::Serialize;

use crate::agent::{PluginState, PluginStatus, StatusReader};
use crate::oci::{Digest, RegistryHost};
use crate::plugin::{ModuleSource, ModuleUrl};

/// What a registry is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said {
    /// For how many seconds it counts.
    lease_secs: u64,
    /// Whether the agent follows tags that move.
    watches: bool,
    /// The plugins whose modules are that registry's.
    plugins: Vec<SaidPlugin>,
}

/// What it is told of one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SaidPlugin {
    namespace: String,
    name: String,
    url: String,
    image_pull_policy: String,
    sha256: String,
    /// The manifest that it wants.
    wanted: Option<Digest>,
    /// The manifest that it runs.
    running: Option<Digest>,
    /// Why it does not run what it wants.
    refused: Option<String>,
}

impl Said {
    /// What each registry is told: of its own modules, and of no others.
    pub(super) fn to_each(
        status: &StatusReader,
        watches: bool,
        lease_secs: u64,
    ) -> BTreeMap<RegistryHost, Self> {
        let refusals = status.refusals();
        let mut said = BTreeMap::new();
        for plugin in status.plugins() {
            let Ok(url) = plugin.url.parse::<ModuleUrl>() else { continue };
            let Some(host) = host_of(&url) else { continue };
            let to_host =
                said.entry(host).or_insert_with(|| Self { lease_secs, watches, plugins: Vec::new() });
            let refusal = refusals.get(plugin.resource.as_str()).cloned();
            to_host.plugins.push(SaidPlugin::of(plugin, &url, refusal));
        }
        said
    }
}

impl SaidPlugin {
    /// Of a file the agent knows the module's digest, and no manifest.
    fn of(plugin: PluginStatus, url: &ModuleUrl, refusal: Option<String>) -> Self {
        let manifest = |digest: Option<Digest>| digest.filter(|_| url.image().is_some());
        let failed = matches!(plugin.state, PluginState::Stale | PluginState::Failing);
        let failure = plugin.last_pull.filter(|_| failed).map(|last| last.outcome);
        Self {
            namespace: plugin.namespace.unwrap_or_default(),
            name: plugin.name,
            url: plugin.url,
            image_pull_policy: plugin.policy.field().to_string(),
            sha256: plugin.sha256,
            wanted: manifest(plugin.wanted_manifest),
            running: manifest(plugin.running.and_then(|running| running.manifest)),
            refused: failure.or(refusal),
        }
    }
}

/// The registry that a module comes from; a web server is one like ours only where the path is one of ours.
fn host_of(url: &ModuleUrl) -> Option<RegistryHost> {
    match url.source() {
        ModuleSource::Oci(image) => Some(image.registry.clone()),
        ModuleSource::Http(web) if web.path().starts_with("/plugins/") => {
            let port = web.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}{port}", web.host_str()?).parse().ok()
        }
        ModuleSource::Http(_) | ModuleSource::File(_) => None,
    }
}
