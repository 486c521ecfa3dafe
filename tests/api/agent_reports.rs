//! `POST /api/v1/agents/<id>/status`: what agents say of themselves.

use http::Method;
use serde_json::{Value, json};

use crate::fleet::{Client, field, istio, rows};
use crate::harness::{Image, Refusal, Server, Setup};

/// One plugin of a report; `running` and `refused` may be null.
pub(crate) fn plugin(
    name: &str,
    tag: &str,
    policy: &str,
    running: Option<&str>,
    refused: Option<&str>,
) -> Value {
    json!({
        "namespace": "higress-system",
        "name": name,
        "url": format!("oci://registry.example/plugins/a:{tag}"),
        "imagePullPolicy": policy,
        "running": running,
        "refused": refused,
    })
}

pub(crate) async fn report(server: &Server, agent: &str, body: &Value) -> reqwest::Response {
    server.post(&format!("/api/v1/agents/{agent}/status"), body.to_string()).await
}

#[tokio::test]
async fn what_an_agent_reports_goes_before_what_its_requests_look_like() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "v1", &one).await;
    let agent = Client { node: Some("gw"), ..istio(&server) };
    agent.pull("v1").await;
    rows(&server, "", |rows| rows.len() == 1 && rows[0]["fetches"] == 1).await;
    let plugins = [
        plugin("always", "v1", "Always", Some(&one.digest), None),
        plugin("present", "v1", "IfNotPresent", Some(&one.digest), None),
        json!({ "name": "elsewhere", "url": "file:///opt/plugin.wasm" }),
    ];
    let said = report(&server, "gw", &json!({ "leaseSecs": 60, "watches": true, "plugins": plugins })).await;
    assert_eq!(said.json::<Value>().await.expect("JSON"), json!({ "plugins": 2, "leaseSecs": 60 }));
    server.push("plugins/a", "v1", &two).await;
    let seen = rows(&server, "", |rows| rows.len() == 2).await;
    let told: Vec<_> = seen
        .iter()
        .map(|row| {
            (field(row, "plugin"), field(row, "state"), field(&row["policy"], "source"), &row["movesWith"])
        })
        .collect();
    let (at_once, other) = (json!(["at-once", "new-version"]), json!(["new-reference"]));
    assert_eq!(
        told,
        [
            ("higress-system/always", "stale", "reported", &at_once),
            ("higress-system/present", "stale", "reported", &other),
        ]
    );
    // A new report takes the place of the old one.
    let plugins = [plugin("always", "v1", "Always", Some(&two.digest), None)];
    report(&server, "gw", &json!({ "leaseSecs": 60, "plugins": plugins })).await;
    let seen = rows(&server, "", |rows| rows.len() == 1).await;
    assert_eq!((field(&seen[0], "state"), field(&seen[0], "digest")), ("current", &*two.digest));
    server.stopped().await;
}

#[tokio::test]
async fn a_report_counts_until_its_lease_ends_and_over_a_restart() {
    let server = Server::start().await;
    let one = Image::new(1);
    server.push("plugins/a", "v1", &one).await;
    let plugins = [plugin("a", "v1", "Always", Some(&one.digest), None)];
    report(&server, "gw", &json!({ "leaseSecs": 3600, "plugins": plugins })).await;
    let server = Setup::over(server.stopped().await).start().await;
    let seen = rows(&server, "", |rows| rows.len() == 1).await;
    assert_eq!((field(&seen[0], "state"), seen[0]["resolves"].as_u64()), ("current", Some(0)));
    report(&server, "gw", &json!({ "leaseSecs": 0, "plugins": plugins })).await;
    let seen = rows(&server, "", |rows| field(&rows[0], "plugin") == "-").await;
    assert_eq!(field(&seen[0], "state"), "unknown", "it never asked, and says nothing any more");
    server.stopped().await;
}

#[tokio::test]
async fn a_refused_plugin_is_seen_and_told_once_for_each_reason() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "v1", &one).await;
    let say = async |running: &str, refused: Option<&str>| {
        let mut plugin = plugin("a", "v1", "Always", Some(running), refused);
        plugin["wanted"] = json!(two.digest);
        report(&server, "gw", &json!({ "leaseSecs": 60, "plugins": [plugin] })).await;
    };
    let refusals = async || {
        let page = server.json("/api/v1/events?type=plugin-refused").await;
        page["events"].as_array().expect("events").clone()
    };
    say(&one.digest, None).await;
    assert!(refusals().await.is_empty());
    server.push("plugins/a", "v1", &two).await;
    for reason in ["no room", "no room", "an Envoy refuses it"] {
        say(&one.digest, Some(reason)).await;
    }
    let seen = rows(&server, "", |rows| rows.len() == 1).await;
    assert_eq!((field(&seen[0], "state"), field(&seen[0], "refused")), ("stale", "an Envoy refuses it"));
    let events = refusals().await;
    assert_eq!(events.len(), 2, "{events:?}");
    let event = &events[0];
    assert_eq!(
        (field(event, "repository"), field(event, "tag"), field(event, "digest"), field(event, "actor")),
        ("plugins/a", "v1", &*two.digest, "gw")
    );
    say(&two.digest, Some("an Envoy refuses it")).await;
    let seen = rows(&server, "", |rows| field(&rows[0], "digest") == two.digest).await;
    assert_eq!(field(&seen[0], "state"), "refused", "it has the new one, and its Envoys do not");
    server.stopped().await;
}

#[tokio::test]
async fn an_agent_that_runs_a_child_of_the_tags_index_is_current() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("plugins/a", "child", &image).await;
    let index = Image::index(&[&image]);
    server.push_manifest("plugins/a", "v1", &index).await;
    let plugins = [plugin("a", "v1", "Always", Some(&image.digest), None)];
    report(&server, "gw", &json!({ "leaseSecs": 60, "plugins": plugins })).await;
    let seen = rows(&server, "", |rows| rows.len() == 1).await;
    assert_eq!((field(&seen[0], "state"), field(&seen[0], "current")), ("current", &*index.digest));
    server.stopped().await;
}

#[tokio::test]
async fn the_hosts_that_are_ours_can_be_named() {
    let only_other = |fleet: &mut hwasm_registry::fleet::Config| {
        fleet.hosts.insert("other.example".to_owned());
    };
    let server = Setup::new().fleet(only_other).start().await;
    let plugins = [plugin("a", "v1", "Always", None, None)];
    let said = report(&server, "gw", &json!({ "leaseSecs": 60, "plugins": plugins })).await;
    assert_eq!(said.json::<Value>().await.expect("JSON")["plugins"], 0);
    server.stopped().await;
}

#[tokio::test]
async fn bad_reports_are_refused_and_leave_nothing() {
    let server = Server::start().await;
    let plugins: Vec<Value> =
        (0..2001).map(|number| plugin(&format!("p{number}"), "v1", "", None, None)).collect();
    let long = "x".repeat(129);
    let huge = format!("{{\"leaseSecs\": 1, \"plugins\": [], \"x\": \"{}\"}}", "x".repeat(4 << 20));
    let fine = json!({ "leaseSecs": 60, "plugins": [] }).to_string();
    for (agent, body, status, code) in [
        ("gw", "{", 400, "REQUEST_INVALID"),
        ("gw", r#"{"plugins": []}"#, 400, "REQUEST_INVALID"),
        ("gw", r#"{"leaseSecs": -1, "plugins": []}"#, 400, "REQUEST_INVALID"),
        (
            "gw",
            r#"{"leaseSecs": 1, "plugins": [{"name": "a", "url": "oci://r.io/a", "running": "x"}]}"#,
            400,
            "REQUEST_INVALID",
        ),
        ("gw", &json!({ "leaseSecs": 1, "plugins": plugins }).to_string(), 413, "SIZE_INVALID"),
        ("gw", &huge, 413, "SIZE_INVALID"),
        (&long, &fine, 400, "REQUEST_INVALID"),
        ("a%20b", &fine, 400, "REQUEST_INVALID"),
        ("", &fine, 400, "REQUEST_INVALID"),
    ] {
        let refusal =
            Refusal::of(server.post(&format!("/api/v1/agents/{agent}/status"), body.to_owned()).await).await;
        assert_eq!((refusal.status, refusal.code.as_str()), (status, code), "{agent}: {}", refusal.message);
    }
    assert_eq!(server.get("/api/v1/agents/gw/status").await.status(), 405);
    assert_eq!(server.json("/api/v1/fleet").await["agents"], json!([]));
    server.stopped().await;
    let server = Setup::new().fleet(|fleet| fleet.enabled = false).start().await;
    let refusal = Refusal::of(
        server.request(Method::POST, "/api/v1/agents/gw/status").body(fine).send().await.expect("an answer"),
    )
    .await;
    refusal.says(403, "DENIED", "fleet.enabled", "off");
    server.stopped().await;
}
