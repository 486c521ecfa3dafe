//! A `WasmPlugin` as its file says it: what is empty or has its default value is left out.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{
    Config, EnvSource, EnvVar, FailStrategy, Form, MatchRule, Metadata, Phase, PluginType, PullPolicy,
    RouteType, Spec, TargetRef, TrafficSelector, WasmPlugin, WorkloadMode,
};

/// Higress's form in the order in which people write it; Istio's with `kind` first and the keys of `spec` in
/// alphabetical order, as the controller's `/debug/configz` prints it.
impl Serialize for WasmPlugin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, api_version) = ("WasmPlugin", self.form.api_version());
        let (metadata, spec) = (WrittenMetadata::of(&self.metadata), WrittenSpec::of(&self.spec));
        match self.form {
            Form::Higress => HigressForm { api_version, kind, metadata, spec }.serialize(serializer),
            Form::Istio => {
                let spec = serde_json::to_value(spec).map_err(serde::ser::Error::custom)?;
                IstioForm { kind, api_version, metadata, spec }.serialize(serializer)
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HigressForm<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: WrittenMetadata<'a>,
    spec: WrittenSpec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IstioForm<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: WrittenMetadata<'a>,
    spec: serde_json::Value,
}

#[derive(Serialize)]
struct WrittenMetadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

impl<'a> WrittenMetadata<'a> {
    fn of(metadata: &'a Metadata) -> Self {
        let Metadata { name, namespace, labels, annotations, .. } = metadata;
        Self { name, namespace: namespace.as_deref(), labels, annotations }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenSpec<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sha256: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    image_pull_policy: PullPolicy,
    #[serde(skip_serializing_if = "str::is_empty")]
    image_pull_secret: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    verification_key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    plugin_name: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    phase: Phase,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "is_default")]
    fail_strategy: FailStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    vm_config: Option<WrittenVmConfig<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    default_config_disable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_config: Option<&'a Config>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_rules: Vec<WrittenRule<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin_config: Option<&'a Config>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<WrittenSelector<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    target_refs: Vec<WrittenTarget<'a>>,
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    traffic: Vec<WrittenTraffic>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    plugin_type: Option<&'static str>,
}

impl<'a> WrittenSpec<'a> {
    fn of(spec: &'a Spec) -> Self {
        Self {
            url: &spec.url,
            sha256: &spec.sha256,
            image_pull_policy: spec.image_pull_policy,
            image_pull_secret: &spec.image_pull_secret,
            verification_key: &spec.verification_key,
            plugin_name: &spec.plugin_name,
            phase: spec.phase,
            priority: spec.priority,
            fail_strategy: spec.fail_strategy,
            vm_config: spec
                .vm_config
                .as_ref()
                .map(|vm| WrittenVmConfig { env: vm.env.iter().map(WrittenEnv::of).collect() }),
            default_config_disable: spec.default_config_disable,
            default_config: spec.default_config.as_ref(),
            match_rules: spec.match_rules.iter().map(WrittenRule::of).collect(),
            plugin_config: spec.plugin_config.as_ref(),
            selector: spec.selector.as_ref().map(|match_labels| WrittenSelector { match_labels }),
            target_refs: spec.target_refs.iter().map(WrittenTarget::of).collect(),
            traffic: spec.traffic.iter().map(WrittenTraffic::of).collect(),
            plugin_type: match spec.plugin_type {
                PluginType::Unspecified => None,
                PluginType::Http => Some("HTTP"),
                PluginType::Network => Some("NETWORK"),
            },
        }
    }
}

#[derive(Serialize)]
struct WrittenVmConfig<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<WrittenEnv<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenEnv<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_from: Option<&'static str>,
}

impl<'a> WrittenEnv<'a> {
    fn of(variable: &'a EnvVar) -> Self {
        let value_from = (variable.value_from == EnvSource::Host).then_some("HOST");
        Self { name: &variable.name, value: &variable.value, value_from }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRule<'a> {
    #[serde(skip_serializing_if = "is_default")]
    config_disable: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ingress: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    route_type: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    domain: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    service: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a Config>,
}

impl<'a> WrittenRule<'a> {
    fn of(rule: &'a MatchRule) -> Self {
        Self {
            config_disable: rule.config_disable,
            ingress: &rule.ingress,
            route_type: (rule.route_type == RouteType::Grpc).then_some("GRPC"),
            domain: &rule.domain,
            service: &rule.service,
            config: rule.config.as_ref(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenSelector<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    match_labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct WrittenTarget<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
}

impl<'a> WrittenTarget<'a> {
    fn of(target: &'a TargetRef) -> Self {
        let TargetRef { group, kind, name, namespace } = target;
        Self { group, kind, name, namespace }
    }
}

#[derive(Serialize)]
struct WrittenTraffic {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<WrittenPort>,
}

#[derive(Serialize)]
struct WrittenPort {
    number: u16,
}

impl WrittenTraffic {
    fn of(selector: &TrafficSelector) -> Self {
        let mode = match selector.mode {
            WorkloadMode::Undefined => None,
            WorkloadMode::Client => Some("CLIENT"),
            WorkloadMode::Server => Some("SERVER"),
            WorkloadMode::ClientAndServer => Some("CLIENT_AND_SERVER"),
        };
        Self { mode, ports: selector.ports.iter().map(|number| WrittenPort { number: *number }).collect() }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
