//! The log: one access line for every request, whatever becomes of it, and what nobody would hear of otherwise.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use crate::harness::{Image, Server, Setup, Wire, bytes_of, digest_of, eventually, temporary_dir};
use reqwest::Method;
use serde_json::Value;

/// What this process has logged; begun once, because a process has one log.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().json().flatten_event(true);
    lines.with_max_level(tracing::Level::INFO).with_writer(move || writer.clone()).init();
    log
});

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no test panics while it logs").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let bytes = self.0.lock().expect("no test panics while it logs").clone();
        let lines = String::from_utf8(bytes).expect("a log in UTF-8");
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        lines.filter(is_wanted).collect()
    }

    /// The access lines of one request.
    fn lines_of(&self, request_id: &str) -> Vec<Value> {
        self.lines(|line| line["target"] == "access" && line["request_id"] == request_id)
    }
}

/// The only line of a request, once it is there.
async fn line_of(request_id: &str) -> Value {
    eventually("an access line", || async { !LOG.lines_of(request_id).is_empty() }).await;
    let mut lines = LOG.lines_of(request_id);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

async fn server() -> Server {
    LazyLock::force(&LOG);
    Server::start().await
}

#[tokio::test]
async fn a_line_says_who_asked_what_and_what_came_of_it() {
    let server = server().await;
    server.push("plugins/a", "v1", &Image::new(1)).await;
    let request =
        server.request(Method::GET, "/v2/plugins/a/manifests/v1?x=1").header("user-agent", "agent/1.0");
    let body = request.header("x-request-id", "log-fields").send().await.unwrap().bytes().await.unwrap();
    let line = line_of("log-fields").await;
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["uri"], "/v2/plugins/a/manifests/v1?x=1");
    assert_eq!(line["status"], 200);
    assert_eq!(line["sent_bytes"], body.len());
    assert_eq!(line["complete"], true);
    assert_eq!(line["user_agent"], "agent/1.0");
    assert!(line["duration_us"].as_u64().unwrap() > 0);
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn every_request_leaves_one_line() {
    let server = server().await;
    let digest = server.push_blob("a", b"content").await;
    let blob = format!("/v2/a/blobs/{digest}");
    server.push("a", "v1", &Image::new(1)).await;
    let cases = [
        ("HEAD", "/v2/a/manifests/v1", 200, 0),
        ("GET", "/v2/", 200, 2),
        ("GET", &blob, 200, 7),
        ("HEAD", &blob, 200, 0),
        ("GET", "/v2/a/manifests/none", 404, -1),
        ("GET", "/v2/Bad/manifests/none", 400, -1),
        ("BREW", "/v2/", 405, -1),
        ("GET", "/none", 404, -1),
        ("GET", "/healthz", 200, 3),
        ("POST", "/v2/a/blobs/uploads/", 202, 0),
        ("DELETE", &blob, 202, 0),
    ];
    for (number, (method, path, status, sent)) in cases.into_iter().enumerate() {
        let id = format!("log-every-{number}");
        let request = server.request(method.parse().unwrap(), path).header("x-request-id", &id);
        request.send().await.unwrap().bytes().await.unwrap();
        let line = line_of(&id).await;
        assert_eq!((&line["method"], &line["status"]), (&method.into(), &status.into()), "{path}");
        assert!(sent < 0 || line["sent_bytes"] == sent, "{method} {path}: {line}");
        assert_eq!(line["complete"], true, "{method} {path}");
    }
}

#[tokio::test]
async fn a_download_that_breaks_off_is_not_complete() {
    let server = server().await;
    let digest = server.push_blob("a", &bytes_of(1, 16 << 20)).await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\nX-Request-Id: log-broken\r\n\r\n"))
        .await;
    wire.read(1000).await;
    drop(wire);
    let line = line_of("log-broken").await;
    assert_eq!(line["complete"], false);
    assert!(line["sent_bytes"].as_u64().unwrap() < 16 << 20, "{line}");
}

#[tokio::test]
async fn a_client_that_vanishes_before_its_answer_leaves_a_line_too() {
    let server = server().await;
    let lock = crate::harness::DatabaseLock::take(server.data_dir()).await;
    let digest = digest_of(b"content");
    let mut wire = Wire::connect(server.address).await;
    let head = "Host: x\r\nX-Request-Id: log-vanished\r\nContent-Length: 7";
    wire.send(format!("POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\n{head}\r\n\r\ncontent")).await;
    assert!(!wire.has_answer_within(std::time::Duration::from_millis(100)).await, "the answer waits");
    drop(wire);
    let line = line_of("log-vanished").await;
    assert_eq!((&line["status"], &line["complete"]), (&499.into(), &false.into()));
    lock.release().await;
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("hwasm_registry_http_requests_running 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_fault_is_logged_once_with_its_cause() {
    let server = server().await;
    let digest = server.push_blob("a", b"content").await;
    let hex = digest.trim_start_matches("sha256:");
    std::fs::remove_file(server.data_dir().join("blobs/sha256").join(&hex[..2]).join(hex)).unwrap();
    let request = server.request(Method::GET, &format!("/v2/a/blobs/{digest}"));
    assert_eq!(request.header("x-request-id", "log-fault").send().await.unwrap().status(), 500);
    assert_eq!(line_of("log-fault").await["status"], 500);
    let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    let causes: Vec<_> =
        log.lines().filter(|line| line.contains("log-fault") && line.contains("\"cause\"")).collect();
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert!(causes[0].contains("is recorded but its file is missing"), "{}", causes[0]);
}

#[tokio::test]
async fn control_characters_of_a_client_do_not_reach_the_log() {
    let server = server().await;
    let head = "Host: x\r\nX-Request-Id: log-control\r\nUser-Agent: a\tb\u{9b}31m";
    Wire::ask(server.address, format!("GET /v2/%0a%1b[31m HTTP/1.1\r\n{head}\r\n\r\n").into_bytes()).await;
    let line = line_of("log-control").await;
    assert_eq!(line["uri"], "/v2/%0a%1b[31m");
    let text = line.to_string();
    assert!(!text.contains(['\u{1b}', '\u{7f}', '\u{9b}']), "{text}");
}

#[tokio::test]
async fn a_wasmplugin_that_is_not_applied_is_logged_once_for_each_change() {
    LazyLock::force(&LOG);
    let directory = temporary_dir();
    let path = directory.path().to_owned();
    let lines = || LOG.lines(|line| line["directory"] == path.to_str().unwrap());
    let server = Setup::new().gateway(|gateway| gateway.wasmplugins = Some(path.clone())).start().await;
    for (text, logged) in [("a: [", 1), ("a: [", 1), ("", 1), ("a: [\n", 2), ("a: [\n", 2), ("a: b: c", 3)] {
        std::fs::write(path.join("a.yaml"), text).unwrap();
        assert_eq!(server.get("/debug/configz").await.status(), 200);
        assert_eq!(lines().len(), logged, "{text:?}: {:?}", lines());
    }
    let line = &lines()[0];
    assert_eq!(line["level"], "WARN");
    assert!(line["reason"].as_str().unwrap().contains("a.yaml"), "{line}");
}
