use proptest::prelude::*;
use serde_json::json;

use super::super::GatewaySelector;
use super::*;
use crate::plugin::{ReadLimits, Resources, to_yaml};

fn read(text: &str) -> WasmPlugin {
    let resources = Resources::read(text.as_bytes(), &ReadLimits::default()).unwrap();
    let faults: Vec<String> = resources.faults().map(ToString::to_string).collect();
    assert_eq!(faults, Vec::<String>::new(), "{text}");
    resources.plugins.into_iter().next().unwrap().plugin
}

/// A Higress resource in the controller's namespace; `spec` is a flow.
fn higress(spec: &str) -> WasmPlugin {
    in_namespace("higress-system", spec)
}

fn in_namespace(namespace: &str, spec: &str) -> WasmPlugin {
    read(&format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\n\
         metadata: {{name: p, namespace: {namespace}}}\nspec: {spec}\n"
    ))
}

fn converted(spec: &str) -> Value {
    let conversion = convert(&higress(spec), &GatewaySettings::default());
    let plugin = conversion.plugin().unwrap_or_else(|| panic!("{spec}: {conversion:?}"));
    serde_json::to_value(plugin).unwrap()["spec"].clone()
}

/// What is expected of a spec with `url: oci://r/p:1`: `fields` and what is always there.
fn expected(fields: Value) -> Value {
    let mut spec = json!({
        "selector": {"matchLabels": {"higress": "higress-system-higress-gateway"}},
        "url": "oci://r/p:1",
    });
    let Value::Object(fields) = fields else { panic!("expected an object") };
    spec.as_object_mut().unwrap().extend(fields);
    spec
}

#[test]
fn e1_custom_response_comes_out_byte_for_byte() {
    let input = include_str!("testdata/custom-response.yaml");
    let conversion = convert(&read(input), &GatewaySettings::default());
    let output = to_yaml(conversion.plugin().unwrap()).unwrap();
    assert_eq!(output, include_str!("testdata/custom-response.istio.yaml"));
    let Conversion::Converted(converted) = conversion else { panic!("{conversion:?}") };
    assert_eq!((converted.rules, converted.warnings), (vec![0, 1, 2], vec![]));
}

/// Number, `spec`, and what is expected of the converted `spec`.
#[test]
fn e2_to_e20_each_branch_gives_its_plugin_config() {
    let sha256 = "0".repeat(64);
    let other_fields = format!(
        "{{url: 'oci://r/p:1', sha256: '{sha256}', imagePullSecret: reg, verificationKey: k, pluginName: 'n', \
         failStrategy: FAIL_OPEN, vmConfig: {{env: [{{name: A, value: '1', valueFrom: INLINE}}, \
         {{name: H, valueFrom: HOST}}]}}, defaultConfig: {{a: 1}}}}"
    );
    let rules = |rules: Value| json!({"pluginConfig": {"_rules_": rules}});
    let table = [
        (
            "E2",
            "{url: 'oci://r/p:1', pluginConfig: {a: 1}, defaultConfig: {b: 2}, defaultConfigDisable: true, \
             matchRules: [{config: {c: 3}}]}",
            json!({"pluginConfig": {"a": 1}}),
        ),
        ("E3", "{url: 'oci://r/p:1', defaultConfig: {a: 1}}", json!({"pluginConfig": {"a": 1}})),
        (
            "E4",
            "{url: 'oci://r/p:1', defaultConfig: {a: 1}, defaultConfigDisable: true, \
             matchRules: [{domain: [x.io], config: {a: 2}}]}",
            rules(json!([{"_match_domain_": ["x.io"], "a": 2}])),
        ),
        (
            "E7",
            "{url: 'oci://r/p:1', defaultConfig: {a: 1}, \
             matchRules: [{domain: [x.io], config: {a: 2}, configDisable: true}]}",
            json!({"pluginConfig": {"a": 1}}),
        ),
        (
            "E8",
            "{url: 'oci://r/p:1', matchRules: [{domain: [x.io], configDisable: true}]}",
            json!({"pluginConfig": {}}),
        ),
        ("E9", "{url: 'oci://r/p:1'}", json!({})),
        (
            "E10",
            "{url: 'oci://r/p:1', defaultConfig: {a: 1}, matchRules: [{domain: [x.io], configDisable: true, \
             config: {a: 2}}, {ingress: [ns/i], config: {a: 3}}]}",
            json!({"pluginConfig": {"_rules_": [{"_match_route_": ["ns/i"], "a": 3}], "a": 1}}),
        ),
        (
            "E11",
            "{url: 'oci://r/p:1', matchRules: [{ingress: [ns/i], domain: [x.io], service: ['s.dns:443'], \
             config: {a: 1}}]}",
            rules(
                json!([{"_match_domain_": ["x.io"], "_match_route_": ["ns/i"], "_match_service_": ["s.dns:443"],
                          "a": 1}]),
            ),
        ),
        (
            "E12",
            "{url: 'oci://r/p:1', defaultConfig: {a: 1}, matchRules: [{domain: ['*.x.io']}]}",
            json!({"pluginConfig": {"_rules_": [{"_match_domain_": ["*.x.io"]}], "a": 1}}),
        ),
        (
            "E14",
            "{url: 'oci://r/p:1', matchRules: [{domain: [x.io], config: {_match_route_prefix_: [api], a: 1}}]}",
            rules(json!([{"_match_domain_": ["x.io"], "_match_route_prefix_": ["api"], "a": 1}])),
        ),
        (
            "E16",
            "{url: 'oci://r/p:1', matchRules: [{domain: [x.io], config: {_match_domain_: [y.io], a: 1}}]}",
            rules(json!([{"_match_domain_": ["x.io"], "a": 1}])),
        ),
        (
            "E17",
            "{url: 'oci://r/p:1', matchRules: [{ingress: [ns/a, ns/b], routeType: GRPC, config: {a: 1}}]}",
            rules(json!([{"_match_route_": ["GRPC", "GRPC"], "a": 1}])),
        ),
        (
            "E18",
            &other_fields,
            json!({"sha256": sha256, "imagePullSecret": "reg", "verificationKey": "k", "pluginName": "n",
                   "failStrategy": "FAIL_OPEN", "pluginConfig": {"a": 1},
                   "vmConfig": {"env": [{"name": "A", "value": "1"}, {"name": "H", "valueFrom": "HOST"}]}}),
        ),
        (
            "E19",
            "{url: 'oci://r/p:1', defaultConfig: {_rules_: [{_match_route_prefix_: [api], a: 1}]}}",
            rules(json!([{"_match_route_prefix_": ["api"], "a": 1}])),
        ),
        (
            "E20",
            "{url: 'oci://r/p:1', defaultConfig: {_rules_: [{_match_route_prefix_: [api], a: 1}]}, \
             matchRules: [{domain: [x.io], config: {a: 2}}]}",
            rules(json!([{"_match_domain_": ["x.io"], "a": 2}])),
        ),
    ];
    for (number, spec, fields) in table {
        assert_eq!(converted(spec), expected(fields), "{number}");
    }
}

#[test]
fn e5_and_e6_a_plugin_with_nothing_in_force_is_dropped() {
    for spec in [
        "{url: 'oci://r/p:1', defaultConfig: {a: 1}, defaultConfigDisable: true, \
         matchRules: [{domain: [x.io], configDisable: true}]}",
        "{url: 'oci://r/p:1', defaultConfigDisable: true}",
    ] {
        let conversion = convert(&higress(spec), &GatewaySettings::default());
        assert_eq!(conversion, Conversion::Dropped, "{spec}");
        assert!(conversion.meaning().contains("withdrawn"), "{}", conversion.meaning());
    }
}

#[test]
fn e13_and_e15_a_rule_without_a_condition_refuses_the_whole_resource() {
    for (spec, rule) in [
        ("{url: 'oci://r/p:1', defaultConfig: {a: 1}, matchRules: [{config: {a: 2}}]}", 0),
        ("{url: 'oci://r/p:1', matchRules: [{config: {_match_route_prefix_: [api]}}]}", 0),
        ("{url: 'oci://r/p:1', matchRules: [{configDisable: true}, {domain: [x]}, {domain: []}]}", 2),
    ] {
        let conversion = convert(&higress(spec), &GatewaySettings::default());
        assert_eq!(conversion, Conversion::Refused { rule }, "{spec}");
        let meaning = conversion.meaning();
        assert!(
            meaning.contains("stays live") && meaning.contains(&format!("matchRules[{rule}]")),
            "{meaning}"
        );
    }
}

#[test]
fn e21_nothing_happens_in_another_namespace() {
    let plugin = in_namespace("default", "{url: 'oci://r/p:1', defaultConfig: {a: 1}}");
    let conversion = convert(&plugin, &GatewaySettings::default());
    assert_eq!(conversion, Conversion::Ignored { namespace: "default".to_owned() });
}

#[test]
fn e22_the_selector_follows_the_installation() {
    let plugin = in_namespace("gw", "{url: 'oci://r/p:1', defaultConfig: {a: 1}}");
    let settings = |selector: Option<&str>| GatewaySettings {
        namespace: "gw".to_owned(),
        gateway_selector: selector.map(|text| text.parse::<GatewaySelector>().unwrap()),
        ..GatewaySettings::default()
    };
    for (selector, expected) in [(Some("gw-my-gw"), "gw-my-gw"), (None, "gw-higress-gateway")] {
        let conversion = convert(&plugin, &settings(selector));
        let converted = conversion.plugin().unwrap();
        let labels = converted.spec.selector.clone().unwrap();
        assert_eq!(labels, BTreeMap::from([("higress".to_owned(), expected.to_owned())]));
        assert_eq!(converted.metadata.namespace.as_deref(), Some("gw"));
    }
}

#[test]
fn what_is_printed_for_a_default_is_nothing() {
    let yaml = to_yaml(
        convert(
            &higress(
                "{url: 'oci://r/p:1', failStrategy: FAIL_CLOSE, phase: UNSPECIFIED_PHASE, \
                                          imagePullPolicy: UNSPECIFIED_POLICY, vmConfig: {}, priority: 0}",
            ),
            &GatewaySettings::default(),
        )
        .plugin()
        .unwrap(),
    )
    .unwrap();
    insta::assert_snapshot!(yaml, @r"
    kind: WasmPlugin
    apiVersion: extensions.istio.io/v1alpha1
    metadata:
      name: p
      namespace: higress-system
    spec:
      priority: 0
      selector:
        matchLabels:
          higress: higress-system-higress-gateway
      url: oci://r/p:1
      vmConfig: {}
    ");
}

#[test]
fn numbers_keep_their_form() {
    let spec = converted(
        "{url: 'oci://r/p:1', defaultConfig: {i: 1, big: 9007199254740993, u: 18446744073709551615, \
                          least: -9223372036854775808, half: 0.5, one: 1.0}}",
    );
    assert_eq!(
        spec["pluginConfig"].to_string(),
        r#"{"big":9007199254740993,"half":0.5,"i":1,"least":-9223372036854775808,"one":1.0,"u":18446744073709551615}"#
    );
}

#[test]
fn nothing_but_name_and_namespace_is_left_of_the_metadata() {
    let plugin = read(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata:\n  name: p\n  \
                       labels: {a: b}\n  annotations: {c: d}\n  creationTimestamp: 2026-01-31T10:00:00Z\nspec: {}\n",
    );
    let conversion = convert(&plugin, &GatewaySettings::default());
    let metadata = serde_json::to_value(conversion.plugin().unwrap()).unwrap()["metadata"].clone();
    assert_eq!(metadata, json!({"name": "p", "namespace": "higress-system"}));
}

#[test]
fn an_istio_resource_is_left_alone() {
    let plugin = read(
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: p, \
                       namespace: elsewhere}\nspec: {url: 'oci://r/p:1'}\n",
    );
    assert_eq!(
        convert(&plugin, &GatewaySettings::default()),
        Conversion::Unchanged(Box::new(plugin.clone()))
    );
}

fn warnings(spec: &str, grpc: GrpcRouteNames) -> Vec<String> {
    let settings = GatewaySettings { grpc, ..GatewaySettings::default() };
    let Conversion::Converted(converted) = convert(&higress(spec), &settings) else { panic!("{spec}") };
    converted.warnings.iter().map(|warning| format!("{}: {warning}", warning.path())).collect()
}

#[test]
fn what_conversion_does_unasked_is_warned_about() {
    for (spec, expected) in [
        (
            "{pluginConfig: {}, defaultConfig: {}, defaultConfigDisable: true, matchRules: [{}]}",
            &["spec.defaultConfig: ", "spec.defaultConfigDisable: ", "spec.matchRules: "][..],
        ),
        ("{defaultConfig: {_rules_: []}, matchRules: [{domain: [a]}]}", &["spec.defaultConfig._rules_: "]),
        ("{defaultConfig: {_rules_: []}, matchRules: [{domain: [a], configDisable: true}]}", &[]),
        (
            "{matchRules: [{domain: [a], config: {_match_domain_: [b], _match_route_: [c]}}]}",
            &["spec.matchRules[0].config._match_domain_: "],
        ),
        (
            "{matchRules: [{domain: [a]}, {ingress: [ns/a, higress-system/b, c], routeType: GRPC}]}",
            &["spec.matchRules[1].routeType: "],
        ),
    ] {
        let said = warnings(spec, GrpcRouteNames::AsHigress);
        assert_eq!(said.len(), expected.len(), "{spec}: {said:?}");
        assert!(said.iter().zip(expected).all(|(said, expected)| said.starts_with(expected)), "{said:?}");
    }
}

#[test]
fn fixed_gives_the_grpc_route_names_that_were_meant() {
    let spec = "{matchRules: [{ingress: [ns/a, higress-system/b, c], routeType: GRPC}]}";
    let said = warnings(spec, GrpcRouteNames::AsHigress).remove(0);
    assert!(said.ends_with("meant was `GRPC/ns/a`, `GRPC/b`, `GRPC/c`"), "{said}");
    assert_eq!(warnings(spec, GrpcRouteNames::Fixed), Vec::<String>::new());
    let settings = GatewaySettings { grpc: GrpcRouteNames::Fixed, ..GatewaySettings::default() };
    let conversion = convert(&higress(spec), &settings);
    let config = conversion.plugin().unwrap().spec.plugin_config.clone().unwrap();
    assert_eq!(config[RULES][0][MATCH_ROUTE], json!(["GRPC/ns/a", "GRPC/b", "GRPC/c"]));
}

fn any_config() -> impl Strategy<Value = Option<Config>> {
    let value = prop_oneof![any::<i64>().prop_map(Value::from), ".{0,5}".prop_map(Value::from)];
    let key = prop_oneof!["[a-c]", Just("_rules_".to_owned()), Just("_match_domain_".to_owned())];
    prop::option::of(prop::collection::btree_map(key, value, 0..3).prop_map(|map| map.into_iter().collect()))
}

prop_compose! {
    fn any_rule()(
        ingress in prop::collection::vec("[ab]/[ab]", 0..2),
        domain in prop::collection::vec("[ab*.]{0,4}", 0..2),
        service in prop::collection::vec("[ab]", 0..2),
        config in any_config(),
        config_disable: bool,
        grpc: bool,
    ) -> MatchRule {
        let route_type = if grpc { RouteType::Grpc } else { RouteType::Http };
        MatchRule { ingress, domain, service, config, config_disable, route_type }
    }
}

prop_compose! {
    fn any_spec()(
        plugin_config in any_config(),
        default_config in any_config(),
        match_rules in prop::collection::vec(any_rule(), 0..4),
        default_config_disable: bool,
    ) -> Spec {
        Spec { plugin_config, default_config, match_rules, default_config_disable, ..Spec::default() }
    }
}

proptest! {
    /// Every outcome is the one that the fields alone decide, and is the same each time.
    #[test]
    fn the_outcome_follows_the_table(spec in any_spec()) {
        let plugin = WasmPlugin { spec: spec.clone(), ..WasmPlugin::default() };
        let conversion = convert(&plugin, &GatewaySettings::default());
        prop_assert_eq!(&conversion, &convert(&plugin, &GatewaySettings::default()));
        let kept: Vec<&MatchRule> = spec.match_rules.iter().filter(|rule| !rule.config_disable).collect();
        let bare = |rule: &&MatchRule| rule.ingress.is_empty() && rule.domain.is_empty() && rule.service.is_empty();
        let config = conversion.plugin().and_then(|plugin| plugin.spec.plugin_config.clone());
        if spec.plugin_config.is_some() {
            prop_assert_eq!(config, spec.plugin_config);
        } else if kept.iter().any(bare) {
            prop_assert_eq!(conversion.outcome(), "error");
        } else if kept.is_empty() && spec.default_config_disable {
            prop_assert_eq!(conversion.outcome(), "dropped");
        } else if kept.is_empty() {
            let empty = (!spec.match_rules.is_empty()).then(Config::new);
            prop_assert_eq!(config, spec.default_config.or(empty));
        } else {
            let config = config.expect("rules make a configuration");
            prop_assert_eq!(config[RULES].as_array().map(Vec::len), Some(kept.len()));
            let in_force = spec.default_config.filter(|_| !spec.default_config_disable).unwrap_or_default();
            let rest = |config: Config| config.into_iter().filter(|(key, _)| key != RULES).collect::<Config>();
            prop_assert_eq!(rest(config), rest(in_force));
        }
    }
}
