//! What moving a tag does: `/api/v1/impact`, the summary of tags, the warning of a push, and the figures.

use http::header;
use serde_json::{Value, json};

use crate::agent_reports::{plugin, report};
use crate::fleet::{Client, field, istio, rows};
use crate::harness::{Image, Refusal, Server};
use crate::known_plugins::{resource, track};

const IMPACT: &str = "/api/v1/impact?repository=plugins/a&tag=v1";

/// Agents under every policy, all with the first image.
async fn fleet(server: &Server, one: &Image) {
    server.push("plugins/a", "v1", one).await;
    for (agent, policy, watches) in
        [("gw-follows", "Always", true), ("gw-waits", "Always", false), ("gw-stays", "IfNotPresent", true)]
    {
        let plugins = [plugin("a", "v1", policy, Some(&one.digest), None)];
        report(server, agent, &json!({ "leaseSecs": 600, "watches": watches, "plugins": plugins })).await;
    }
    istio(server).pull("v1").await;
    Client { user_agent: "crane/v0.22.1", ..istio(server) }.pull("v1").await;
    rows(server, "", |rows| rows.iter().filter(|row| row["fetches"] == 1).count() == 2).await;
}

fn effects(impact: &Value) -> Vec<(&str, &str)> {
    let agents = impact["agents"].as_array().expect("agents");
    agents.iter().map(|agent| (field(agent, "agent"), field(agent, "effect"))).collect()
}

#[tokio::test]
async fn each_agent_and_known_plugin_is_told_what_happens_to_it() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    fleet(&server, &one).await;
    let impact = server.json(IMPACT).await;
    assert_eq!(
        effects(&impact),
        [
            ("gw-follows", "moves"),
            ("gw-waits", "waits"),
            ("gw-stays", "stays"),
            ("127.0.0.1 istio", "unknown"),
        ]
    );
    let counts = json!({ "moves": 1, "waits": 1, "stays": 1, "unknown": 1, "unaffected": 0 });
    assert_eq!((&impact["counts"], field(&impact, "current")), (&counts, &*one.digest));
    // A plugin that is known settles what an agent of Istio does.
    track(&server, "a", resource("a", "oci://reg.io/plugins/a:v1", "IfNotPresent")).await;
    let impact = server.json(&format!("{IMPACT}&digest={}", two.digest)).await;
    assert_eq!(effects(&impact)[3], ("127.0.0.1 istio", "stays"));
    let known = &impact["plugins"][0];
    assert_eq!((field(known, "name"), field(known, "effect")), ("a", "stays"));
    assert_eq!(known["movesWith"], json!(["restart", "idle", "new-reference"]));
    // To what they have already, nothing happens.
    let impact = server.json(&format!("{IMPACT}&digest={}", one.digest)).await;
    assert!(effects(&impact).iter().all(|(_, effect)| *effect == "unaffected"), "{impact}");
    for (query, code) in [
        ("?repository=plugins/a", "REQUEST_INVALID"),
        ("?tag=v1", "REQUEST_INVALID"),
        ("?repository=plugins/a&tag=v1&digest=x", "DIGEST_INVALID"),
    ] {
        let refusal = Refusal::of(server.get(&format!("/api/v1/impact{query}")).await).await;
        assert_eq!((refusal.status, refusal.code.as_str()), (400, code), "{query}");
    }
    server.stopped().await;
}

#[tokio::test]
async fn a_push_that_moves_a_tag_is_told_how_many_stay_behind() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    fleet(&server, &one).await;
    for blob in &two.blobs {
        server.push_blob("plugins/a", blob).await;
    }
    let put = async |tag: &str| {
        let path = format!("/v2/plugins/a/manifests/{tag}");
        let response = server.put_manifest(&path, &two.media_type, two.bytes.clone()).await;
        assert_eq!(response.status(), 201);
        let warnings = response.headers().get_all(header::WARNING).iter();
        warnings.map(|warning| warning.to_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let behind = |warnings: &[String]| warnings.iter().find(|text| text.contains("behind")).cloned();
    assert_eq!(behind(&put("v2").await), None, "a new tag moves from nowhere");
    let warning = behind(&put("v1").await).expect("a warning");
    assert!(warning.starts_with("299 - \"`plugins/a:v1` has moved from sha256:"), "{warning}");
    assert!(warning.contains("3 of 4 agents stay behind: 1 under IfNotPresent"), "{warning}");
    assert_eq!(behind(&put("v1").await), None, "it did not move again");
    server.stopped().await;
}

#[tokio::test]
async fn tags_are_summed_up_and_counted_for_metrics() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    fleet(&server, &one).await;
    server.push("plugins/a", "v1", &two).await;
    server.push("plugins/b", "v1", &one).await;
    Client { node: Some("gw-follows"), ..istio(&server) }
        .get(http::Method::GET, "/v2/plugins/b/manifests/v1")
        .await;
    rows(&server, "?repository=plugins/b", |rows| rows.len() == 1).await;
    let pages = server.pages("/api/v1/fleet/tags?n=1").await;
    let tags: Vec<&Value> = pages.iter().flat_map(|page| page["tags"].as_array().expect("tags")).collect();
    let expected = json!({
        "repository": "plugins/a",
        "tag": "v1",
        "current": two.digest,
        "agents": 4,
        "states": { "stale": 4 },
        "digests": { (one.digest.as_str()): 4 },
        "otherClients": 1,
    });
    assert_eq!((tags.len(), tags[0]), (2, &expected));
    assert_eq!(tags[1]["states"], json!({ "resolved": 1 }));
    let figures = server.get("/metrics").await.text().await.expect("text");
    for line in [
        "hwasm_registry_agents{state=\"stale\"} 4",
        "hwasm_registry_agents{state=\"resolved\"} 1",
        "hwasm_registry_stale_agents{repository=\"plugins/a\",tag=\"v1\"} 4",
        "hwasm_registry_pulls_total{repository=\"plugins/a\",kind=\"istio\",outcome=\"fetched\"} 1",
        "hwasm_registry_pulls_total{repository=\"plugins/a\",kind=\"crane\",outcome=\"resolved\"} 1",
        "hwasm_registry_pulls_total{repository=\"plugins/b\",kind=\"agent\",outcome=\"resolved\"} 1",
    ] {
        assert!(figures.lines().any(|found| found == line), "{line}\n{figures}");
    }
    server.stopped().await;
}

#[tokio::test]
async fn the_first_pull_of_a_digest_is_an_event() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "v1", &one).await;
    let agent = Client { node: Some("gw"), ..istio(&server) };
    agent.pull("v1").await;
    agent.pull("v1").await;
    rows(&server, "", |rows| rows.first().is_some_and(|row| row["fetches"] == 2)).await;
    server.push("plugins/a", "v1", &two).await;
    agent.pull("v1").await;
    rows(&server, "", |rows| field(&rows[0], "fetched") == two.digest).await;
    let page = server.json("/api/v1/events?type=first-pull").await;
    let events: Vec<_> = page["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| (field(event, "digest"), field(event, "tag"), field(event, "actor")))
        .collect();
    assert_eq!(events, [(&*one.digest, "v1", "gw"), (&*two.digest, "v1", "gw")]);
    let refusal = Refusal::of(server.get("/api/v1/events?type=sneeze").await).await;
    refusal.says(400, "REQUEST_INVALID", "first-pull", "an unknown type");
    server.stopped().await;
}
