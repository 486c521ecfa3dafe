use serde_json::{Value, json};

use super::fixtures::plugin;
use super::{Line, ecds_resource};
use crate::plugin::{EnvSource, EnvVar, FailStrategy, PullPolicy, VmConfig, WasmPlugin};

/// A plugin that uses every field that reaches the resource.
fn full() -> WasmPlugin {
    let mut plugin = plugin("higress-system", "p");
    let variable = |name: &str, value: &str, value_from| EnvVar {
        name: name.to_owned(),
        value: value.to_owned(),
        value_from,
    };
    plugin.metadata.resource_version = Some("4711".to_owned());
    plugin.spec.sha256 = "ab".repeat(32);
    plugin.spec.plugin_name = "root".to_owned();
    plugin.spec.image_pull_policy = PullPolicy::Always;
    plugin.spec.image_pull_secret = "pull".to_owned();
    plugin.spec.plugin_config = json!({"b": 1, "a": {"text": "<x>"}}).as_object().cloned();
    plugin.spec.vm_config = Some(VmConfig {
        env: vec![
            variable("POD_NAME", "unread", EnvSource::Host),
            variable("ENV1", "one", EnvSource::Inline),
        ],
    });
    plugin
}

fn resource(plugin: &WasmPlugin, line: Line) -> Value {
    serde_json::to_value(ecds_resource(plugin, line).unwrap()).unwrap()
}

/// The resource's `config`.
fn config(plugin: &WasmPlugin, line: Line) -> Value {
    resource(plugin, line)["typed_config"]["config"].take()
}

#[test]
fn the_resource_has_envoys_shape_and_order() {
    let resource = ecds_resource(&full(), Line::Istio127).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&resource).unwrap(), @r#"
    {
      "name": "extensions.istio.io/wasmplugin/higress-system.p",
      "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
          "name": "higress-system.p",
          "root_id": "root",
          "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {
              "remote": {
                "http_uri": {
                  "uri": "oci://registry.example.com/plugins/p:1.0.0",
                  "cluster": "_",
                  "timeout": "30s"
                },
                "sha256": "abababababababababababababababababababababababababababababababab"
              }
            },
            "environment_variables": {
              "host_env_keys": [
                "POD_NAME"
              ],
              "key_values": {
                "ENV1": "one",
                "ISTIO_META_WASM_IMAGE_PULL_POLICY": "Always",
                "ISTIO_META_WASM_IMAGE_PULL_SECRET": "kubernetes://higress-system/pull",
                "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "4711"
              }
            }
          },
          "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": "{\"a\":{\"text\":\"\\u003cx\\u003e\"},\"b\":1}"
          },
          "failure_policy": "FAIL_CLOSED"
        }
      }
    }
    "#);
}

#[test]
fn envoy_gets_the_file_and_none_of_the_agents_variables() {
    let pulled = ecds_resource(&full(), Line::Higress127).unwrap().pulled("/var/lib/istio/data/ab.wasm");
    insta::assert_snapshot!(serde_json::to_string_pretty(&pulled).unwrap(), @r#"
    {
      "name": "extensions.istio.io/wasmplugin/higress-system.p",
      "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
          "name": "higress-system.p",
          "root_id": "root",
          "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {
              "local": {
                "filename": "/var/lib/istio/data/ab.wasm"
              }
            },
            "environment_variables": {
              "host_env_keys": [
                "POD_NAME"
              ],
              "key_values": {
                "ENV1": "one"
              }
            }
          },
          "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": "{\"a\":{\"text\":\"\\u003cx\\u003e\"},\"b\":1}"
          }
        }
      }
    }
    "#);
    let bare = ecds_resource(&plugin("ns", "p"), Line::Higress127).unwrap().pulled("/x.wasm");
    let bare = serde_json::to_value(bare).unwrap();
    assert_eq!(
        bare["typed_config"]["config"]["vm_config"],
        json!({"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": "/x.wasm"}}}),
        "the empty message is dropped"
    );
}

#[test]
fn a_plugin_from_a_file_passes_the_agent_untouched() {
    let mut local = full();
    local.spec.url = "file:///opt/p.wasm".to_owned();
    let sent = ecds_resource(&local, Line::Istio127).unwrap();
    let value = serde_json::to_value(&sent).unwrap();
    assert_eq!(
        value["typed_config"]["config"]["vm_config"]["code"],
        json!({"local": {"filename": "/opt/p.wasm"}})
    );
    assert_eq!(
        sent.clone().pulled("/elsewhere.wasm"),
        sent,
        "the pull secret reaches the module's environment"
    );
}

#[test]
fn each_kind_of_url_has_its_code() {
    let cases = [
        ("oci://r.io/p:1", json!({"http_uri": {"uri": "oci://r.io/p:1", "cluster": "_", "timeout": "30s"}})),
        ("r.io/p:1", json!({"http_uri": {"uri": "oci://r.io/p:1", "cluster": "_", "timeout": "30s"}})),
        (
            "https://h/p.wasm",
            json!({"http_uri": {"uri": "https://h/p.wasm", "cluster": "_", "timeout": "30s"}}),
        ),
        (
            "http://h/p.wasm",
            json!({"http_uri": {"uri": "http://h/p.wasm", "cluster": "_", "timeout": "30s"}}),
        ),
    ];
    for (url, remote) in cases {
        let mut plugin = plugin("ns", "p");
        plugin.spec.url = url.to_owned();
        assert_eq!(
            config(&plugin, Line::Higress127)["vm_config"]["code"],
            json!({ "remote": remote }),
            "{url}"
        );
    }
    let mut odd = plugin("ns", "p");
    odd.spec.url = "10.0.0.1:5000/p".to_owned();
    assert!(ecds_resource(&odd, Line::Higress127).is_err());
}

#[test]
fn the_policy_travels_as_a_variable_and_the_version_always() {
    let cases = [
        (PullPolicy::Unspecified, Value::Null),
        (PullPolicy::IfNotPresent, json!("IfNotPresent")),
        (PullPolicy::Always, json!("Always")),
    ];
    for (policy, value) in cases {
        let mut plugin = plugin("ns", "p");
        plugin.spec.image_pull_policy = policy;
        let config = config(&plugin, Line::Istio130);
        let variables = &config["vm_config"]["environment_variables"]["key_values"];
        assert_eq!(variables["ISTIO_META_WASM_IMAGE_PULL_POLICY"], value);
        assert_eq!(variables["ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"], "");
    }
}

#[test]
fn the_secret_is_always_in_the_plugins_namespace() {
    for (secret, name) in [
        ("pull", json!("kubernetes://ns/pull")),
        ("other/pull", json!("kubernetes://ns/pull")),
        ("kubernetes://other/pull", json!("kubernetes://ns/pull")),
        ("", Value::Null),
    ] {
        let mut plugin = plugin("ns", "p");
        plugin.spec.image_pull_secret = secret.to_owned();
        let config = config(&plugin, Line::Istio127);
        let variables = &config["vm_config"]["environment_variables"]["key_values"];
        assert_eq!(variables["ISTIO_META_WASM_IMAGE_PULL_SECRET"], name, "{secret}");
    }
}

#[test]
fn the_plugins_own_variables_overwrite_the_agents() {
    let mut pinned = plugin("ns", "p");
    let name = "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION".to_owned();
    let variable = EnvVar { name, value: "1".to_owned(), value_from: EnvSource::Inline };
    pinned.metadata.resource_version = Some("4711".to_owned());
    pinned.spec.vm_config = Some(VmConfig { env: vec![variable] });
    assert_eq!(
        config(&pinned, Line::Higress127)["vm_config"]["environment_variables"],
        json!({"key_values": {"ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "1"}})
    );
}

#[test]
fn the_failure_strategy_is_a_word_in_istio_and_a_boolean_in_higress() {
    let cases = [
        (FailStrategy::FailClose, "FAIL_CLOSED", Value::Null),
        (FailStrategy::FailOpen, "FAIL_OPEN", json!(true)),
        (FailStrategy::FailReload, "FAIL_RELOAD", Value::Null),
    ];
    for (strategy, word, boolean) in cases {
        let mut plugin = plugin("ns", "p");
        plugin.spec.fail_strategy = strategy;
        for line in Line::ALL {
            let config = config(&plugin, line);
            let expected =
                if line.is_higress() { (&boolean, &Value::Null) } else { (&Value::Null, &json!(word)) };
            assert_eq!((&config["fail_open"], &config["failure_policy"]), expected, "{line} {strategy}");
        }
    }
}

#[test]
fn no_configuration_is_an_empty_any() {
    for plugin_config in [None, Some(serde_json::Map::new())] {
        let mut plugin = plugin("ns", "p");
        plugin.spec.plugin_config = plugin_config;
        assert_eq!(config(&plugin, Line::Istio127)["configuration"], json!({}));
    }
}

#[test]
fn names_follow_the_line_and_the_namespace_defaults_to_the_root() {
    let mut unnamed = plugin("ns", "p");
    unnamed.metadata.namespace = None;
    let names = Line::ALL.map(|line| {
        let resource = resource(&unnamed, line);
        format!("{} {}", resource["name"], resource["typed_config"]["config"]["name"]).replace('"', "")
    });
    assert_eq!(
        names,
        [
            "higress-system.p higress-system.p",
            "higress-system.p higress-system.p",
            "extensions.istio.io/wasmplugin/higress-system.p higress-system.p",
            "extensions.istio.io/wasmplugin/istio-system.p istio-system.p",
            "extensions.istio.io/trafficextension/istio-system.p~istio-translated-wasmplugin \
             istio-system.p~istio-translated-wasmplugin",
        ]
    );
}
