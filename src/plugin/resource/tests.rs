use proptest::prelude::*;

use super::super::{
    EnvSource, FailStrategy, Phase, PluginType, PullPolicy, RouteType, WorkloadMode, to_yaml,
};
use super::*;

fn read_all(text: &str) -> Resources {
    Resources::read(text.as_bytes(), &ReadLimits::default()).unwrap()
}

/// A Higress resource with `spec`, which is written as a flow.
fn higress(spec: &str) -> Resource {
    let text = format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: p}}\nspec: {spec}\n"
    );
    read_all(&text).plugins.remove(0)
}

fn istio(spec: &str) -> Resource {
    let text = format!(
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: p}}\nspec: {spec}\n"
    );
    read_all(&text).plugins.remove(0)
}

const EVERY_HIGRESS_FIELD: &str = "\
apiVersion: extensions.higress.io/v1alpha1
kind: WasmPlugin
metadata:
  name: p
  namespace: higress-system
  labels:
    higress.io/wasm-plugin-name: p
  annotations:
    higress.io/wasm-plugin-title: P
spec:
  url: oci://r.io/p:1
  sha256: 00ff
  imagePullPolicy: Always
  imagePullSecret: reg
  verificationKey: k
  pluginName: root
  phase: AUTHN
  priority: -3
  failStrategy: FAIL_OPEN
  vmConfig:
    env:
    - name: A
      value: \"1\"
    - name: H
      valueFrom: HOST
  defaultConfigDisable: true
  defaultConfig:
    big: 9007199254740993
    half: 0.5
  matchRules:
  - configDisable: true
    ingress:
    - ns/a
    routeType: GRPC
    domain:
    - '*.x.io'
    service:
    - s.dns:443
    config:
      a: null
  pluginConfig: {}
";

#[test]
fn every_field_of_higress_is_read_and_written() {
    let resource = read_all(EVERY_HIGRESS_FIELD).plugins.remove(0);
    assert_eq!((resource.faults.as_slice(), resource.unknown.as_slice()), (&[][..], &[][..]));
    let spec = &resource.plugin.spec;
    assert_eq!(spec.image_pull_policy, PullPolicy::Always);
    assert_eq!((spec.phase, spec.priority), (Phase::Authn, Some(-3)));
    assert_eq!(spec.fail_strategy, FailStrategy::FailOpen);
    assert_eq!(spec.vm_config.as_ref().unwrap().env[1].value_from, EnvSource::Host);
    assert_eq!(spec.match_rules[0].route_type, RouteType::Grpc);
    assert!(spec.match_rules[0].config_disable && spec.default_config_disable);
    assert_eq!(to_yaml(&resource.plugin).unwrap(), EVERY_HIGRESS_FIELD);
}

const EVERY_ISTIO_FIELD: &str = "\
kind: WasmPlugin
apiVersion: extensions.istio.io/v1alpha1
metadata:
  name: p
spec:
  failStrategy: FAIL_RELOAD
  match:
  - mode: CLIENT
    ports:
    - number: 80
    - number: 443
  phase: STATS
  pluginConfig:
    a: 1
  selector:
    matchLabels:
      app: gateway
  targetRefs:
  - group: gateway.networking.k8s.io
    kind: Gateway
    name: g
  type: NETWORK
  url: https://h.io/x.wasm
";

#[test]
fn every_field_of_istio_is_read_and_written() {
    let resource = read_all(EVERY_ISTIO_FIELD).plugins.remove(0);
    assert_eq!((resource.faults.as_slice(), resource.unknown.as_slice()), (&[][..], &[][..]));
    let spec = &resource.plugin.spec;
    assert_eq!(spec.traffic[0].mode, WorkloadMode::Client);
    assert_eq!(spec.traffic[0].ports, [80, 443]);
    assert_eq!((spec.plugin_type, spec.fail_strategy), (PluginType::Network, FailStrategy::FailReload));
    assert_eq!(to_yaml(&resource.plugin).unwrap(), EVERY_ISTIO_FIELD);
}

#[test]
fn a_single_target_ref_counts_as_one_of_a_list() {
    let resource = istio("{targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: g}}");
    assert_eq!(resource.plugin.spec.target_refs[0].name, "g");
}

#[test]
fn what_the_api_server_drops_is_named_with_its_place() {
    let resource =
        higress("{url: a, imagePullSecrets: [{name: x}], matchRules: [{domains: [a], config: {free: 1}}]}");
    let unknown: Vec<String> =
        resource.unknown.iter().map(|field| format!("{}: {}", field.place, field.path)).collect();
    assert_eq!(
        unknown,
        ["line 4, column 61: spec.matchRules[0].domains", "line 4, column 16: spec.imagePullSecrets",]
    );
    // Each form has fields of its own.
    assert_eq!(higress("{selector: {matchLabels: {a: b}}}").unknown.len(), 1);
    assert_eq!(istio("{defaultConfig: {a: 1}}").unknown.len(), 1);
}

#[test]
fn a_wrong_value_is_a_fault_with_its_place() {
    for (spec, expected) in [
        ("{url: 5}", "line 4, column 13: `spec.url` is `5`, expected a string; put it in quotes"),
        (
            "{phase: authn}",
            "`spec.phase` is `\"authn\"`, expected `UNSPECIFIED_PHASE`, `AUTHN`, `AUTHZ` or `STATS`",
        ),
        ("{imagePullPolicy: Never}", "expected `UNSPECIFIED_POLICY`, `IfNotPresent` or `Always`"),
        ("{failStrategy: FAIL_RELOAD}", "expected `FAIL_CLOSE` or `FAIL_OPEN`"),
        ("{priority: \"1\"}", "`spec.priority` is `\"1\"`, expected an integer"),
        ("{priority: 2147483648}", "expected an integer from -2147483648 to 2147483647"),
        ("{priority: 1.5}", "`spec.priority` is `1.5`, expected an integer"),
        ("{defaultConfigDisable: \"true\"}", "expected true or false, without quotes"),
        ("{defaultConfig: [1]}", "`spec.defaultConfig` is a list, expected an object"),
        ("{defaultConfig: }", "`spec.defaultConfig` is empty, expected an object; leave the field out"),
        ("{matchRules: {domain: [a]}}", "`spec.matchRules` is an object, expected a list"),
        ("{matchRules: [a]}", "`spec.matchRules[0]` is a string, expected an object"),
        ("{matchRules: [{domain: a.io}]}", "`spec.matchRules[0].domain` is `\"a.io\"`, expected a list"),
        ("{matchRules: [{domain: [a, yes]}]}", "`spec.matchRules[0].domain[1]` is `true`, expected a string"),
        (
            "{vmConfig: {env: [{name: A, value: 1}]}}",
            "`spec.vmConfig.env[0].value` is `1`, expected a string",
        ),
        ("[]", "`spec` is a list, expected an object"),
    ] {
        let faults = higress(spec).faults;
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults.len() == 1 && said[0].contains(expected), "{spec}: {said:?}");
    }
    for (spec, expected) in [
        ("{match: [{ports: [{number: 0}]}]}", "`spec.match[0].ports[0].number` is no port"),
        ("{match: [{ports: [{}]}]}", "`spec.match[0].ports[0].number` is no port"),
        (
            "{match: [{ports: [{number: '80'}]}]}",
            "`spec.match[0].ports[0].number` is `\"80\"`, expected an integer",
        ),
        ("{type: TCP}", "`UNSPECIFIED_PLUGIN_TYPE`, `HTTP` or `NETWORK`"),
    ] {
        let faults = istio(spec).faults;
        assert!(faults.len() == 1 && faults[0].to_string().contains(expected), "{spec}: {faults:?}");
    }
}

#[test]
fn null_is_no_value_where_the_field_is_nullable() {
    let resource = higress(
        "{priority: null, defaultConfigDisable: ~, matchRules: [{configDisable: null, domain: [a]}]}",
    );
    assert_eq!(resource.faults, []);
    assert_eq!(resource.plugin.spec.priority, None);
}

#[test]
fn a_rule_that_cannot_be_read_leaves_the_others_their_numbers() {
    let resource = higress("{matchRules: [3, {domain: [a]}]}");
    assert_eq!(resource.plugin.spec.match_rules.len(), 2);
    assert_eq!(resource.plugin.spec.match_rules[1].domain, ["a"]);
}

#[test]
fn a_resource_without_a_name_is_a_fault() {
    for metadata in ["", "metadata: {}", "metadata: {name: ''}"] {
        let text =
            format!("apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n{metadata}\nspec: {{}}\n");
        let resources = read_all(&text);
        let said: Vec<String> = resources.faults().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].contains("`metadata.name` is missing"), "{metadata}: {said:?}");
    }
}

#[test]
fn documents_lists_and_arrays_are_all_taken() {
    let one = |name: &str| {
        format!(
            r#"{{"apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin", "metadata": {{"name": "{name}"}}}}"#
        )
    };
    let (a, b) = (one("a"), one("b"));
    let list = |kind: &str, api: &str| format!("apiVersion: {api}\nkind: {kind}\nitems: [{a}, {b}]\n");
    for text in [
        format!("---\n{a}\n---\n# nothing\n---\n{b}\n"),
        format!("[{a}, {b}]"),
        list("List", "v1"),
        list("WasmPluginList", "extensions.istio.io/v1alpha1"),
    ] {
        let resources = read_all(&text);
        let names: Vec<&str> =
            resources.plugins.iter().map(|resource| resource.plugin.metadata.name.as_str()).collect();
        assert_eq!(names, ["a", "b"], "{text}");
        assert_eq!(resources.faults().count(), 0, "{text}");
    }
}

#[test]
fn other_resources_are_passed_over_and_misspelt_ones_are_not() {
    let other = read_all("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
    assert_eq!((other.plugins.len(), other.others[0].kind.as_str(), other.faults.len()), (0, "ConfigMap", 0));
    for (text, expected) in [
        ("kind: WasmPlugin", "`apiVersion` is missing"),
        ("apiVersion: v1", "`kind` is missing"),
        ("just text", "`kind` is missing"),
        ("kind: 3\napiVersion: v1", "`kind` is no string"),
        (
            "apiVersion: extensions.higress.io/v1\nkind: WasmPlugin",
            "line 1, column 1: `apiVersion` is `extensions.higress.io/v1`, expected",
        ),
        (
            "apiVersion: extensions.higress.io/v1alpha1\nkind: Wasmplugin",
            "`kind` is `Wasmplugin`, expected `WasmPlugin`",
        ),
        (
            "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugins",
            "`kind` is `WasmPlugins`, expected `WasmPlugin`",
        ),
    ] {
        let resources = read_all(text);
        let said: Vec<String> = resources.faults().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].contains(expected), "{text}: {said:?}");
    }
}

#[test]
fn what_the_cluster_says_of_the_object_is_read() {
    let text = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a, \
                creationTimestamp: 2026-01-31T10:00:00Z, resourceVersion: '7', uid: x, managedFields: []}\n";
    let resource = read_all(text).plugins.remove(0);
    assert_eq!((resource.unknown.len(), resource.faults.len()), (0, 0));
    let metadata = resource.plugin.metadata;
    assert_eq!(metadata.creation_timestamp.unwrap().timestamp(), 1_769_853_600);
    assert_eq!(metadata.resource_version.as_deref(), Some("7"));
}

/// Pieces that resources are made of, and that break them.
fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "apiVersion: extensions.higress.io/v1alpha1\n",
        "kind: WasmPlugin\n",
        "kind: List\nitems:\n",
        "metadata: {name: a}\n",
        "spec:\n",
        "  url: oci://h/r:1\n",
        "  priority: 99999999999999999999\n",
        "  matchRules:\n",
        "  - domain: [a, *x]\n",
        "    config: &x {a: *x}\n",
        "  <<: *x\n",
        "---\n",
        "...\n",
        "- ",
        "? ",
        "!!binary |\n",
        "!<tag:yaml.org,2002:str> ",
        "%YAML 1.1\n",
        "\t",
        "\u{0}",
        "\u{85}",
        "\u{2028}",
        "'",
        "\"\\x",
        "{",
        "]",
        "|2-\n",
        "# c\n",
    ]);
    prop_oneof![4 => words.prop_map(str::to_owned), 1 => ".{0,10}"]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_place_in_it(pieces in prop::collection::vec(piece(), 0..25)) {
        let text = pieces.concat();
        let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() as u64;
        match Resources::read(text.as_bytes(), &ReadLimits::default()) {
            Ok(resources) => {
                for fault in resources.faults() {
                    prop_assert!(fault.place.line <= lines, "{fault}\n{text}");
                }
            }
            Err(error) => {
                let place = error.place().unwrap_or_default();
                prop_assert!(place.line <= lines + 1, "{error}\n{text}");
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Resources::read(&bytes, &ReadLimits::default());
    }
}
