//! A linter that complains of good files is turned off.

use std::fmt::Write as _;

use super::super::{LintInput, Severity};
use super::{ids, lint_text};
use crate::gateway::{Flavour, FlavourChoice, Flavours, GatewaySettings};

const EVERYDAY: &str = "\
apiVersion: extensions.higress.io/v1alpha1
kind: WasmPlugin
metadata:
  name: key-auth
  namespace: higress-system
spec:
  url: oci://registry.example.com/plugins/key-auth:1.0.0
  imagePullPolicy: IfNotPresent
  phase: AUTHN
  priority: 310
  defaultConfig:
    consumers:
    - name: anna
      credential: a1b2
    keys: [x-api-key]
    in_header: true
  matchRules:
  - ingress:
    - shop/web
    - shop/api
    config:
      allow: [anna]
  - domain:
    - example.com
    - '*.example.com'
    - www.*
    config:
      allow: []
  - service:
    - web.shop.svc.cluster.local
    - models.dns:443
    config:
      allow: [anna]
";

const EVERYDAY_ISTIO: &str = "\
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata:
  name: basic-auth
  namespace: istio-ingress
spec:
  selector:
    matchLabels:
      istio: ingressgateway
  url: oci://ghcr.io/istio-ecosystem/wasm-extensions/basic_auth:1.12.0
  sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
  phase: AUTHN
  priority: 10
  failStrategy: FAIL_CLOSE
  match:
  - mode: CLIENT
    ports:
    - number: 8080
  pluginConfig:
    basic_auth_rules:
    - prefix: /productpage
      request_methods: [GET, POST]
      credentials: ['ok:test']
  vmConfig:
    env:
    - name: POD_NAME
      valueFrom: HOST
    - name: TRUST_DOMAIN
      value: cluster.local
";

fn all(flavour: Option<Flavour>) -> Flavours {
    flavour.map(FlavourChoice::from).into_iter().collect()
}

#[test]
fn a_good_everyday_plugin_gets_no_warning_in_any_language() {
    for text in [EVERYDAY, EVERYDAY_ISTIO] {
        for flavour in Flavour::ALL.map(Some).into_iter().chain([None]) {
            let found = lint_text(text, &LintInput { flavours: all(flavour), ..LintInput::default() });
            assert!(found.iter().all(|finding| finding.severity == Severity::Info), "{found:#?}");
        }
    }
    // The one thing that the author has not said.
    assert_eq!(ids(&lint_text(EVERYDAY, &LintInput::default())), ["fail-close"]);
    assert_eq!(ids(&lint_text(EVERYDAY_ISTIO, &LintInput::default())), [""; 0]);
}

/// Resources as charts, consoles and people write them.
const FILES: [(&str, &str); 6] = [
    ("higress.yaml", include_str!("everyday/higress.yaml")),
    ("istio.yaml", include_str!("everyday/istio.yaml")),
    ("plugin-server.yaml", include_str!("everyday/plugin-server.yaml")),
    ("auth.yaml", include_str!("everyday/auth.yaml")),
    ("exported.yaml", include_str!("everyday/exported.yaml")),
    ("transformer.json", include_str!("everyday/transformer.json")),
];

#[test]
fn good_files_get_no_warning() {
    for (name, text) in FILES {
        let found = lint_text(text, &LintInput::default());
        assert!(found.iter().all(|finding| finding.severity == Severity::Info), "{name}: {found:#?}");
    }
}

#[test]
fn the_controllers_namespace_is_what_the_installation_says() {
    let text = EVERYDAY.replace("higress-system", "gateways");
    let settings = GatewaySettings { namespace: "gateways".to_owned(), ..GatewaySettings::default() };
    assert_eq!(ids(&lint_text(&text, &LintInput { settings, ..LintInput::default() })), ["fail-close"]);
    // What else is wrong is told in the wrong namespace too.
    let text = text.replace("  - ingress:\n    - shop/web\n    - shop/api\n", "  - # nothing\n");
    let found = ids(&lint_text(&text, &LintInput::default()));
    assert_eq!(found, ["wrong-namespace", "fail-close", "rule-without-condition"]);
}

#[test]
fn the_language_decides_what_becomes_of_several_keys() {
    let both = |one: &str, other: &str| {
        format!(
            "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\n\
             metadata: {{name: p, namespace: higress-system}}\n\
             spec: {{url: 'oci://r.io/p:1', priority: 1, failStrategy: FAIL_CLOSE, matchRules: [{{{one}, {other}}}]}}\n"
        )
    };
    let (route, domain, service) = ("ingress: [a/b]", "domain: [x.io]", "service: [a.dns]");
    let table = [
        (route, service, None, "several-match-keys"),
        (route, service, Some(Flavour::Go), ""),
        (route, service, Some(Flavour::Cpp), ""),
        (route, service, Some(Flavour::Rust), "config-refused"),
        (domain, service, None, "several-match-keys"),
        (domain, service, Some(Flavour::Go), "several-match-keys"),
        (domain, service, Some(Flavour::CppAuth), "several-match-keys"),
        (domain, service, Some(Flavour::AssemblyScript), "config-refused"),
    ];
    for (one, other, flavour, expected) in table {
        let text = both(one, other);
        let found = ids(&lint_text(&text, &LintInput { flavours: all(flavour), ..LintInput::default() }));
        let expected: &[&str] = if expected.is_empty() { &[] } else { &[expected] };
        assert_eq!(found, expected, "{one}, {other}, {flavour:?}");
        // By name it is the same.
        let flavours =
            flavour.iter().map(|flavour| format!("p={flavour}").parse::<FlavourChoice>().unwrap()).collect();
        assert_eq!(ids(&lint_text(&text, &LintInput { flavours, ..LintInput::default() })), expected);
    }
}

#[test]
fn rules_by_hand_are_looked_at_like_match_rules() {
    let text = "\
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: p, namespace: istio-system}
spec:
  url: oci://r.io/p:1
  priority: 1
  failStrategy: FAIL_CLOSE
  pluginConfig:
    _rules_:
    - _match_domain_: ['*', 'a.io:80']
    - _match_service_: ['*.dns']
    - _match_route_prefix_: ['a']
      _match_route_: ['anything goes']
      _disable_: true
";
    let found: Vec<(u64, &str)> = lint_text(text, &LintInput::default())
        .iter()
        .map(|finding| (finding.place.line, finding.rule.id))
        .collect();
    let expected = [
        (10, "domain-port"),
        (11, "unreachable-rule"),
        (11, "service-wildcard"),
        (12, "several-match-keys"),
        (12, "unreachable-rule"),
        (14, "reserved-key"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_could_not_be_read_is_told_once() {
    let text = "\
apiVersion: extensions.higress.io/v1alpha1
kind: WasmPlugin
metadata: {name: p, namespace: higress-system}
spec:
  url: 5
  priority: high
  failStrategy: FAIL_CLOSE
  defaultConfig: []
  matchRules: [3, {domain: x.io}]
  vmConfig: {env: [{name: 1, value: a}]}
";
    let found = lint_text(text, &LintInput::default());
    assert_eq!(ids(&found), ["invalid-field"; 6], "{found:#?}");
}

#[test]
fn of_a_spec_that_could_not_be_read_only_that_is_told() {
    let head = "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\n";
    for spec in ["", "[]", "text"] {
        let text = format!("{head}metadata: {{name: 1, namespace: higress-system}}\nspec: {spec}\n");
        let found = lint_text(&text, &LintInput::default());
        assert_eq!(ids(&found), ["invalid-field"; 2], "{found:#?}");
    }
}

#[test]
fn a_rule_says_no_more_than_a_person_would_read() {
    let mut text = EVERYDAY.to_owned();
    text.push_str("  - domain:\n");
    for port in 1..=1000 {
        writeln!(text, "    - x.io:{port}").unwrap();
    }
    let found = lint_text(&text, &LintInput::default());
    let told: Vec<_> = found.iter().filter(|finding| finding.rule.id == "domain-port").collect();
    assert_eq!(told.len(), 100);
    assert!(told[99].message.ends_with("; and 900 more like it"), "{}", told[99].message);
    // The places of what is told are right all the same.
    assert_eq!(told[99].place.line, told[0].place.line + 99);
}
