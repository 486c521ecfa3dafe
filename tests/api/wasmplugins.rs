//! `/api/v1/wasmplugins/<verb>`: what a gateway makes of `WasmPlugin`s that a client sends.

use crate::harness::{Refusal, Server, Setup, alias_bomb, header_text, module, packed_with_spec, wasmplugin};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const CONVERT: &str = "/api/v1/wasmplugins/convert";
pub(crate) const MATCH: &str = "/api/v1/wasmplugins/match";
pub(crate) const CHAIN: &str = "/api/v1/wasmplugins/chain";
const NEW: &str = "/api/v1/wasmplugins/new";
pub(crate) const LINT: &str = "/api/v1/wasmplugins/lint";
/// Those that read resources.
pub(crate) const VERBS: [&str; 4] = [CONVERT, MATCH, CHAIN, LINT];

const HIGRESS: &str = include_str!("../../src/gateway/convert/testdata/custom-response.yaml");
const ISTIO: &str = include_str!("../../src/gateway/convert/testdata/custom-response.istio.yaml");

async fn ask(server: &Server, path: &str, body: impl Into<reqwest::Body>) -> Value {
    let response = server.post(path, body).await;
    assert_eq!(header_text(&response, "content-type"), "application/json");
    let status = response.status();
    let answer = response.json().await.expect("JSON");
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

#[tokio::test]
async fn convert_gives_what_istio_gets() {
    let server = Server::start().await;
    let answer = ask(&server, CONVERT, HIGRESS).await;
    let report = &answer["plugins"][0];
    assert_eq!((&report["name"], &report["outcome"]), (&json!("custom-response"), &json!("converted")));
    assert_eq!(report["rules"], json!([0, 1, 2]));
    assert_eq!((&answer["others"], &answer["unknown"]), (&json!([]), &json!([])));
    let istio = ask(&server, CONVERT, ISTIO).await;
    assert_eq!(istio["plugins"][0]["outcome"], "unchanged");
    assert_eq!(report["resource"], istio["plugins"][0]["resource"]);
}

#[tokio::test]
async fn convert_tells_every_outcome_and_what_was_passed_over() {
    let server = Server::start().await;
    let documents = [
        wasmplugin("{defaultConfigDisable: true}"),
        wasmplugin("{matchRules: [{config: {a: 1}}]}"),
        wasmplugin("{piority: 1}"),
        wasmplugin("{}").replace("name: p", "name: p, namespace: default"),
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n".to_owned(),
    ];
    let answer = ask(&server, CONVERT, documents.join("---\n")).await;
    let outcomes: Vec<_> =
        answer["plugins"].as_array().unwrap().iter().map(|report| &report["outcome"]).collect();
    assert_eq!(outcomes, ["dropped", "error", "converted", "ignored"]);
    assert!(answer["plugins"][0]["meaning"].as_str().unwrap().contains("withdrawn"));
    assert_eq!(answer["plugins"][0]["resource"], Value::Null);
    assert_eq!(
        answer["others"],
        json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "line": 21, "column": 1 }])
    );
    assert_eq!(answer["unknown"], json!([{ "path": "spec.piority", "line": 14, "column": 8 }]));
}

#[tokio::test]
async fn convert_takes_the_installation_from_its_parameters_else_from_the_configuration() {
    let setup = Setup::new().gateway(|gateway| gateway.namespace = "gw".to_owned());
    let server = setup.start().await;
    for (query, namespace, label, value) in [
        ("", "gw", "higress", "gw-higress-gateway"),
        ("?namespace=other", "other", "higress", "other-higress-gateway"),
        ("?gateway-selector=my-gw", "gw", "higress", "my-gw"),
        ("?namespace=a&gateway-selector=app%3Db", "a", "app", "b"),
    ] {
        let answer = ask(&server, &format!("{CONVERT}{query}"), wasmplugin("{}")).await;
        let resource = &answer["plugins"][0]["resource"];
        assert_eq!(resource["metadata"]["namespace"], namespace, "{query}");
        assert_eq!(resource["spec"]["selector"]["matchLabels"], json!({ label: value }), "{query}");
    }
}

#[tokio::test]
async fn convert_gives_the_route_names_that_were_meant() {
    let server = Server::start().await;
    let body = wasmplugin("{matchRules: [{ingress: [ns/a], routeType: GRPC}]}");
    for (query, name) in
        [("", "GRPC"), ("?fixed=false", "GRPC"), ("?fixed", "GRPC/ns/a"), ("?fixed=true", "GRPC/ns/a")]
    {
        let answer = ask(&server, &format!("{CONVERT}{query}"), body.clone()).await;
        let rules = &answer["plugins"][0]["resource"]["spec"]["pluginConfig"]["_rules_"];
        assert_eq!(rules[0]["_match_route_"], json!([name]), "{query}");
        assert_eq!(answer["plugins"][0]["warnings"].as_array().unwrap().len(), usize::from(name == "GRPC"));
    }
}

#[tokio::test]
async fn match_tells_which_plugins_a_request_meets_with_which_configurations() {
    let server = Server::start().await;
    let logger = wasmplugin("{priority: 300, phase: AUTHN, defaultConfig: {b: 1}}");
    let body = [HIGRESS, "---\n", &logger].concat();
    let bodies = |answer: &Value| -> Vec<(Value, Value)> {
        let plugin = |plugin: &Value| (plugin["name"].clone(), plugin["decision"]["config"]["body"].clone());
        answer["plugins"].as_array().unwrap().iter().map(plugin).collect()
    };
    for (query, expected) in [
        ("authority=foo.com", r#"{"hello":"foo"}"#),
        ("authority=a.io&route=higress-course/ingress-bar", r#"{"hello":"bar"}"#),
        (
            "authority=a.io&cluster=outbound%7C80%7C%7Cecho-server.higress-course.svc.cluster.local",
            r#"{"hello":"echo server"}"#,
        ),
        ("authority=a.io", r#"{"hello":"foo"}"#),
    ] {
        let answer = ask(&server, &format!("{MATCH}?{query}"), body.clone()).await;
        let expected = [(json!("p"), Value::Null), (json!("custom-response"), json!(expected))];
        assert_eq!(bodies(&answer), expected, "{query}");
        assert_eq!(answer["line"], "higress-1.27");
    }
    let answer =
        ask(&server, &format!("{MATCH}?flavour=rust&flavour=p%3Dcpp&line=istio-1.30"), body.clone()).await;
    let flavours: Vec<_> =
        answer["plugins"].as_array().unwrap().iter().map(|plugin| &plugin["flavour"]).collect();
    assert_eq!(
        (flavours, &answer["line"]),
        (vec![], &json!("istio-1.30")),
        "converted for another namespace"
    );
    let query = "flavour=rust&flavour=p%3Dcpp&line=istio-1.30&root-namespace=higress-system";
    let answer = ask(&server, &format!("{MATCH}?{query}"), body.clone()).await;
    let flavours: Vec<_> =
        answer["plugins"].as_array().unwrap().iter().map(|plugin| &plugin["flavour"]).collect();
    assert_eq!(flavours, ["cpp", "rust"]);
}

#[tokio::test]
async fn chain_tells_the_order_and_what_envoy_gets() {
    let server = Server::start().await;
    let document = |name: &str, spec: &str| wasmplugin(spec).replace("name: p", &format!("name: {name}"));
    let body = [
        document("late", "{priority: 1}"),
        document("early", "{phase: AUTHN, priority: 310}"),
        document("dropped", "{defaultConfigDisable: true}"),
        "kind: Secret\napiVersion: v1\n".to_owned(),
    ]
    .join("---\n");
    let names = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|item| item["name"].clone()).collect()
    };
    let answer = ask(&server, CHAIN, body.clone()).await;
    assert_eq!(names(&answer["plugins"]), ["early", "late"]);
    assert_eq!(names(&answer["excluded"]), ["dropped"]);
    assert_eq!(answer["others"][0]["kind"], "Secret");
    let resource_names = |answer: &Value| -> Vec<Value> {
        answer["plugins"].as_array().unwrap().iter().map(|plugin| plugin["resourceName"].clone()).collect()
    };
    for name in resource_names(&answer) {
        assert!(names(&answer["httpFilters"]).contains(&name), "{name}");
        assert!(names(&answer["resources"]).contains(&name), "{name}");
    }
    let seed = ask(&server, &format!("{CHAIN}?line=seed"), body.clone()).await;
    assert_eq!(resource_names(&seed), ["higress-system.early", "higress-system.late"]);
    let elsewhere =
        ask(&server, &format!("{CHAIN}?gateway-namespace=a&root-namespace=b"), body.clone()).await;
    assert_eq!(names(&elsewhere["excluded"]), ["dropped", "late", "early"]);
    let labelled = ask(&server, &format!("{CHAIN}?label=higress%3Dother&label=a%3Db&port=80"), body).await;
    assert_eq!(names(&labelled["plugins"]), Vec::<Value>::new(), "{labelled}");
}

#[tokio::test]
async fn lint_tells_what_is_wrong_and_where() {
    let server = Server::start().await;
    let body = wasmplugin(
        "{url: 'oci://r.io/plugins/p:1.0.0', priority: 1, piority: 1, matchRules: [{service: ['*.x']}]}",
    ) + "---\n"
        + &wasmplugin("{url: 'oci://r.io/plugins/p:1.0.0', priority: high}").replace("name: p", "name: q");
    let rules = |answer: &Value| -> Vec<String> {
        let rule = |finding: &Value| finding["rule"].as_str().unwrap().to_owned();
        answer["findings"].as_array().unwrap().iter().map(rule).collect()
    };
    let answer = ask(&server, LINT, body.clone()).await;
    assert_eq!(answer["plugins"], 2);
    let found = rules(&answer);
    assert!(found.contains(&"service-wildcard".to_owned()), "{answer:#}");
    for finding in answer["findings"].as_array().unwrap() {
        assert_eq!(finding["file"], "<body>");
        assert!(finding["line"].as_u64().unwrap() > 0 && finding["fix"].is_string(), "{finding}");
    }
    let errors = ask(&server, &format!("{LINT}?level=error"), body.clone()).await;
    assert!(!rules(&errors).is_empty() && rules(&errors).len() < found.len(), "{errors:#}");
    assert_eq!(errors["count"], answer["count"]);
    let raised =
        ask(&server, &format!("{LINT}?level=error&severity=service-wildcard%3Derror"), body.clone()).await;
    assert!(rules(&raised).contains(&"service-wildcard".to_owned()), "{raised:#}");
    let less = ask(&server, &format!("{LINT}?disable=service-wildcard&flavour=go"), body).await;
    assert!(!rules(&less).contains(&"service-wildcard".to_owned()), "{less:#}");
}

const SPEC: &str = "\
info: {name: key-auth, version: 1.0.0}
spec:
  phase: AUTHN
  priority: 310
  configSchema:
    openAPIV3Schema:
      type: object
      required: [keys]
      example: {keys: [apikey]}
      properties:
        keys: {type: array, items: {type: string}, default: [x-api-key]}
";

/// A server with `plugins/key-auth:1.0.0`, which says `spec` of itself; the image's digest.
async fn server_with(spec: &str) -> (Server, String) {
    let server = Server::start().await;
    let image = packed_with_spec(&module(1), spec);
    server.push("plugins/key-auth", "1.0.0", &image).await;
    (server, image.digest)
}

#[tokio::test]
async fn new_writes_a_resource_for_an_image() {
    let (server, digest) = server_with(SPEC).await;
    let url = |rest: &str| json!(format!("oci://{}/plugins/key-auth{rest}", server.address));
    let written = server.json(&format!("{NEW}?ref=plugins/key-auth:1.0.0")).await;
    assert_eq!(
        written,
        json!({
            "apiVersion": "extensions.higress.io/v1alpha1",
            "kind": "WasmPlugin",
            "metadata": {"name": "key-auth", "namespace": "higress-system"},
            "spec": {
                "url": url(":1.0.0"),
                "imagePullPolicy": "IfNotPresent",
                "phase": "AUTHN",
                "priority": 310,
                "defaultConfig": {"keys": ["x-api-key"]},
            },
        })
    );
    let converted = ask(&server, CONVERT, written.to_string()).await;
    assert_eq!(converted["plugins"][0]["outcome"], "converted");
    let pinned = server.json(&format!("{NEW}?ref=plugins/key-auth:1.0.0&pin=true")).await;
    assert_eq!(pinned["spec"]["url"], url(&format!("@{digest}")));
    let query = "name=k&namespace=gw&phase=AUTHZ&priority=-1&policy=Always&pull-secret=s&\
                 fail-strategy=FAIL_OPEN&domain=a.io&domain=b.io&example";
    let chosen = server.json(&format!("{NEW}?ref=r.io/plugins/key-auth:1.0.0&{query}")).await;
    assert_eq!(chosen["metadata"], json!({"name": "k", "namespace": "gw"}));
    assert_eq!(
        chosen["spec"],
        json!({
            "url": "oci://r.io/plugins/key-auth:1.0.0",
            "imagePullPolicy": "Always",
            "imagePullSecret": "s",
            "phase": "AUTHZ",
            "priority": -1,
            "failStrategy": "FAIL_OPEN",
            "matchRules": [{"domain": ["a.io", "b.io"], "config": {"keys": ["apikey"]}}],
            "defaultConfigDisable": true,
        })
    );
}

#[tokio::test]
async fn new_says_in_warnings_what_somebody_should_know() {
    let warnings = |response: &reqwest::Response| -> Vec<String> {
        let values = response.headers().get_all("warning");
        values.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let (server, _) = server_with(SPEC).await;
    let local = warnings(&server.get(&format!("{NEW}?ref=plugins/key-auth:1.0.0")).await);
    assert!(local.len() == 1 && local[0].contains("host of this machine's own"), "{local:?}");
    let path = format!("{NEW}?ref=r.io/plugins/key-auth:1.0.0");
    assert_eq!(warnings(&server.get(&path).await), Vec::<String>::new());
    let deep = format!("spec: {}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for (spec, part) in [
        ("spec: {phase: FIRST, priority: 1}", "`spec.phase`"),
        ("spec: [", "spec.yaml"),
        (&deep, "spec.yaml"),
        (&alias_bomb(), "spec.yaml"),
    ] {
        let (server, _) = server_with(spec).await;
        let response = server.get(&path).await;
        assert_eq!(response.status(), 200, "{part}");
        let said = warnings(&response);
        assert!(said.len() == 1 && said[0].contains(part), "{part}: {said:?}");
    }
}

#[tokio::test]
async fn new_refuses_what_cannot_be_written() {
    let (server, _) = server_with(&SPEC.replace(", default: [x-api-key]", "")).await;
    for (query, status, code, part) in [
        ("", 400, "REQUEST_INVALID", "`ref` is missing"),
        ("ref=Plugins/A", 400, "REQUEST_INVALID", "`ref`: "),
        ("ref=plugins/key-auth:2", 404, "MANIFEST_UNKNOWN", "no manifest `2`"),
        ("ref=plugins/other:1", 404, "MANIFEST_UNKNOWN", "plugins/other"),
        ("ref=plugins/key-auth:1.0.0&name=A", 400, "REQUEST_INVALID", "`A` is no name"),
        ("ref=plugins/key-auth:1.0.0&namespace=a.b", 400, "REQUEST_INVALID", "`a.b` is no namespace"),
        ("ref=plugins/key-auth:1.0.0&phase=FIRST", 400, "REQUEST_INVALID", "`phase`: "),
        ("ref=plugins/key-auth:1.0.0&priority=1.5", 400, "REQUEST_INVALID", "`priority`: "),
        ("ref=plugins/key-auth:1.0.0&policy=Never", 400, "REQUEST_INVALID", "`policy`: "),
        ("ref=plugins/key-auth:1.0.0&fail-strategy=x", 400, "REQUEST_INVALID", "FAIL_OPEN"),
        ("ref=plugins/key-auth:1.0.0&domain=a&service=b", 400, "REQUEST_INVALID", "only one may be given"),
        ("ref=plugins/key-auth:1.0.0&config-from=a", 400, "REQUEST_INVALID", "no parameter `config-from`"),
        ("ref=plugins/key-auth:1.0.0", 422, "REQUEST_INVALID", "does not fit the plugin's schema"),
    ] {
        let refusal = Refusal::of(server.get(&format!("{NEW}?{query}")).await).await;
        refusal.says(status, code, part, query);
    }
    let posted = server.post(&format!("{NEW}?ref=plugins/key-auth:1.0.0"), "").await;
    assert_eq!(header_text(&posted, "allow"), "GET, HEAD");
    let (plain, _) = server_with("info: {}").await;
    let refusal = Refusal::of(plain.get(&format!("{NEW}?ref=plugins/key-auth:1.0.0&example")).await).await;
    refusal.says(422, "REQUEST_INVALID", "no example", "example");
}

#[tokio::test]
async fn the_body_is_read_whatever_its_content_type() {
    let server = Server::start().await;
    let json =
        r#"{"apiVersion":"extensions.higress.io/v1alpha1","kind":"WasmPlugin","metadata":{"name":"p"}}"#;
    for content_type in
        ["application/yaml", "application/json", "text/plain", "application/octet-stream", "nonsense"]
    {
        for body in [wasmplugin("{}"), json.to_owned()] {
            let request = server.request(Method::POST, CONVERT).header("content-type", content_type);
            assert_eq!(request.body(body).send().await.unwrap().status(), 200, "{content_type}");
        }
    }
}

#[tokio::test]
async fn other_methods_verbs_and_parameters_are_refused() {
    let server = Server::start().await;
    for verb in VERBS {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let response = server.request(method, verb).send().await.unwrap();
            assert_eq!(header_text(&response, "allow"), "POST");
            Refusal::of(response).await.says(405, "UNSUPPORTED", "POST", verb);
        }
        for (query, part) in [
            ("nmaespace=a", "no parameter `nmaespace`"),
            ("nmaespace=a", "`namespace`, `gateway-selector`"),
            ("namespace=a&namespace=b", "`namespace` is given more than once"),
            ("gateway-selector=a%20b", "`gateway-selector`: `a b` is no label"),
        ] {
            let refusal = Refusal::of(server.post(&format!("{verb}?{query}"), wasmplugin("{}")).await).await;
            refusal.says(400, "REQUEST_INVALID", part, &format!("{verb}?{query}"));
        }
    }
    let refusal = Refusal::of(server.post(&format!("{CONVERT}?fixed=1"), wasmplugin("{}")).await).await;
    refusal.says(400, "REQUEST_INVALID", "`fixed` is `1`, expected `true` or `false`", "fixed");
    for (verb, query, part) in [
        (MATCH, "flavour=tinygo", "`flavour`: `tinygo` is no flavour"),
        (MATCH, "line=istio-1.2", "`line`: unknown line `istio-1.2`"),
        (CHAIN, "port=70000", "`port`: "),
        (CHAIN, "label=a", "`label`: `a` is not `key=value`"),
        (CHAIN, "authority=a", "no parameter `authority`"),
        (LINT, "level=fatal", "`level`: `fatal` is no severity"),
        (LINT, "disable=no-such-rule", "`disable`: `no-such-rule` is no lint rule"),
        (LINT, "severity=service-wildcard", "`severity`: `service-wildcard` is not `rule=severity`"),
        (LINT, "severity=service-wildcard%3Dfatal", "`fatal` is no severity"),
        (LINT, "disable=service-wildcart", "did you mean `service-wildcard`?"),
    ] {
        let refusal = Refusal::of(server.post(&format!("{verb}?{query}"), wasmplugin("{}")).await).await;
        refusal.says(400, "REQUEST_INVALID", part, &format!("{verb}?{query}"));
    }
    for path in ["/api/v1/wasmplugins/", "/api/v1/wasmplugins/fly", "/api/v1/wasmplugins/convert/"] {
        Refusal::of(server.post(path, "").await).await.says(
            404,
            "UNSUPPORTED",
            "the verbs are convert, match, chain, lint, new",
            path,
        );
    }
    let refusal = Refusal::of(server.post("/api/v1/wasmplugins", "").await).await;
    refusal.says(405, "UNSUPPORTED", "GET", "no verb: the list of those that are known");
}

#[tokio::test]
async fn requests_are_counted_by_verb() {
    let server = Server::start().await;
    ask(&server, CONVERT, wasmplugin("{}")).await;
    server.post(CONVERT, "a: [").await;
    let metrics = server.get("/metrics").await.text().await.unwrap();
    for status in ["200", "400"] {
        let line = format!(r#"{{method="POST",endpoint="wasmplugin_convert",status="{status}"}} 1"#);
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}
