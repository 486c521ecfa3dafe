//! Where one rule ends and the next begins. Each row is a `spec` and what is said of it, warnings and errors only.

use super::super::{LintInput, Severity};
use super::lint_text;

fn said(form: &str, spec: &str) -> Vec<&'static str> {
    let text = format!(
        "apiVersion: extensions.{form}.io/v1alpha1\nkind: WasmPlugin\n\
         metadata: {{name: p, namespace: higress-system}}\n\
         spec: {{priority: 1, failStrategy: FAIL_CLOSE, {spec}}}\n"
    );
    let found = lint_text(&text, &LintInput::default());
    let serious = found.iter().filter(|finding| finding.severity > Severity::Info);
    serious.map(|finding| finding.rule.id).collect()
}

fn assert_table(form: &str, table: &[(&str, &[&str])]) {
    for (spec, expected) in table {
        assert_eq!(said(form, spec), *expected, "{spec}");
    }
}

#[test]
fn urls() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let pinned_latest = format!("url: 'oci://r.io/p:latest@{digest}'");
    let sha256_latest = format!("url: 'oci://r.io/p:latest', sha256: '{}'", &digest[7..]);
    assert_table(
        "higress",
        &[
            ("url: 'oci://r.io/p:1'", &[]),
            ("url: 'OCI://r.io/p:1'", &[]),
            (&pinned_latest, &[]),
            (&sha256_latest, &[]),
            ("url: 'oci://r.io/p', imagePullPolicy: Always", &["untagged-image"]),
            ("url: 'oci://r.io/p:latest', imagePullPolicy: Always", &["latest-tag"]),
            ("url: 'oci://r.io/p:latest', imagePullPolicy: IfNotPresent", &["policy-latest"]),
            ("url: 'https://h.io/p:latest'", &[]),
            ("url: 'http://h.io/p.wasm'", &["plain-http-url"]),
            ("url: 'http://plugins/p.wasm'", &[]),
            ("url: 'http://plugins.ns.svc/p.wasm'", &[]),
            ("url: 'http://10.0.0.7:8002/p.wasm'", &[]),
            ("url: 'http://[fd00::1]/p.wasm'", &[]),
            ("url: 'http://8.8.8.8/p.wasm'", &["plain-http-url"]),
            ("url: 'http://localhost:8002/p.wasm'", &[]),
            ("url: 'oci://localhost:5000/p:1'", &["loopback-url"]),
            ("url: 'oci://[::1]:5000/p:1'", &["loopback-url"]),
            ("url: ''", &["no-url"]),
            ("url: 'file://'", &["malformed-url"]),
            ("url: 'https://'", &["malformed-url"]),
            ("url: 'localhost:5000/p:1'", &["missing-scheme"]),
            ("url: 'p:1'", &["missing-scheme"]),
            ("url: 'ftp://r.io/p'", &["unknown-scheme"]),
        ],
    );
}

#[test]
fn rules_that_nothing_is_left_to() {
    let table: [(&str, &[&str]); 12] = [
        ("[{domain: [a.io]}, {domain: [a.io, b.io]}]", &[]),
        ("[{domain: [a.io]}, {domain: [b.io]}, {domain: [a.io, b.io]}]", &["unreachable-rule"]),
        ("[{domain: [www.*]}, {domain: [www.a.io]}]", &["unreachable-rule"]),
        ("[{domain: ['*.io']}, {domain: ['*.a.io', '*.b.io']}]", &["unreachable-rule"]),
        ("[{domain: ['*.a.io']}, {domain: ['*.io']}]", &[]),
        ("[{domain: ['*.a.io']}, {domain: ['w*']}]", &[]),
        ("[{service: [a.dns]}, {service: ['a.dns:80']}]", &["unreachable-rule"]),
        ("[{service: ['a.dns:80']}, {service: [a.dns]}]", &[]),
        ("[{ingress: [n/a]}, {ingress: [n/a]}]", &["unreachable-rule"]),
        ("[{ingress: [n/a]}, {ingress: [n/a], configDisable: true}]", &[]),
        // What one key names another may not.
        ("[{domain: [a.dns]}, {service: [a.dns]}]", &[]),
        (
            "[{domain: ['*']}, {ingress: [n/a]}, {service: [a.dns]}]",
            &["unreachable-rule", "unreachable-rule"],
        ),
    ];
    for (rules, expected) in table {
        let spec = format!("url: 'oci://r.io/p:1', matchRules: {rules}");
        assert_eq!(said("higress", &spec), expected, "{rules}");
    }
}

#[test]
fn keys_of_the_rule_matcher() {
    let table: [(&str, &[&str]); 8] = [
        // The way out for prefixes, which Higress hands on as it is.
        ("defaultConfig: {_rules_: [{_match_route_prefix_: [api], a: 1}]}", &[]),
        ("pluginConfig: {_rules_: [{_match_domain_: [a.io]}]}", &[]),
        ("defaultConfig: {_match_domain_: [a.io]}", &["reserved-key"]),
        ("defaultConfig: {_disable_: true}", &["reserved-key"]),
        (
            "matchRules: [{domain: [a.io], config: {_match_route_prefix_: [api]}}]",
            &["several-match-keys", "reserved-key"],
        ),
        ("matchRules: [{domain: [a.io], config: {_match_domain_: [b.io]}}]", &["match-key-replaced"]),
        ("matchRules: [{domain: [a.io], config: {_rules_: []}}]", &["reserved-key"]),
        (
            "pluginConfig: {_rules_: [{_match_domain_: a.io, _match_host_: [b.io]}]}",
            &["match-value-type", "reserved-key"],
        ),
    ];
    for (config, expected) in table {
        let spec = format!("url: 'oci://r.io/p:1', {config}");
        let mut found = said("higress", &spec);
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{config}");
    }
}

#[test]
fn what_higress_does_with_the_whole() {
    assert_table(
        "higress",
        &[
            ("url: 'oci://r.io/p:1', defaultConfigDisable: true", &["plugin-withdrawn"]),
            ("url: 'oci://r.io/p:1', defaultConfigDisable: true, matchRules: [{domain: [a.io]}]", &[]),
            ("url: 'oci://r.io/p:1', matchRules: [{domain: [a.io], configDisable: true}]", &[]),
            (
                "url: 'oci://r.io/p:1', defaultConfig: {a: 1}, matchRules: [{configDisable: true}]",
                &["rule-disabled"],
            ),
            ("url: 'oci://r.io/p:1', pluginConfig: {a: 1}, defaultConfigDisable: true", &["raw-config-wins"]),
            // A rule is looked at no further where nobody reads it.
            (
                "url: 'oci://r.io/p:1', pluginConfig: {a: 1}, matchRules: [{domain: ['a:80']}]",
                &["raw-config-wins"],
            ),
            ("url: 'oci://r.io/p:1', phase: AUTHZ, selector: {}", &["unknown-field"]),
        ],
    );
}

#[test]
fn what_only_istio_refuses() {
    let gateway = "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: g}]";
    let server = format!("url: 'oci://r.io/p:1', {gateway}, match: [{{mode: SERVER}}, {{mode: CLIENT}}]");
    assert_table(
        "istio",
        &[
            (&server, &[]),
            (&server.replace("CLIENT", "SERVER"), &["server-mode-on-gateway"]),
            ("url: 'oci://r.io/p:1', match: [{mode: SERVER}]", &[]),
            ("url: 'oci://r.io/p:1', pluginConfig: {_rules_: [{_match_route_: [any, '/']}]}", &[]),
            ("url: 'oci://r.io/p:1', pluginConfig: {a: '${configmap.a.b}'}", &[]),
        ],
    );
}

#[test]
fn the_converters_example_is_a_good_plugin() {
    let text = include_str!("../../convert/testdata/custom-response.yaml");
    let found = lint_text(text, &LintInput::default());
    assert_eq!(super::ids(&found), ["fail-close", "policy-always"]);
}
