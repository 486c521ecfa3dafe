//! Nothing that a file can say makes the linter fail.

use proptest::prelude::*;

use super::super::LintInput;
use super::lint_text;
use crate::gateway::{Flavour, FlavourChoice};

/// Texts that look like what the fields take, and texts that do not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[a-c*./:|@$ {}]{0,12}",
        "(oci|http|https|file|ftp)?(://)?[a-z.]{0,6}(:[0-9a-z]{0,6})?(/[a-zA-Z]{0,4}){0,2}(:[a-z0-9]{0,6})?(@sha256:[0-9a-f]{0,64})?",
        Just("${secret.a/b.c}".to_owned()),
        Just("ISTIO_META_WASM_IMAGE_PULL_POLICY".to_owned()),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "_rules_",
            "_match_route_",
            "_match_domain_",
            "_match_service_",
            "_match_route_prefix_",
            "_disable_",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "url",
            "sha256",
            "imagePullPolicy",
            "imagePullSecret",
            "pluginConfig",
            "pluginName",
            "phase",
            "priority",
            "failStrategy",
            "vmConfig",
            "env",
            "name",
            "value",
            "valueFrom",
            "defaultConfig",
            "matchRules",
            "defaultConfigDisable",
            "selector",
            "matchLabels",
            "targetRefs",
            "kind",
            "match",
            "mode",
            "ports",
            "number",
            "type",
            "domain",
            "ingress",
            "service",
            "config",
            "configDisable",
            "routeType",
            "imagePullSecrets",
        ])
        .prop_map(str::to_owned),
        text(),
    ]
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let words = vec!["Always", "AUTHN", "FAIL_OPEN", "FAIL_RELOAD", "HOST", "GRPC", "SERVER", "Gateway"];
    let leaf = prop_oneof![
        4 => text().prop_map(serde_json::Value::from),
        1 => prop::sample::select(words).prop_map(serde_json::Value::from),
        1 => any::<i64>().prop_map(serde_json::Value::from),
        1 => any::<bool>().prop_map(serde_json::Value::from),
        1 => Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(key(), inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    /// Fields that mostly have the type that they take, so that the checks get to see them.
    fn spec()(
        url in text(),
        rules in prop::collection::vec(
            prop::collection::btree_map(
                prop::sample::select(vec!["domain", "ingress", "service"]),
                prop::collection::vec(text(), 0..4),
                0..3,
            ),
            0..5,
        ),
        more in prop::collection::btree_map(key(), value(), 0..6),
    ) -> serde_json::Value {
        let mut spec = serde_json::json!({"url": url, "matchRules": rules});
        spec.as_object_mut().unwrap().extend(more);
        spec
    }
}

proptest! {
    #[test]
    fn any_resource_can_be_linted(
        spec in spec(),
        name in text(),
        form in prop::sample::select(vec!["higress", "istio"]),
        flavour in prop::option::of(prop::sample::select(Flavour::ALL.to_vec())),
    ) {
        let document = serde_json::json!({
            "apiVersion": format!("extensions.{form}.io/v1alpha1"),
            "kind": "WasmPlugin",
            "metadata": {"name": name, "namespace": "higress-system"},
            "spec": spec,
        });
        let flavours = flavour.map(FlavourChoice::from).into_iter().collect();
        let input = LintInput { flavours, ..LintInput::default() };
        let found = lint_text(&document.to_string(), &input);
        for finding in &found {
            prop_assert!(finding.place.line > 0, "{finding}");
            prop_assert!(!finding.message.contains(char::is_control), "{finding}");
            prop_assert!(!finding.fix.is_empty(), "{finding}");
        }
        prop_assert_eq!(&found, &lint_text(&document.to_string(), &input));
    }
}
