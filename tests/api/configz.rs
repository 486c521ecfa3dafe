//! `/debug/configz`: what Istio gets of the `WasmPlugin`s in a directory.

use std::fmt::Write as _;
use std::path::Path;

use crate::harness::{Refusal, Server, Setup, header_text, temporary_dir};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

const HIGRESS: &str = include_str!("../../src/gateway/convert/testdata/custom-response.yaml");
const ISTIO: &str = include_str!("../../src/gateway/convert/testdata/custom-response.istio.yaml");

/// A resource of the controller's namespace.
fn resource(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = temporary_dir();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("a temporary file can be written");
    }
    directory
}

async fn serve(directory: &Path) -> Server {
    Setup::new().gateway(|gateway| gateway.wasmplugins = Some(directory.to_owned())).start().await
}

async fn names(server: &Server) -> Vec<String> {
    let view = server.json("/debug/configz").await;
    let name = |resource: &Value| resource["metadata"]["name"].as_str().expect("a name").to_owned();
    view.as_array().expect("an array").iter().map(name).collect()
}

#[tokio::test]
async fn the_view_is_the_controllers_byte_for_byte() {
    let directory = directory(&[("custom-response.yaml", HIGRESS)]);
    let server = serve(directory.path()).await;
    let response = server.get("/debug/configz").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header_text(&response, "content-type"), "application/json");
    let compact = response.text().await.unwrap();
    assert_eq!(
        compact,
        concat!(
            r#"[{"kind":"WasmPlugin","apiVersion":"extensions.istio.io/v1alpha1","#,
            r#""metadata":{"name":"custom-response","namespace":"higress-system"},"#,
            r#""spec":{"imagePullPolicy":"Always","phase":"AUTHN","pluginConfig":{"_rules_":["#,
            r#"{"_match_domain_":["foo.com"],"body":"{\"hello\":\"foo\"}","headers":["key2=value2"]},"#,
            r#"{"_match_route_":["higress-course/ingress-bar"],"body":"{\"hello\":\"bar\"}","headers":["key3=value3"]},"#,
            r#"{"_match_service_":["echo-server.higress-course.svc.cluster.local"],"#,
            r#""body":"{\"hello\":\"echo server\"}","headers":["key4=value4"]}],"#,
            r#""body":"{\"hello\":\"foo\"}","headers":["key1=value1"]},"priority":200,"#,
            r#""selector":{"matchLabels":{"higress":"higress-system-higress-gateway"}},"#,
            r#""url":"oci://higress-registry.cn-hangzhou.cr.aliyuncs.com/plugins/custom-response:1.0.0"}}]"#
        )
    );
    let pretty = server.get("/debug/configz?pretty").await.text().await.unwrap();
    assert!(pretty.starts_with("[\n  {\n    \"kind\": \"WasmPlugin\",\n"), "{pretty}");
    let view: Value = serde_json::from_str(&compact).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&pretty).unwrap(), view);
    // The view itself is a text of resources, and one that conversion leaves alone.
    let again: Value = server.post("/api/v1/wasmplugins/convert", compact).await.json().await.unwrap();
    assert_eq!(again["plugins"][0]["outcome"], "unchanged");
    let answer: Value = server.post("/api/v1/wasmplugins/convert", ISTIO).await.json().await.unwrap();
    assert_eq!(answer["plugins"][0]["resource"], view[0]);
}

#[tokio::test]
async fn head_tells_the_length_of_the_view() {
    let directory = directory(&[("a.yaml", &resource("a", "{url: 'oci://r/p:1'}"))]);
    let server = serve(directory.path()).await;
    let length = server.get("/debug/configz").await.bytes().await.unwrap().len();
    assert_eq!(header_text(&server.head("/debug/configz").await, "content-length"), length.to_string());
}

#[tokio::test]
async fn every_change_shows_at_once() {
    let directory = directory(&[]);
    let server = serve(directory.path()).await;
    assert_eq!(server.get("/debug/configz").await.text().await.unwrap(), "[]");
    let path = directory.path().join("a.yaml");
    for (text, expected) in [
        (resource("b", "{}") + "---\n" + &resource("a", "{}"), vec!["a", "b"]),
        (resource("a", "{}"), vec!["a"]),
        ("a: [".to_owned(), vec![]),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(names(&server).await, expected);
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(names(&server).await, Vec::<String>::new());
    drop(directory);
    let refusal = Refusal::of(server.get("/debug/configz").await).await;
    refusal.says(500, "UNKNOWN", "its log has the cause", "the directory is gone");
}

#[tokio::test]
async fn what_istio_does_not_get_is_not_in_it() {
    let istio =
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: istio}\nspec: {}\n";
    let elsewhere = "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\n\
                     metadata: {name: ignored, namespace: default}\nspec: {}\n";
    let directory = directory(&[
        ("b.yaml", &resource("b", "{}")),
        ("dropped.yaml", &resource("dropped", "{defaultConfigDisable: true}")),
        ("refused.yaml", &resource("refused", "{matchRules: [{config: {}}]}")),
        ("ignored.yaml", elsewhere),
        ("istio.yaml", istio),
        ("fault.yaml", &resource("fault", "{priority: high}")),
        ("unreadable.yaml", "a: [\n"),
        ("other.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"),
        ("notes.txt", &resource("notes", "{}")),
        (
            "a.json",
            r#"{"apiVersion":"extensions.higress.io/v1alpha1","kind":"WasmPlugin","metadata":{"name":"a"}}"#,
        ),
    ]);
    let server = serve(directory.path()).await;
    assert_eq!(names(&server).await, ["a", "b"]);
}

#[tokio::test]
async fn of_two_resources_with_one_name_the_later_one_counts() {
    let first = resource("a", "{url: 'oci://r/first'}");
    for (second, expected) in [
        ("{url: 'oci://r/second'}", json!(["oci://r/second"])),
        // The controller withdraws the plugin.
        ("{url: 'oci://r/second', defaultConfigDisable: true}", json!([])),
        // The controller keeps what it made of the version before.
        ("{url: 'oci://r/second', matchRules: [{config: {}}]}", json!(["oci://r/first"])),
        // The API server keeps the version before.
        ("{url: 2}", json!(["oci://r/first"])),
    ] {
        let directory = directory(&[("1.yaml", &first), ("2.yaml", &resource("a", second))]);
        let server = serve(directory.path()).await;
        let view = server.json("/debug/configz").await;
        let urls: Vec<_> = view.as_array().unwrap().iter().map(|plugin| &plugin["spec"]["url"]).collect();
        assert_eq!(json!(urls), expected, "{second}");
    }
}

#[tokio::test]
async fn the_configured_installation_is_the_one_that_is_meant() {
    let directory = directory(&[("a.yaml", &resource("a", "{}"))]);
    let setup = Setup::new().gateway(|gateway| {
        gateway.wasmplugins = Some(directory.path().to_owned());
        gateway.namespace = "gw".to_owned();
        gateway.gateway_selector = Some("app=my-gw".parse().unwrap());
    });
    let server = setup.start().await;
    let view = server.json("/debug/configz").await;
    assert_eq!(view[0]["metadata"]["namespace"], "gw");
    assert_eq!(view[0]["spec"]["selector"], json!({ "matchLabels": { "app": "my-gw" } }));
}

#[tokio::test]
async fn files_beyond_64_mebibytes_are_left_out() {
    let small = resource("small", "{}");
    let directory = directory(&[("z.yaml", &small)]);
    let mut padded = resource("padded", "{}");
    let padding = (16 << 20) - padded.len();
    writeln!(padded, "#{}", "x".repeat(padding - 2)).unwrap();
    assert_eq!(padded.len(), 16 << 20);
    for name in ["1.yaml", "2.yaml", "3.yaml"] {
        std::fs::write(directory.path().join(name), &padded).unwrap();
    }
    let server = serve(directory.path()).await;
    let fourth = directory.path().join("4.yaml");
    std::fs::write(&fourth, &padded[..padded.len() - small.len()]).unwrap();
    assert_eq!(names(&server).await, ["padded", "small"]);
    std::fs::write(&fourth, &padded[..=padded.len() - small.len()]).unwrap();
    assert_eq!(names(&server).await, ["padded"], "one byte too many");
}

#[tokio::test]
async fn without_a_directory_there_is_no_view() {
    let server = Server::start().await;
    let refusal = Refusal::of(server.get("/debug/configz").await).await;
    refusal.says(404, "UNSUPPORTED", "--wasmplugins DIR", "no directory");
    for path in ["/debug", "/debug/", "/debug/syncz", "/debug/configz/"] {
        Refusal::of(server.get(path).await).await.says(404, "UNSUPPORTED", "nothing at this path", path);
    }
    let posted = server.request(Method::POST, "/debug/configz").send().await.unwrap();
    assert_eq!(header_text(&posted, "allow"), "GET, HEAD");
    Refusal::of(posted).await.says(405, "UNSUPPORTED", "GET, HEAD", "POST");
}
