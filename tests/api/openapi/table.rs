use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::document::{Answer, Operation};
use super::world::{World, plugin};
use crate::harness::Server;
use crate::wasmplugins::{CHAIN, CONVERT, LINT, MATCH};

const HISTORY: &str = "/api/v1/repositories/plugins/a/tags";
const WEBHOOKS: &str = "/api/v1/webhooks";
const FILES: &str = "/plugins/a/1.0.0";
const PUT: &str = "/api/v1/wasmplugins/higress-system";
const NEW: &str = "/api/v1/wasmplugins/new";
/// The last of the events that there are, by which a reader of the stream knows that it has seen them all.
const LAST_EVENT: &str = "event: plugin-refused";

/// One request to one operation of the document.
pub(super) struct Ask {
    /// The operation's id.
    pub(super) operation: &'static str,
    pub(super) path: String,
    pub(super) status: u16,
    headers: Vec<(&'static str, &'static str)>,
    pub(super) body: String,
    is_of_poor: bool,
    /// Places in the answer where something stands. `*` is any member.
    pub(super) shown: &'static [&'static str],
    /// A header that the answer has.
    pub(super) header: Option<&'static str>,
}

impl Ask {
    fn to(operation: &'static str, path: impl Into<String>) -> Self {
        let path = path.into();
        let (headers, body) = (Vec::new(), String::new());
        Self { operation, path, status: 200, headers, body, is_of_poor: false, shown: &[], header: None }
    }

    /// Of the server that keeps nothing.
    fn of_poor(self) -> Self {
        Self { is_of_poor: true, ..self }
    }

    fn body(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn shows(self, shown: &'static [&'static str]) -> Self {
        Self { shown, ..self }
    }

    fn has(self, header: &'static str) -> Self {
        Self { header: Some(header), ..self }
    }

    /// Sends it.
    pub(super) async fn answer(&self, world: &World, operation: Operation<'_>) -> Answer {
        let server = if self.is_of_poor { &world.poor } else { &world.rich };
        let request = self.request(server, operation);
        let mut response = request.send().await.expect("an answer");
        if !self.headers.contains(&("accept", "text/event-stream")) {
            return Answer::of(response).await;
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut text = String::new();
        while !text.rsplit_once(LAST_EVENT).is_some_and(|(_, rest)| rest.contains("\n\n")) {
            let piece = response.chunk().await.expect("a stream").expect("more of it");
            text.push_str(std::str::from_utf8(&piece).expect("text"));
        }
        Answer { status, headers, body: text.into_bytes() }
    }

    fn request(&self, server: &Server, operation: Operation<'_>) -> RequestBuilder {
        let method = Method::from_bytes(operation.method.to_uppercase().as_bytes()).expect("a method");
        let request = server.request(method, &self.path).body(self.body.clone());
        self.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }
}

/// Requests to every operation, in an order in which they do not spoil each other.
pub(super) fn requests(world: &World) -> Vec<Ask> {
    [about(), events(), fleet(world), webhooks(), plugins(), verbs(), decisions(), new(), content()]
        .into_iter()
        .flatten()
        .collect()
}

fn about() -> Vec<Ask> {
    vec![
        Ask::to("getOpenApi", "/api/v1/openapi.json").shows(&["/paths/*/get/operationId"]),
        Ask::to("getHealth", "/healthz"),
        Ask::to("getReadiness", "/readyz"),
        Ask::to("getMetrics", "/metrics"),
        Ask::to("getConfigz", "/debug/configz").shows(&["/*/spec/pluginConfig/_rules_", "/*/spec/selector"]),
        Ask::to("getConfigz", "/debug/configz?pretty").shows(&["/*/metadata/namespace"]),
        Ask::to("getConfigz", "/debug/configz").of_poor().status(404),
    ]
}

fn events() -> Vec<Ask> {
    let path = "/api/v1/events";
    vec![
        Ask::to("listEvents", path).shows(&[
            "/events/*/tag",
            "/events/*/digest",
            "/events/*/previous",
            "/newest",
            "/oldest",
        ]),
        Ask::to("listEvents", format!("{path}?after=1&n=1&type=tag-moved&type=first-pull"))
            .shows(&["/events/*/tag"]),
        Ask::to("listEvents", path).of_poor(),
        Ask::to("listEvents", format!("{path}?after=0")).with("accept", "text/event-stream"),
        Ask::to("listEvents", path).with("accept", "text/event-stream").with("last-event-id", "1"),
        Ask::to("listEvents", format!("{path}?after=x")).status(400),
        Ask::to("listEvents", format!("{path}?type=x")).status(400),
    ]
}

fn fleet(world: &World) -> Vec<Ask> {
    let (fleet, tags, impact) =
        ("/api/v1/fleet", "/api/v1/fleet/tags", "/api/v1/impact?repository=plugins/a");
    let status = "/api/v1/agents/gw-1/status";
    let report = world.status_report().to_string();
    let too_many = vec![r#"{"name":"a","url":"a"}"#; 2001].join(",");
    vec![
        Ask::to("listFleet", fleet).shows(&[
            "/agents/*/plugin",
            "/agents/*/digest",
            "/agents/*/fetched",
            "/agents/*/current",
            "/agents/*/policy/policy",
            "/agents/*/movesWith",
            "/agents/*/refused",
            "/agents/*/lastFetch",
        ]),
        Ask::to("listFleet", format!("{fleet}?repository=plugins/a&reference=v1&n=1")).has("link"),
        Ask::to("listFleet", format!("{fleet}?after=")).of_poor(),
        Ask::to("listFleet", format!("{fleet}?repository=A")).status(400),
        Ask::to("listFleetTags", tags).shows(&[
            "/tags/*/current",
            "/tags/*/agents",
            "/tags/*/states",
            "/tags/*/digests",
        ]),
        Ask::to("listFleetTags", format!("{tags}?repository=plugins/a&n=1")).has("link"),
        Ask::to("listFleetTags", format!("{tags}?after=x")).status(400),
        Ask::to("getImpact", format!("{impact}&tag=v1")).shows(&[
            "/current",
            "/agents/*/plugin",
            "/agents/*/policy/policy",
            "/agents/*/movesWith",
            "/plugins/*/movesWith",
            "/plugins/*/reference",
            "/counts/moves",
        ]),
        Ask::to("getImpact", format!("{impact}&tag=v1&digest={}", world.old.digest)).shows(&["/new"]),
        Ask::to("getImpact", format!("{impact}&tag=nowhere")),
        Ask::to("getImpact", impact).status(400),
        Ask::to("reportStatus", status).body(&*report).shows(&["/plugins", "/leaseSecs"]),
        Ask::to("reportStatus", status).body("{}").status(400),
        Ask::to("reportStatus", status).body(report).of_poor().status(403),
        Ask::to("reportStatus", status)
            .body(format!(r#"{{"leaseSecs":1,"plugins":[{too_many}]}}"#))
            .status(413),
    ]
}

fn webhooks() -> Vec<Ask> {
    let letters = format!("{WEBHOOKS}/ci/dead-letters");
    let list = |query: &str| Ask::to("listDeadLetters", format!("{letters}{query}"));
    let retry = |id: u64| Ask::to("retryDeadLetter", format!("{letters}/{id}/retry"));
    let delete = |id: u64| Ask::to("deleteDeadLetter", format!("{letters}/{id}"));
    vec![
        Ask::to("listWebhooks", WEBHOOKS).shows(&[
            "/webhooks/*/types",
            "/webhooks/*/repositories",
            "/webhooks/*/cursor",
            "/webhooks/*/pending",
            "/webhooks/*/nextAttempt",
            "/webhooks/*/lastDelivered",
            "/webhooks/*/lastError",
            "/webhooks/*/deadLetters",
        ]),
        Ask::to("listWebhooks", WEBHOOKS).of_poor(),
        list("").shows(&["/deadLetters/*/event/tag", "/deadLetters/*/lost", "/deadLetters/*/attempts"]),
        list("?n=1&after=1").has("link").shows(&["/deadLetters/0/lastError"]),
        list("?after=1000"),
        list("?n=x").status(400),
        list("?after=x").status(400),
        list("").of_poor().status(404),
        retry(1).shows(&["/outcome"]),
        retry(1).status(404),
        retry(2).shows(&["/lastError"]),
        retry(1000).status(409),
        retry(2).of_poor().status(404),
        delete(2).status(204),
        delete(2).status(404),
        delete(1000).of_poor().status(404),
    ]
}

fn plugins() -> Vec<Ask> {
    let list = "/api/v1/wasmplugins";
    let (put, delete) = ("putWasmPlugin", "deleteWasmPlugin");
    let b = plugin("b", "oci://reg.io/plugins/a:v1");
    let c = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: c}\n";
    vec![
        Ask::to(put, format!("{PUT}/b")).body(&*b).shows(&["/repository", "/reference", "/priority"]),
        Ask::to(put, format!("{PUT}/c")).body(c).shows(&["/imagePullPolicy", "/phase"]),
        Ask::to(put, format!("{PUT}/other")).body(&*b).status(400),
        Ask::to(put, format!("{PUT}/b")).body(b).of_poor().status(409),
        Ask::to(put, format!("{PUT}/b")).body(" ".repeat((1 << 20) + 1)).status(413),
        Ask::to("listWasmPlugins", list).shows(&["/wasmplugins/*/policy", "/wasmplugins/*/repository"]),
        Ask::to("listWasmPlugins", format!("{list}?repository=plugins/a&reference=v1&n=1")).has("link"),
        Ask::to("listWasmPlugins", format!("{list}?n=x")).status(400),
        Ask::to(delete, format!("{PUT}/b")).status(204),
        Ask::to(delete, format!("{PUT}/b")).status(404),
        Ask::to(delete, format!("{PUT}/B")).status(400),
    ]
}

/// Resources of which each verb has something to say: a field of another name, a rule without effect, one that is dropped,
/// one of Istio's, and one of another kind.
const RESOURCES: &str = "\
apiVersion: extensions.higress.io/v1alpha1
kind: WasmPlugin
metadata: {name: p, namespace: higress-system, labels: {a: b}, annotations: {c: d}}
spec:
  url: oci://r.io/plugins/p:1.0.0
  imagePullPolicy: IfNotPresent
  imagePullSecret: s
  failStrategy: FAIL_OPEN
  piority: 1
  priority: 1
  vmConfig: {env: [{name: A, value: b}, {name: C, valueFrom: HOST}]}
  defaultConfig: {consumers: [{name: x}], global_auth: true, a: 1}
  matchRules:
  - {domain: [foo.com], config: {allow: [x]}}
  - {service: ['*.x'], config: {a: 2}}
  - {ingress: [ns/a], routeType: GRPC, config: {a: 3}}
  - {domain: [off.com], configDisable: true}
---
apiVersion: extensions.higress.io/v1alpha1
kind: WasmPlugin
metadata: {name: q}
spec: {url: 'oci://r.io/plugins/q:1.0.0', defaultConfigDisable: true}
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: r, namespace: higress-system}
spec:
  url: file:///opt/r.wasm
  sha256: '0000000000000000000000000000000000000000000000000000000000000000'
  phase: STATS
  failStrategy: FAIL_RELOAD
  selector: {matchLabels: {higress: higress-system-higress-gateway}}
  match: [{mode: CLIENT, ports: [{number: 80}]}]
  type: HTTP
  pluginConfig: {_rules_: [1]}
---
apiVersion: v1
kind: Secret
";

/// Rules that allow consumers, and rules that switch a plugin off.
const RULES: &str = "\
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: auth, namespace: higress-system}
spec:
  pluginConfig:
    consumers: [{name: x}]
    global_auth: false
    _rules_: [{_match_domain_: [foo.com], allow: [x]}]
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: switched, namespace: higress-system}
spec: {pluginConfig: {_rules_: [{_match_domain_: [off.com], _disable_: true, a: 1}]}}
";

/// Requests that come to every kind of decision.
fn decisions() -> Vec<Ask> {
    let ask = |query: &str| Ask::to("matchWasmPlugins", format!("{MATCH}?{query}")).body(RULES);
    vec![
        ask("authority=foo.com&flavour=cpp-auth&flavour=switched%3Dcpp")
            .shows(&["/plugins/*/decision/auth/allow", "/plugins/*/decision/reason"]),
        ask("authority=off.com&flavour=cpp-auth&flavour=switched%3Dcpp")
            .shows(&["/plugins/*/decision/auth/reason", "/plugins/*/decision/because"]),
        ask("flavour=go").shows(&["/plugins/*/decision/reason"]),
    ]
}

fn verbs() -> Vec<Ask> {
    let ask = |operation, path: String| Ask::to(operation, path).body(RESOURCES);
    let (convert, matching, chain, lint) =
        ("convertWasmPlugins", "matchWasmPlugins", "chainWasmPlugins", "lintWasmPlugins");
    let fault =
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: c}\nspec: {url: 1}\n";
    let mut asks = vec![
        ask(convert, CONVERT.to_owned()).shows(&[
            "/plugins/*/resource/spec/pluginConfig",
            "/plugins/*/rules",
            "/plugins/*/warnings/*/message",
            "/others/*/kind",
            "/unknown/*/path",
        ]),
        ask(convert, format!("{CONVERT}?fixed=true&namespace=gw&gateway-selector=a%3Db")),
        ask(matching, format!("{MATCH}?authority=foo.com&route=r&cluster=c&flavour=go")).shows(&[
            "/plugins/*/configureError/reason",
            "/plugins/*/decision/because",
            "/excluded/*/why",
        ]),
        ask(matching, format!("{MATCH}?authority=a.io"))
            .shows(&["/plugins/*/decision/passedOver/*/reason", "/plugins/*/decision/config"]),
        ask(matching, format!("{MATCH}?flavour=rust&flavour=p%3Dassemblyscript")),
        ask(chain, CHAIN.to_owned()).shows(&[
            "/plugins/*/why",
            "/plugins/*/notes",
            "/httpFilters/*/config_discovery",
            "/httpFilters/*/typed_config",
            "/resources/*/typed_config",
            "/conditionalFilters/*/when",
        ]),
        ask(chain, format!("{CHAIN}?gateway-namespace=a&root-namespace=b&label=a%3Db&port=80"))
            .shows(&["/excluded/*/why"]),
        ask(lint, LINT.to_owned()).shows(&["/findings/*/plugin", "/count", "/plugins"]),
        ask(lint, format!("{LINT}?level=info&disable=service-wildcard&flavour=go")).shows(&["/findings"]),
        ask(lint, format!("{LINT}?level=error&severity=service-wildcard%3Derror")).shows(&["/findings"]),
    ];
    for line in ["seed", "higress-1.19", "higress-1.27", "istio-1.27", "istio-1.30"] {
        let query = format!("line={line}&root-namespace=higress-system");
        asks.push(ask(matching, format!("{MATCH}?{query}")));
        asks.push(ask(chain, format!("{CHAIN}?{query}")));
    }
    for (operation, path) in [(convert, CONVERT), (matching, MATCH), (chain, CHAIN), (lint, LINT)] {
        asks.push(ask(operation, format!("{path}?x=1")).status(400));
        asks.push(Ask::to(operation, path).body("a: [").status(400).shows(&["/errors/0/detail/line"]));
        asks.push(Ask::to(operation, path).body(" ".repeat((1 << 20) + 1)).status(413));
    }
    let faulty = Ask::to(convert, CONVERT).body(fault).status(400);
    asks.push(faulty.shows(&["/errors/0/detail/faults/*/problem"]));
    asks
}

fn new() -> Vec<Ask> {
    let ask = |query: &str| Ask::to("newWasmPlugin", format!("{NEW}?{query}"));
    let most = "ref=r.io/plugins/a:1.0.0&name=k&namespace=gw&phase=AUTHZ&priority=-1&policy=Always&pull-secret=s&\
                fail-strategy=FAIL_OPEN&domain=a.io&domain=b.io";
    vec![
        ask("ref=plugins/a:1.0.0").shows(&["/spec/defaultConfig/keys"]).has("warning"),
        ask("ref=r.io/plugins/a:1.0.0&pin&ingress=ns/a").shows(&["/spec/matchRules/*/ingress"]),
        ask(most).shows(&["/spec/matchRules/*/domain", "/spec/defaultConfigDisable"]),
        ask("").status(400),
        ask("ref=plugins/a:nowhere").status(404),
        ask("ref=plugins/a:1.0.0&example=true").status(422),
    ]
}

fn content() -> Vec<Ask> {
    let module = |path: &str| Ask::to("getModule", path);
    let (file, text) = (format!("{FILES}/plugin.wasm"), format!("{FILES}/metadata.txt"));
    vec![
        Ask::to("getTagHistory", format!("{HISTORY}/v1/history?n=5")).shows(&["/history/*/digest"]),
        Ask::to("getTagHistory", format!("{HISTORY}/gone/history")).shows(&["/history/*/changedBy"]),
        Ask::to("getTagHistory", "/api/v1/repositories/plugins%2Fa/tags/v1/history").shows(&["/history"]),
        Ask::to("getTagHistory", format!("{HISTORY}/nowhere/history")).status(404),
        Ask::to("getTagHistory", format!("{HISTORY}/v1/history?n=x")).status(400),
        module(&file),
        module(&file).with("range", "bytes=0-9").status(206).has("content-range"),
        module(&file).with("range", "bytes=0-1,4-5").status(206),
        module(&file).with("range", "bytes=99999999-").status(416).has("content-range"),
        module(&file).with("if-none-match", "*").status(304),
        module("/plugins/a/nowhere/plugin.wasm").status(404),
        module("/plugins/A/1.0.0/plugin.wasm").status(400),
        Ask::to("getModuleMetadata", text),
        Ask::to("getModuleMetadata", "/plugins/a/nowhere/metadata.txt").status(404),
        Ask::to("getModuleMetadata", "/plugins/A/1.0.0/metadata.txt").status(400),
    ]
}

/// Whether something stands at `place` in `value`: neither null nor empty, nor zero.
pub(super) fn is_shown(value: &Value, place: &str) -> bool {
    let Some(rest) = place.strip_prefix('/') else {
        return match value {
            Value::Null => false,
            Value::Bool(is_so) => *is_so,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
        };
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (key, rest) = rest.split_at(end);
    let mut members: Box<dyn Iterator<Item = &Value>> = match (value, key) {
        (Value::Array(items), "*") => Box::new(items.iter()),
        (Value::Object(members), "*") => Box::new(members.values()),
        (Value::Array(items), index) => {
            Box::new(index.parse().ok().and_then(|index: usize| items.get(index)).into_iter())
        }
        _ => Box::new(value.get(key).into_iter()),
    };
    members.any(|member| is_shown(member, rest))
}
