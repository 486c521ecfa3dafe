use std::collections::{BTreeMap, HashMap};
use std::iter;

use envoy_types::pb::envoy::config::core::v3::async_data_source::Specifier as Code;
use envoy_types::pb::envoy::config::core::v3::data_source::Specifier;
use envoy_types::pb::envoy::config::core::v3::{AsyncDataSource, DataSource, TypedExtensionConfig};
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::extensions::wasm::v3::plugin_config::Vm;
use envoy_types::pb::envoy::extensions::wasm::v3::{
    EnvironmentVariables, FailurePolicy, PluginConfig, VmConfig,
};
use envoy_types::pb::google::protobuf::{Any, StringValue};
use prost::{Message, Name};

use super::resource::any;
use super::{Resource, Version};
use crate::gateway::{Line, config_text};
use crate::plugin::{EnvSource, FailStrategy, WasmPlugin};

/// What begins the variables that are meant for the agent alone.
const AGENT_PREFIX: &str = "ISTIO_META_";
/// The variable that makes one attempt's bytes differ from another's.
const ATTEMPT: &str = "HWASM_REGISTRY_ATTEMPT";

impl Resource {
    /// `plugin` (in Istio's form), with its module at `path` on the machine of the Envoys. It says what
    /// [`crate::gateway::ecds_resource`] says after the pull, but for two things: it has a `vm_id` of its own, so that
    /// a module that traps takes no other plugin of the same code down with it; and a plugin from a file does not get
    /// the agent's variables either, among which is the pull secret.
    pub fn plugin(plugin: &WasmPlugin, line: Line, path: &str) -> Self {
        let namespace = plugin.metadata.namespace.as_deref().unwrap_or(line.root_namespace());
        let environment = environment(plugin);
        let vm_config = VmConfig {
            vm_id: line.plugin_name(namespace, &plugin.metadata.name),
            runtime: "envoy.wasm.runtime.v8".to_owned(),
            code: Some(local(path)),
            environment_variables: Some(EnvironmentVariables {
                host_env_keys: environment.host_env_keys.clone(),
                key_values: HashMap::new(),
            }),
            ..VmConfig::default()
        };
        let mut config = plugin_config(plugin, line, vm_config);
        let unset = config.encode_to_vec();
        // The variables count in their order by name, because a protobuf map is encoded in no certain one.
        let sorted: BTreeMap<&String, &String> = environment.key_values.iter().collect();
        let variables = sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let version = Version::of(iter::once(unset.as_slice()).chain(variables));
        set_environment(&mut config, environment);
        let name = line.resource_name(namespace, &plugin.metadata.name);
        Self::of(&name, version, &Wasm { config: Some(config) })
    }
}

fn plugin_config(plugin: &WasmPlugin, line: Line, vm_config: VmConfig) -> PluginConfig {
    let config = plugin.spec.plugin_config.as_ref().filter(|config| !config.is_empty());
    let configuration = config.map(|config| any(&StringValue { value: config_text(config) }));
    let (fail_open, failure_policy) = failure(plugin.spec.fail_strategy, line);
    #[expect(
        deprecated,
        reason = "Higress's Envoy reads no other field on a crash in the middle of a stream"
    )]
    PluginConfig {
        name: vm_config.vm_id.clone(),
        root_id: plugin.spec.plugin_name.clone(),
        configuration: Some(configuration.unwrap_or_default()),
        fail_open,
        failure_policy: failure_policy as i32,
        vm: Some(Vm::VmConfig(vm_config)),
        ..PluginConfig::default()
    }
}

/// Which of the two fields the line's control plane sets.
fn failure(strategy: FailStrategy, line: Line) -> (bool, FailurePolicy) {
    if line.is_higress() {
        return (strategy == FailStrategy::FailOpen, FailurePolicy::Unspecified);
    }
    let policy = match strategy {
        FailStrategy::FailClose => FailurePolicy::FailClosed,
        FailStrategy::FailOpen => FailurePolicy::FailOpen,
        FailStrategy::FailReload => FailurePolicy::FailReload,
    };
    (false, policy)
}

fn local(path: &str) -> AsyncDataSource {
    let source =
        DataSource { specifier: Some(Specifier::Filename(path.to_owned())), ..DataSource::default() };
    AsyncDataSource { specifier: Some(Code::Local(source)) }
}

/// The plugin's own variables.
fn environment(plugin: &WasmPlugin) -> EnvironmentVariables {
    let mut environment = EnvironmentVariables::default();
    for variable in plugin.spec.vm_config.iter().flat_map(|vm| &vm.env) {
        match variable.value_from {
            EnvSource::Host => environment.host_env_keys.push(variable.name.clone()),
            EnvSource::Inline if variable.name.starts_with(AGENT_PREFIX) => {}
            EnvSource::Inline => {
                environment.key_values.insert(variable.name.clone(), variable.value.clone());
            }
        }
    }
    environment
}

fn set_environment(config: &mut PluginConfig, environment: EnvironmentVariables) {
    let empty = environment.host_env_keys.is_empty() && environment.key_values.is_empty();
    if let Some(Vm::VmConfig(vm)) = &mut config.vm {
        vm.environment_variables = (!empty).then_some(environment);
    }
}

/// The resource with the attempt in a variable of the VM: of all that Envoy compares, the one place that neither the
/// plugin's configuration nor what the VM shares (by `vm_id`) nor a statistic's name depends on. Only a module that
/// lists its whole environment can see it. `None` for a placeholder.
pub(super) fn with_attempt(resource: &Any, attempt: &str) -> Option<Any> {
    let mut extension = TypedExtensionConfig::decode(resource.value.as_slice()).ok()?;
    let typed_config =
        extension.typed_config.as_mut().filter(|config| config.type_url == Wasm::type_url())?;
    let mut wasm = Wasm::decode(typed_config.value.as_slice()).ok()?;
    let Vm::VmConfig(vm) = wasm.config.as_mut()?.vm.as_mut()?;
    let environment = vm.environment_variables.get_or_insert_default();
    environment.key_values.insert(ATTEMPT.to_owned(), attempt.to_owned());
    typed_config.value = wasm.encode_to_vec();
    Some(Any { type_url: resource.type_url.clone(), value: extension.encode_to_vec() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::gateway::ecds_resource;
    use crate::plugin::{EnvVar, Form, Metadata, PullPolicy, Spec, VmConfig as PluginVm};

    const PATH: &str = "/var/lib/modules/ab.wasm";

    fn variable(name: &str, value: &str, value_from: EnvSource) -> EnvVar {
        EnvVar { name: name.to_owned(), value: value.to_owned(), value_from }
    }

    fn bare() -> WasmPlugin {
        let metadata = Metadata { name: "p".to_owned(), ..Metadata::default() };
        let spec = Spec { url: "oci://registry.example.com/p:1".to_owned(), ..Spec::default() };
        WasmPlugin { form: Form::Istio, metadata, spec }
    }

    fn full() -> WasmPlugin {
        let mut plugin = bare();
        plugin.metadata.namespace = Some("ns".to_owned());
        plugin.metadata.resource_version = Some("4711".to_owned());
        plugin.spec.plugin_name = "root".to_owned();
        plugin.spec.image_pull_policy = PullPolicy::Always;
        plugin.spec.image_pull_secret = "secret".to_owned();
        plugin.spec.plugin_config = json!({"b": 1, "a": {"text": "<x>"}}).as_object().cloned();
        let env = vec![
            variable("POD_NAME", "", EnvSource::Host),
            variable("B", "2", EnvSource::Inline),
            variable("A", "1", EnvSource::Inline),
            variable("C", "3", EnvSource::Inline),
            variable("ISTIO_META_OTHER", "hidden", EnvSource::Inline),
        ];
        plugin.spec.vm_config = Some(PluginVm { env });
        plugin
    }

    fn plugins() -> Vec<WasmPlugin> {
        let mut empty = bare();
        empty.spec.plugin_config = Some(serde_json::Map::new());
        let strategies = [FailStrategy::FailClose, FailStrategy::FailOpen, FailStrategy::FailReload];
        let failing = strategies.map(|strategy| {
            let mut plugin = full();
            plugin.spec.fail_strategy = strategy;
            plugin
        });
        [vec![bare(), empty], failing.to_vec()].concat()
    }

    fn decoded(any: &Any) -> (String, PluginConfig) {
        let extension = TypedExtensionConfig::decode(any.value.as_slice()).unwrap();
        let typed_config = extension.typed_config.unwrap();
        assert_eq!(typed_config.type_url, Wasm::type_url());
        (extension.name, Wasm::decode(typed_config.value.as_slice()).unwrap().config.unwrap())
    }

    /// The message as the JSON that [`ecds_resource`] writes, but for `vm_id`, which is returned beside it.
    #[expect(deprecated, reason = "the field is one of those that are compared")]
    fn as_json((name, config): (String, PluginConfig)) -> (Value, String) {
        let Some(Vm::VmConfig(vm)) = config.vm else { panic!("no VM") };
        let Some(Code::Local(DataSource { specifier: Some(Specifier::Filename(filename)), .. })) =
            vm.code.unwrap().specifier
        else {
            panic!("the code is not a local file")
        };
        let mut vm_json = json!({"runtime": vm.runtime, "code": {"local": {"filename": filename}}});
        if let Some(environment) = vm.environment_variables {
            let variables = &mut vm_json["environment_variables"];
            if !environment.host_env_keys.is_empty() {
                variables["host_env_keys"] = json!(environment.host_env_keys);
            }
            if !environment.key_values.is_empty() {
                variables["key_values"] = json!(environment.key_values);
            }
        }
        let configuration = config.configuration.unwrap();
        let configuration = if configuration.type_url.is_empty() {
            json!({})
        } else {
            let text = StringValue::decode(configuration.value.as_slice()).unwrap().value;
            json!({"@type": configuration.type_url, "value": text})
        };
        let mut json = json!({"name": config.name, "vm_config": vm_json, "configuration": configuration});
        if !config.root_id.is_empty() {
            json["root_id"] = json!(config.root_id);
        }
        if config.fail_open {
            json["fail_open"] = json!(true);
        }
        if config.failure_policy != 0 {
            json["failure_policy"] =
                json!(FailurePolicy::try_from(config.failure_policy).unwrap().as_str_name());
        }
        let typed_config = json!({"@type": Wasm::type_url(), "config": json});
        (json!({"name": name, "typed_config": typed_config}), vm.vm_id)
    }

    #[test]
    fn a_resource_says_what_the_gateways_json_says() {
        for line in Line::ALL {
            for plugin in plugins() {
                let twin = serde_json::to_value(ecds_resource(&plugin, line).unwrap().pulled(PATH)).unwrap();
                let resource = Resource::plugin(&plugin, line, PATH);
                let (ours, vm_id) = as_json(decoded(&resource.encoded().any));
                assert_eq!(ours, twin, "{line}");
                assert_eq!(twin["name"], **resource.name());
                assert_eq!(twin["typed_config"]["config"]["name"], vm_id, "a VM for each plugin");
            }
        }
    }

    #[test]
    fn the_agents_variables_stay_away_from_a_plugin_from_a_file() {
        let mut plugin = full();
        plugin.spec.url = "file:///opt/p.wasm".to_owned();
        let resource = Resource::plugin(&plugin, Line::Istio127, "/opt/p.wasm");
        let (json, _) = as_json(decoded(&resource.encoded().any));
        let variables = &json["typed_config"]["config"]["vm_config"]["environment_variables"]["key_values"];
        assert_eq!(*variables, json!({"A": "1", "B": "2", "C": "3"}));
    }

    #[test]
    fn the_same_content_has_the_same_version_and_any_other_has_another() {
        let version = |plugin: &WasmPlugin, path: &str| {
            Resource::plugin(plugin, Line::Higress127, path).version().clone()
        };
        let first = version(&full(), PATH);
        for _ in 0..20 {
            assert_eq!(version(&full(), PATH), first, "whatever order the variables are encoded in");
        }
        let mut others = vec![version(&full(), "/other.wasm"), version(&bare(), PATH)];
        let changes: [fn(&mut Spec); 4] = [
            |spec| spec.plugin_config = json!({"b": 2}).as_object().cloned(),
            |spec| spec.plugin_name = "other".to_owned(),
            |spec| spec.fail_strategy = FailStrategy::FailOpen,
            |spec| spec.vm_config.as_mut().unwrap().env[1].value = "other".to_owned(),
        ];
        for change in changes {
            let mut plugin = full();
            change(&mut plugin.spec);
            others.push(version(&plugin, PATH));
        }
        assert!(!others.contains(&first), "{others:?}");
        let mut repulled = full();
        repulled.metadata.resource_version = Some("4712".to_owned());
        assert_eq!(version(&repulled, PATH), first, "what only the agent reads is not content");
    }

    #[test]
    fn an_attempt_changes_one_variable_and_nothing_else() {
        for plugin in plugins() {
            let resource = Resource::plugin(&plugin, Line::Istio130, PATH);
            let (_, plain) = decoded(&resource.encoded().any);
            let encoded = resource.encoded_again("7.1");
            assert_eq!(*encoded.version, format!("{}-7.1", resource.version()));
            let (_, mut again) = decoded(&encoded.any);
            assert_ne!(again, plain);
            let Some(Vm::VmConfig(vm)) = &mut again.vm else { panic!("no VM") };
            let mut environment = vm.environment_variables.take().unwrap();
            assert_eq!(environment.key_values.remove(ATTEMPT).as_deref(), Some("7.1"));
            set_environment(&mut again, environment);
            assert_eq!(again, plain);
        }
    }
}
