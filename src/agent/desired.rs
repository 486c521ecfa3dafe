use std::collections::BTreeMap;

use super::{PullSecret, PullSecretError, PullSecrets};
use crate::gateway::{Chain, Delivery, ExcludedReport, GatewaySettings, Line, Workload};
use crate::oci::Digest;
use crate::plugin::{ModuleUrl, WasmPlugin};
use crate::policy::{Pull, given_sha256};

/// The gateway that an agent works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Which release it is; names and stubs follow it.
    pub line: Line,
    /// How its controller converts.
    pub settings: GatewaySettings,
    /// The gateway itself.
    pub workload: Workload,
}

impl Installation {
    /// A plain installation of `line` with `settings`.
    pub fn plain(line: Line, settings: GatewaySettings) -> Self {
        Self { line, workload: Workload::of(line, &settings), settings }
    }
}

/// What the resources ask for: plugins by the name of their ECDS resource, each with its pull.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// The plugins of the gateway's chain.
    pub plugins: BTreeMap<String, DesiredPlugin>,
    /// The plugins that the gateway does not run, and why.
    pub excluded: Vec<ExcludedReport>,
}

/// One plugin that the gateway is to run.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredPlugin {
    /// The plugin, in Istio's form.
    pub plugin: WasmPlugin,
    /// Its place in the chain, counted from 1.
    pub position: usize,
    /// What to pull for it. Its version follows the plugin's spec, and nothing else: it changes when the spec does.
    pub pull: Pull,
    /// The secret that it names, if it names one and there is one.
    pub secret: Option<Result<PullSecret, PullSecretError>>,
}

impl Desired {
    /// Converts, orders and names `plugins` as `installation` does, and finds the secrets that they name.
    pub fn of<'a>(
        plugins: impl IntoIterator<Item = &'a WasmPlugin>,
        secrets: &PullSecrets,
        installation: &Installation,
    ) -> Self {
        let Installation { line, settings, workload } = installation;
        let delivery = Delivery::of(plugins, settings);
        let chain = Chain::order(delivery.plugins(), *line, workload);
        let mut desired = Self { excluded: chain.report().excluded, ..Self::default() };
        desired.excluded.splice(0..0, delivery.withheld.iter().cloned());
        for (at, link) in chain.links().iter().enumerate() {
            let resource = link.resource_name(*line);
            match pull(link.plugin, &resource) {
                Ok(pull) => {
                    let plugin = in_namespace(link.plugin, link.namespace);
                    let secret = secret(&plugin, secrets);
                    desired
                        .plugins
                        .insert(resource, DesiredPlugin { plugin, position: at + 1, pull, secret });
                }
                Err(why) => desired.excluded.push(ExcludedReport {
                    name: link.plugin.metadata.name.clone(),
                    namespace: link.namespace.to_owned(),
                    why,
                }),
            }
        }
        desired
    }
}

/// The plugin under the namespace that it counts for.
fn in_namespace(plugin: &WasmPlugin, namespace: &str) -> WasmPlugin {
    let mut plugin = plugin.clone();
    plugin.metadata.namespace = Some(namespace.to_owned());
    plugin
}

fn secret(plugin: &WasmPlugin, secrets: &PullSecrets) -> Option<Result<PullSecret, PullSecretError>> {
    let name = plugin.spec.image_pull_secret.as_str();
    let found = || secrets.find(plugin.metadata.namespace.as_deref(), name).cloned();
    (!name.is_empty()).then(found)
}

fn pull(plugin: &WasmPlugin, resource: &str) -> Result<Pull, String> {
    let spec = &plugin.spec;
    Ok(Pull {
        url: spec.url.parse::<ModuleUrl>().map_err(|error| error.to_string())?,
        sha256: given_sha256(&spec.sha256).map_err(|error| error.to_string())?,
        policy: spec.image_pull_policy,
        resource: resource.to_owned(),
        version: version(plugin),
    })
}

/// The beginning of the sha256 of everything that the file says.
fn version(plugin: &WasmPlugin) -> String {
    const HEX_DIGITS: usize = 16;
    let json = serde_json::to_vec(plugin).expect("a resource has a JSON form");
    Digest::sha256(&json).hex()[..HEX_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{ReadLimits, Resources};

    fn desired(text: &str) -> Desired {
        let resources = Resources::read(text.as_bytes(), &ReadLimits::default()).unwrap();
        let installation = Installation::plain(Line::default(), GatewaySettings::default());
        let plugins = resources.plugins.iter().map(|resource| &resource.plugin);
        Desired::of(plugins, &PullSecrets::default(), &installation)
    }

    fn plugin(name: &str, spec: &str) -> String {
        format!(
            "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n"
        )
    }

    #[test]
    fn plugins_are_named_and_placed_as_in_the_chain() {
        let text = plugin("b", "{url: 'oci://r.io/b:1', priority: 1}")
            + &plugin("a", "{url: 'r.io/a:1', phase: AUTHN}");
        let desired = desired(&text);
        let places: Vec<(&str, usize)> =
            desired.plugins.iter().map(|(name, plugin)| (name.as_str(), plugin.position)).collect();
        let prefix = "extensions.istio.io/wasmplugin/higress-system";
        assert_eq!(places, [(format!("{prefix}.a").as_str(), 1), (format!("{prefix}.b").as_str(), 2)]);
        assert!(desired.plugins.values().all(|plugin| plugin.plugin.metadata.namespace.is_some()));
    }

    #[test]
    fn the_version_follows_the_spec_and_nothing_else() {
        let version = |text: &str| desired(text).plugins.into_values().next().unwrap().pull.version;
        let one = version(&plugin("a", "{url: 'oci://r.io/a:1', defaultConfig: {a: 1}}"));
        assert_eq!(one, version(&plugin("a", "{defaultConfig: {a: 1}, url: 'oci://r.io/a:1'} # edited")));
        assert_ne!(one, version(&plugin("a", "{url: 'oci://r.io/a:1', defaultConfig: {a: 2}}")));
    }

    #[test]
    fn what_cannot_run_is_left_out_with_the_reason() {
        for (spec, reason) in [
            ("{url: 'reg.io:5000/x:1'}", "has no scheme"),
            ("{url: 'oci://r.io/a:1', sha256: abc}", "64 lower-case hex digits"),
            ("{url: 'oci://r.io/a:1', defaultConfigDisable: true}", "withdrawn"),
        ] {
            let desired = desired(&plugin("a", spec));
            assert!(desired.plugins.is_empty() && desired.excluded[0].why.contains(reason), "{desired:?}");
        }
    }
}
