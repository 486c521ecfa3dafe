use std::collections::BTreeMap;

use serde::Serialize;

use super::Line;
use super::code::Code;
use super::config_text::config_text;
use crate::plugin::{Config, EnvSource, EnvVar, FailStrategy, ModuleUrlError, PullPolicy, WasmPlugin};

/// What begins the variables that are meant for the agent. It takes them out before Envoy sees the resource.
const AGENT_PREFIX: &str = "ISTIO_META_";
const PULL_SECRET: &str = "ISTIO_META_WASM_IMAGE_PULL_SECRET";
const PULL_POLICY: &str = "ISTIO_META_WASM_IMAGE_PULL_POLICY";
const RESOURCE_VERSION: &str = "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION";

/// A resource of extension config discovery: a plugin, under the name that its filter stub asks for. Keys are
/// in the order of their protobuf numbers, as Envoy prints them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypedExtensionConfig {
    /// `name`, see [`Line::resource_name`].
    pub name: String,
    typed_config: Wasm,
}

/// The filter's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "@type", rename = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm")]
pub(super) struct Wasm {
    /// `config`.
    config: PluginConfig,
}

/// `config` of the filter (Envoy `extensions.wasm.v3.PluginConfig`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PluginConfig {
    /// `name`, see [`Line::plugin_name`].
    name: String,
    /// `root_id`: the plugin's `pluginName`.
    #[serde(skip_serializing_if = "String::is_empty")]
    root_id: String,
    /// `vm_config`.
    vm_config: VmConfig,
    /// `configuration`.
    configuration: Configuration,
    /// `fail_open`. Envoy does not print `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fail_open: bool,
    /// `failure_policy`, where the line sends it in place of `fail_open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_policy: Option<FailurePolicy>,
}

/// `configuration`: a string in an `Any`, or an empty `Any`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Configuration {
    /// `google.protobuf.StringValue` with the JSON text.
    Text(StringValue),
    /// The plugin has no configuration: `on_configure` is called with no bytes.
    Empty {},
}

/// `google.protobuf.StringValue` in an `Any`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "@type", rename = "type.googleapis.com/google.protobuf.StringValue")]
pub(super) struct StringValue {
    /// `value`.
    value: String,
}

/// `failure_policy` (Envoy `extensions.wasm.v3.FailurePolicy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum FailurePolicy {
    /// `FAIL_RELOAD`: the VM is made anew.
    #[serde(rename = "FAIL_RELOAD")]
    Reload,
    /// `FAIL_CLOSED`: requests are answered with an error.
    #[serde(rename = "FAIL_CLOSED")]
    Closed,
    /// `FAIL_OPEN`: requests pass without the plugin.
    #[serde(rename = "FAIL_OPEN")]
    Open,
}

/// `vm_config` (Envoy `extensions.wasm.v3.VmConfig`). Discovery gives no `vm_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct VmConfig {
    runtime: &'static str,
    /// `code`.
    code: Code,
    /// `environment_variables`.
    #[serde(skip_serializing_if = "EnvironmentVariables::is_empty")]
    environment_variables: EnvironmentVariables,
}

/// `environment_variables` of the VM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct EnvironmentVariables {
    /// `host_env_keys`: variables of the proxy process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    host_env_keys: Vec<String>,
    /// `key_values`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    key_values: BTreeMap<String, String>,
}

/// The resource that discovery sends for `plugin` (`convertToWasmPluginWrapper` and `buildPluginConfig`,
/// Istio `pilot/pkg/model/extensions.go`), before the agent has pulled the module.
///
/// The pull secret is its name, `kubernetes://<namespace>/<name>`; discovery puts the secret's content in its
/// place on the way out. The resource version is the object's. Higress's discovery keeps objects without one,
/// and gives the time of the delivery; here it is empty then. The seed line has the form of `higress-1.19`:
/// its dump does not show a resource.
///
/// # Errors
///
/// A URL that discovery cannot parse: it drops the plugin.
pub fn ecds_resource(plugin: &WasmPlugin, line: Line) -> Result<TypedExtensionConfig, ModuleUrlError> {
    let namespace = plugin.metadata.namespace.as_deref().unwrap_or(line.root_namespace());
    resource_in(plugin, namespace, line)
}

/// [`ecds_resource`] of a plugin whose namespace is known.
pub(super) fn resource_in(
    plugin: &WasmPlugin,
    namespace: &str,
    line: Line,
) -> Result<TypedExtensionConfig, ModuleUrlError> {
    let spec = &plugin.spec;
    let vm_config = VmConfig {
        runtime: "envoy.wasm.runtime.v8",
        code: Code::of(&spec.url, &spec.sha256)?,
        environment_variables: EnvironmentVariables::of(plugin, namespace),
    };
    let (fail_open, failure_policy) = failure(spec.fail_strategy, line);
    let config = PluginConfig {
        name: line.plugin_name(namespace, &plugin.metadata.name),
        root_id: spec.plugin_name.clone(),
        vm_config,
        configuration: Configuration::of(spec.plugin_config.as_ref()),
        fail_open,
        failure_policy,
    };
    let name = line.resource_name(namespace, &plugin.metadata.name);
    Ok(TypedExtensionConfig { name, typed_config: Wasm { config } })
}

/// Istio sends the policy since 1.25. Higress stays with the boolean, because the VM host reads no other on a
/// crash in the middle of a stream (higress-group/istio 6662528d).
fn failure(strategy: FailStrategy, line: Line) -> (bool, Option<FailurePolicy>) {
    if line.is_higress() {
        return (strategy == FailStrategy::FailOpen, None);
    }
    let policy = match strategy {
        FailStrategy::FailClose => FailurePolicy::Closed,
        FailStrategy::FailOpen => FailurePolicy::Open,
        FailStrategy::FailReload => FailurePolicy::Reload,
    };
    (false, Some(policy))
}

impl TypedExtensionConfig {
    /// What Envoy gets once the agent has pulled the module to `path` (`rewriteVMConfig`, Istio
    /// `pkg/wasm/convert.go`): the local file, and none of the agent's variables. A plugin from a file is
    /// passed on untouched, variables included.
    #[must_use]
    pub fn pulled(mut self, path: impl Into<String>) -> Self {
        let vm_config = &mut self.typed_config.config.vm_config;
        if matches!(vm_config.code, Code::Remote { .. }) {
            vm_config.code = Code::Local { filename: path.into() };
            vm_config.environment_variables.key_values.retain(|name, _| !name.starts_with(AGENT_PREFIX));
        }
        self
    }
}

impl Configuration {
    fn of(config: Option<&Config>) -> Self {
        match config {
            Some(config) if !config.is_empty() => Self::Text(StringValue { value: config_text(config) }),
            _ => Self::Empty {},
        }
    }
}

impl EnvironmentVariables {
    /// The agent's variables, then the plugin's own, which may overwrite them.
    fn of(plugin: &WasmPlugin, namespace: &str) -> Self {
        let mut variables =
            Self { host_env_keys: Vec::new(), key_values: agent_variables(plugin, namespace) };
        for variable in plugin.spec.vm_config.iter().flat_map(|vm| &vm.env) {
            variables.add(variable);
        }
        variables
    }

    fn add(&mut self, variable: &EnvVar) {
        match variable.value_from {
            EnvSource::Inline => {
                self.key_values.insert(variable.name.clone(), variable.value.clone());
            }
            EnvSource::Host => self.host_env_keys.push(variable.name.clone()),
        }
    }

    fn is_empty(&self) -> bool {
        self.host_env_keys.is_empty() && self.key_values.is_empty()
    }
}

fn agent_variables(plugin: &WasmPlugin, namespace: &str) -> BTreeMap<String, String> {
    let version = plugin.metadata.resource_version.clone().unwrap_or_default();
    let mut variables = BTreeMap::from([(RESOURCE_VERSION.to_owned(), version)]);
    if let Some(secret) = secret_name(&plugin.spec.image_pull_secret, namespace) {
        variables.insert(PULL_SECRET.to_owned(), secret);
    }
    let policy = plugin.spec.image_pull_policy;
    if policy != PullPolicy::Unspecified {
        variables.insert(PULL_POLICY.to_owned(), policy.to_string());
    }
    variables
}

/// The secret's resource name. It has to be in the plugin's namespace: any other that is given is written
/// over (`toSecretResourceName`, Istio `pilot/pkg/model/extensions.go`).
fn secret_name(secret: &str, namespace: &str) -> Option<String> {
    let secret = secret.strip_prefix("kubernetes://").unwrap_or(secret);
    let name = secret.split_once('/').map_or(secret, |(_, name)| name);
    (!name.is_empty()).then(|| format!("kubernetes://{namespace}/{name}"))
}
