//! `/api/v1/wasmplugins/<namespace>/<name>`: the `WasmPlugin`s that the registry was told of.

use http::Method;
use serde_json::Value;

use crate::fleet::{field, istio, rows};
use crate::harness::{Image, Refusal, Server, Setup};

pub(crate) fn resource(name: &str, url: &str, policy: &str) -> String {
    format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\n\
         spec: {{url: '{url}', imagePullPolicy: {policy}, phase: AUTHN, priority: 10}}\n"
    )
}

pub(crate) async fn track(server: &Server, name: &str, body: String) -> reqwest::Response {
    server.put(&format!("/api/v1/wasmplugins/higress-system/{name}"), body).await
}

async fn tracked(server: &Server, query: &str) -> Vec<Value> {
    let page = server.json(&format!("/api/v1/wasmplugins{query}")).await;
    page["wasmplugins"].as_array().expect("plugins").clone()
}

#[tokio::test]
async fn a_plugin_is_known_until_it_is_forgotten_and_over_a_restart() {
    let server = Server::start().await;
    let told = track(&server, "a", resource("a", "oci://reg.io/plugins/a:v1", "Always")).await;
    assert_eq!(told.status(), 200);
    let told: Value = told.json().await.expect("JSON");
    for (name, expected) in [
        ("namespace", "higress-system"),
        ("name", "a"),
        ("source", "api"),
        ("url", "oci://reg.io/plugins/a:v1"),
        ("repository", "plugins/a"),
        ("reference", "v1"),
        ("imagePullPolicy", "Always"),
        ("policy", "Always"),
        ("phase", "AUTHN"),
    ] {
        assert_eq!(field(&told, name), expected, "{name}");
    }
    track(&server, "b", resource("b", "oci://reg.io/plugins/b", "IfNotPresent")).await;
    let server = Setup::over(server.stopped().await).start().await;
    assert_eq!(tracked(&server, "").await.len(), 2);
    let pages = server.pages("/api/v1/wasmplugins?n=1").await;
    let names: Vec<_> =
        pages.iter().flat_map(|page| page["wasmplugins"].as_array().expect("plugins")).collect();
    assert_eq!(names.iter().map(|plugin| field(plugin, "name")).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(tracked(&server, "?repository=plugins/b&reference=latest").await.len(), 1);
    assert_eq!(server.delete("/api/v1/wasmplugins/higress-system/a").await.status(), 204);
    let gone = Refusal::of(server.delete("/api/v1/wasmplugins/higress-system/a").await).await;
    gone.says(404, "NAME_UNKNOWN", "higress-system/a", "again");
    assert_eq!(tracked(&server, "").await.len(), 1);
    server.stopped().await;
}

#[tokio::test]
async fn the_policy_of_an_agent_is_what_the_known_plugins_say_unless_they_disagree() {
    let server = Server::start().await;
    server.push("plugins/a", "v1", &Image::new(1)).await;
    istio(&server).pull("v1").await;
    rows(&server, "", |rows| rows.len() == 1 && rows[0]["fetches"] == 1).await;
    let policy = async || {
        let seen = rows(&server, "", |rows| rows.len() == 1).await;
        (field(&seen[0]["policy"], "policy").to_owned(), field(&seen[0]["policy"], "source").to_owned())
    };
    assert_eq!(policy().await, ("-".to_owned(), "inferred".to_owned()));
    track(&server, "a", resource("a", "oci://reg.io/plugins/a:v1", "IfNotPresent")).await;
    assert_eq!(policy().await, ("IfNotPresent".to_owned(), "declared".to_owned()));
    track(&server, "b", resource("b", "oci://reg.io/plugins/a:v1", "Always")).await;
    assert_eq!(policy().await, ("-".to_owned(), "inferred".to_owned()));
    server.stopped().await;
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_and_not_kept() {
    let server = Setup::new().fleet(|fleet| fleet.max_plugins = 1).start().await;
    let fine = || resource("a", "oci://reg.io/plugins/a:v1", "Always");
    let two = fine() + "---\n" + &resource("b", "oci://reg.io/plugins/b:v1", "Always");
    let wrong_field = resource("a", "oci://reg.io/plugins/a:v1", "Sometimes");
    for (path, body, status, code) in [
        ("n/a", "a: [".to_owned(), 400, "REQUEST_INVALID"),
        ("n/a", String::new(), 400, "REQUEST_INVALID"),
        ("n/a", two, 400, "REQUEST_INVALID"),
        ("n/a", wrong_field, 400, "REQUEST_INVALID"),
        ("n/b", fine(), 400, "REQUEST_INVALID"),
        ("N/a", fine(), 400, "REQUEST_INVALID"),
        ("n/a_b", fine(), 400, "REQUEST_INVALID"),
        ("n/a", "x".repeat((1 << 20) + 1), 413, "SIZE_INVALID"),
    ] {
        let refusal = Refusal::of(server.put(&format!("/api/v1/wasmplugins/{path}"), body).await).await;
        assert_eq!((refusal.status, refusal.code.as_str()), (status, code), "{path}: {}", refusal.message);
    }
    assert!(tracked(&server, "").await.is_empty());
    assert_eq!(track(&server, "a", fine()).await.status(), 200);
    assert_eq!(track(&server, "a", fine()).await.status(), 200, "the same one once more");
    let full =
        Refusal::of(track(&server, "b", resource("b", "oci://reg.io/plugins/b:v1", "Always")).await).await;
    full.says(409, "DENIED", "fleet.max_plugins", "one more");
    assert_eq!(tracked(&server, "").await.len(), 1);
    assert_eq!(
        server.request(Method::PATCH, "/api/v1/wasmplugins/n/a").send().await.expect("an answer").status(),
        405
    );
    server.stopped().await;
}
