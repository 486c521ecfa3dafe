//! `/api/v1/fleet`: who pulled what, told from requests alone.

use std::time::Duration;

use http::{Method, header};
use hwasm_registry::artifact::Layout;
use serde_json::Value;

use crate::harness::{Image, Refusal, Server, Setup, digest_of, module, packed};

/// A client as the registry sees it.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Server,
    pub(crate) user_agent: &'a str,
    pub(crate) node: Option<&'a str>,
}

impl Client<'_> {
    pub(crate) async fn get(&self, method: Method, path: &str) -> reqwest::Response {
        let mut request = self.server.request(method, path).header(header::USER_AGENT, self.user_agent);
        if let Some(node) = self.node {
            request = request.header("hwasm-node-id", node);
        }
        request.send().await.expect("an answer")
    }

    /// Asks what a tag names.
    pub(crate) async fn resolve(&self, reference: &str) -> String {
        let manifest = self.get(Method::GET, &format!("/v2/plugins/a/manifests/{reference}")).await;
        manifest.text().await.expect("a manifest")
    }

    /// What an agent of Istio does (its requests in this order, with no other): ping, manifest, last layer.
    pub(crate) async fn pull(&self, reference: &str) {
        self.get(Method::GET, "/v2/").await;
        let manifest: Value = serde_json::from_str(&self.resolve(reference).await).expect("JSON");
        let layers = manifest["layers"].as_array().expect("layers");
        let digest = layers.last().expect("a layer")["digest"].as_str().expect("a digest");
        let blob = self.get(Method::GET, &format!("/v2/plugins/a/blobs/{digest}")).await;
        blob.bytes().await.expect("a layer");
    }
}

pub(crate) fn istio(server: &Server) -> Client<'_> {
    Client { server, user_agent: "go-containerregistry/v0.21.6", node: None }
}

/// The rows, once there are so many and `condition` holds.
pub(crate) async fn rows(server: &Server, query: &str, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..200 {
        let page = server.json(&format!("/api/v1/fleet{query}")).await;
        let rows = page["agents"].as_array().expect("rows").clone();
        if condition(&rows) {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not in ten seconds: {}", server.json("/api/v1/fleet").await);
}

pub(crate) fn field<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("-")
}

#[tokio::test]
async fn a_fetch_a_resolve_and_a_moved_tag_are_told_apart() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "v1", &one).await;
    let always = Client { node: Some("gw-always"), ..istio(&server) };
    let if_not_present = Client { node: Some("gw-present"), ..istio(&server) };
    let looks = Client { user_agent: "crane/v0.22.1 go-containerregistry/v0.22.1", ..istio(&server) };
    for client in [always, if_not_present] {
        client.pull("v1").await;
    }
    always.resolve("v1").await;
    looks.resolve("v1").await;
    let seen = rows(&server, "?reference=v1", |rows| rows.len() == 3 && rows[0]["resolves"] == 2).await;
    let states: Vec<_> = seen.iter().map(|row| (field(row, "agent"), field(row, "state"))).collect();
    assert_eq!(
        states,
        [("gw-always", "current"), ("gw-present", "current"), ("127.0.0.1 crane", "resolved")]
    );
    assert_eq!((field(&seen[0]["policy"], "policy"), field(&seen[1]["policy"], "policy")), ("Always", "-"));
    assert_eq!((field(&seen[0], "kind"), seen[0]["fetches"].as_u64()), ("agent", Some(1)));
    assert_eq!(seen[0]["bytes"].as_u64(), Some(100));

    server.push("plugins/a", "v1", &two).await;
    if_not_present.resolve("v2").await;
    always.pull("v1").await;
    let seen = rows(&server, "?reference=v1", |rows| {
        field(&rows[0], "state") == "current" && field(&rows[0], "fetched") == two.digest
    })
    .await;
    let states: Vec<_> = seen.iter().map(|row| (field(row, "agent"), field(row, "state"))).collect();
    assert_eq!(states, [("gw-always", "current"), ("gw-present", "stale"), ("127.0.0.1 crane", "stale")]);
    let present = &seen[1];
    assert_eq!((field(present, "digest"), field(present, "current")), (&*one.digest, &*two.digest));
    assert_eq!(field(&present["policy"], "policy"), "IfNotPresent");
    assert_eq!(field(&present["policy"], "confidence"), "medium", "it was there, and did not ask");
    assert_eq!(present["movesWith"], serde_json::json!(["new-reference"]), "{present}");
    let absent = rows(&server, "?reference=v2", |rows| rows.len() == 1).await;
    assert_eq!((field(&absent[0], "state"), absent[0]["status"].as_u64()), ("refused", Some(404)));
    server.stopped().await;
}

#[tokio::test]
async fn what_was_given_last_counts_though_it_was_given_before() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    for image in [&one, &two, &one] {
        server.push("plugins/a", "v1", image).await;
        istio(&server).resolve("v1").await;
    }
    let seen = rows(&server, "", |rows| rows.first().is_some_and(|row| row["resolves"] == 3)).await;
    assert_eq!((field(&seen[0], "digest"), field(&seen[0], "state")), (&*one.digest, "resolved"));

    let etag = format!("\"{}\"", one.digest);
    let request = server.request(Method::GET, "/v2/plugins/a/manifests/v1").header("hwasm-node-id", "knows");
    let answer = request.header(header::IF_NONE_MATCH, etag).send().await.expect("an answer");
    assert_eq!(answer.status(), 304);
    let seen = rows(&server, "", |rows| rows.len() == 2).await;
    assert_eq!((field(&seen[1], "agent"), field(&seen[1], "state")), ("knows", "resolved"));
    server.stopped().await;
}

#[tokio::test]
async fn a_layer_counts_through_an_index_and_only_when_it_was_sent_whole() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("plugins/a", "child", &image).await;
    let index = Image::index(&[&image]);
    server.push_manifest("plugins/a", "v1", &index).await;
    let client = istio(&server);
    client.resolve("v1").await;
    client.pull(&image.digest).await;
    let seen =
        rows(&server, "?reference=v1", |rows| rows.first().is_some_and(|row| row["fetches"] == 1)).await;
    assert_eq!((field(&seen[0], "state"), field(&seen[0], "agent")), ("current", "127.0.0.1 istio"));
    let pinned = rows(&server, &format!("?reference={}", image.digest), |rows| rows.len() == 1).await;
    assert_eq!((field(&pinned[0], "state"), field(&pinned[0]["policy"], "policy")), ("pinned", "Pinned"));
    let part = server.request(Method::GET, &format!("/v2/plugins/a/blobs/{}", digest_of(&image.blobs[1])));
    part.header(header::RANGE, "bytes=0-9").send().await.expect("an answer");
    client.resolve("v1").await;
    let seen = rows(&server, "?reference=v1", |rows| rows[0]["resolves"] == 2).await;
    assert_eq!(seen[0]["fetches"], 1, "a part is no module");
    server.stopped().await;
}

#[tokio::test]
async fn files_of_plugins_count_too() {
    let server = Server::start().await;
    let image = packed(&module(1), Layout::Compat);
    server.push("plugins/a", "1.0.0", &image).await;
    let client = Client { server: &server, user_agent: "Go-http-client/1.1", node: None };
    let file = client.get(Method::GET, "/plugins/a/1.0.0/plugin.wasm").await;
    let etag = file.headers()[header::ETAG].to_str().expect("text").to_owned();
    file.bytes().await.expect("a module");
    server.get_with("/plugins/a/1.0.0/plugin.wasm", header::IF_NONE_MATCH, &etag).await;
    let seen = rows(&server, "?repository=plugins/a", |rows| {
        rows.iter().map(|row| row["resolves"].as_u64().unwrap_or(0)).sum::<u64>() == 2
    })
    .await;
    assert_eq!((field(&seen[0], "kind"), field(&seen[0], "state")), ("plugin-file", "current"));
    assert_eq!(seen[0]["fetches"], 1);
    server.stopped().await;
}

#[tokio::test]
async fn what_is_known_survives_a_restart_and_is_written_down_at_the_end() {
    let server = Server::start().await;
    server.push("plugins/a", "v1", &Image::new(1)).await;
    istio(&server).pull("v1").await;
    let server = Setup::over(server.stopped().await).start().await;
    let page = server.json("/api/v1/fleet").await;
    assert_eq!(page["agents"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["agents"][0]["fetches"], 1);
    server.stopped().await;
}

#[tokio::test]
async fn addresses_and_the_whole_ledger_can_be_turned_off() {
    for (addresses, expected) in [("network", "127.0.0.0/24 istio"), ("off", "- istio")] {
        let server = Setup::new()
            .fleet(|fleet| fleet.addresses = serde_json::from_value(addresses.into()).expect("a detail"))
            .start()
            .await;
        server.push("plugins/a", "v1", &Image::new(1)).await;
        istio(&server).resolve("v1").await;
        let seen = rows(&server, "", |rows| !rows.is_empty()).await;
        assert_eq!(field(&seen[0], "agent"), expected);
        server.stopped().await;
    }
    let server = Setup::new().fleet(|fleet| fleet.enabled = false).start().await;
    server.push("plugins/a", "v1", &Image::new(1)).await;
    istio(&server).pull("v1").await;
    let server = Setup::over(server.stopped().await).start().await;
    assert_eq!(server.json("/api/v1/fleet").await["agents"], serde_json::json!([]));
    server.stopped().await;
}

#[tokio::test]
async fn forged_headers_and_many_names_stay_within_bounds() {
    let server = Setup::new()
        .fleet(|fleet| (fleet.max_agents, fleet.max_pulls, fleet.queue) = (5, 8, 4))
        .start()
        .await;
    server.push("plugins/a", "v1", &Image::new(1)).await;
    let long = "x".repeat(5000);
    for number in 0..40 {
        let node = format!("{number}-{long}");
        Client { node: Some(&node), ..istio(&server) }.resolve(&format!("tag-{number}")).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let data_dir = server.stopped().await;
    let server =
        Setup::over(data_dir).fleet(|fleet| (fleet.max_agents, fleet.max_pulls) = (5, 3)).start().await;
    let seen = rows(&server, "", |rows| rows.len() <= 3).await;
    assert!(seen.iter().all(|row| field(row, "agent").len() <= 128), "{seen:?}");
    let metrics = server.get("/metrics").await.text().await.expect("figures");
    assert!(metrics.contains("hwasm_registry_pulls_dropped"), "{metrics}");
    server.stopped().await;
}

#[tokio::test]
async fn rows_come_in_pages_and_wrong_questions_are_refused() {
    let server = Server::start().await;
    for number in 0..5 {
        Client { node: Some(&format!("gw-{number}")), ..istio(&server) }.resolve("v1").await;
    }
    rows(&server, "", |rows| rows.len() == 5).await;
    let pages = server.pages("/api/v1/fleet?n=2&repository=plugins/a").await;
    let agents: Vec<_> = pages.iter().flat_map(|page| page["agents"].as_array().expect("rows")).collect();
    assert_eq!((pages.len(), agents.len()), (3, 5));
    for (query, code) in [
        ("?repository=A", "NAME_INVALID"),
        ("?reference=.", "TAG_INVALID"),
        ("?after=x", "PAGINATION_NUMBER_INVALID"),
        ("?n=x", "PAGINATION_NUMBER_INVALID"),
    ] {
        let refusal = Refusal::of(server.get(&format!("/api/v1/fleet{query}")).await).await;
        assert_eq!((refusal.status, refusal.code.as_str()), (400, code), "{query}");
    }
    assert_eq!(server.post("/api/v1/fleet", "").await.status(), 405);
    server.stopped().await;
}
