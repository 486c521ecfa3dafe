//! Manners: request ids, faults that tell nothing of the inside, probes, figures, stopping, and who may open a store.

use std::time::Duration;

use crate::harness::{Image, Refusal, Server, Setup, Wire, bytes_of, digest_of, header_text, open_store};
use hwasm_registry::storage;
use reqwest::{Method, Response};

#[tokio::test]
async fn a_plain_request_id_is_echoed_and_any_other_replaced() {
    let server = Server::start().await;
    let longest = "x".repeat(64);
    let too_long = "x".repeat(65);
    let cases = [
        ("abc-123_4.5", true),
        (&longest, true),
        (&too_long, false),
        ("", false),
        ("two words", false),
        ("a\"b", false),
        ("<script>", false),
        ("a,b", false),
        ("ü", false),
    ];
    for path in ["/v2/", "/none", "/healthz"] {
        for (sent, echoed) in cases {
            let value = reqwest::header::HeaderValue::from_bytes(sent.as_bytes()).unwrap();
            let request = server.request(Method::GET, path).header("x-request-id", value);
            let response = request.send().await.unwrap();
            let id = header_text(&response, "x-request-id");
            assert_eq!(id == sent, echoed, "{path}: {sent} became {id}");
            assert!((1..=64).contains(&id.len()), "{id}");
        }
    }
}

#[tokio::test]
async fn requests_without_an_id_get_one_each() {
    let server = Server::start().await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..20 {
        assert!(ids.insert(header_text(&server.get("/v2/").await, "x-request-id").to_owned()));
    }
}

/// Asserts that an answer admits a fault and tells nothing else.
async fn is_a_silent_fault(response: Response, server: &Server) {
    assert_eq!(response.status(), 500);
    let id = header_text(&response, "x-request-id").to_owned();
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["errors"][0]["detail"]["requestId"], id.as_str());
    let refusal = Refusal::from_body(500, &body);
    refusal.says(500, "UNKNOWN", "the registry failed; its log has the cause", "a fault");
    let text = body.to_string();
    let dir = server.data_dir().display().to_string();
    for secret in [dir.as_str(), "blobs/", ".rs", "sqlite", "SELECT", "No such file", "missing"] {
        assert!(!text.contains(secret), "`{secret}` is told: {text}");
    }
}

fn blob_file(server: &Server, digest: &str) -> std::path::PathBuf {
    let hex = digest.trim_start_matches("sha256:");
    server.data_dir().join("blobs/sha256").join(&hex[..2]).join(hex)
}

#[tokio::test]
async fn a_blob_whose_file_is_gone_is_a_silent_fault() {
    let server = Server::start().await;
    let digest = server.push_blob("a", b"content").await;
    std::fs::remove_file(blob_file(&server, &digest)).unwrap();
    is_a_silent_fault(server.get(&format!("/v2/a/blobs/{digest}")).await, &server).await;
    // The rest goes on, and a push heals it.
    assert_eq!(server.get("/readyz").await.status(), 200);
    server.push_blob("a", b"content").await;
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).await.text().await.unwrap(), "content");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_a_silent_fault() {
    let server = Server::start().await;
    std::fs::remove_dir_all(server.data_dir().join("uploads")).unwrap();
    let path = format!("/v2/a/blobs/uploads/?digest={}", digest_of(b"content"));
    is_a_silent_fault(server.post(&path, "content").await, &server).await;
}

#[tokio::test]
async fn a_blob_that_turns_out_short_ends_the_connection_and_not_the_answer() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 1 << 20);
    let digest = server.push_blob("a", &bytes).await;
    let file = std::fs::File::options().write(true).open(blob_file(&server, &digest)).unwrap();
    file.set_len(1000).unwrap();
    // The connection may end before the head of the answer has left; either way the client must notice.
    let answer = server.request(Method::GET, &format!("/v2/a/blobs/{digest}")).send().await;
    if let Ok(response) = answer {
        assert_eq!(header_text(&response, "content-length"), "1048576");
        assert!(response.bytes().await.is_err());
    }
}

#[tokio::test]
async fn a_database_that_fails_is_told_by_readiness_but_not_by_health() {
    let server = Server::start().await;
    server.registry.close().await;
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.text().await.unwrap(), "the store does not answer\n");
    assert_eq!(server.get("/healthz").await.status(), 200);
    is_a_silent_fault(server.get("/v2/_catalog").await, &server).await;
}

#[tokio::test]
async fn probes_answer_in_one_line() {
    let server = Server::start().await;
    for (path, text) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let response = server.get(path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), text);
    }
}

#[tokio::test]
async fn metrics_count_requests_by_endpoint_method_and_status() {
    let server = Server::start().await;
    let digest = server.push_blob("a", b"content").await;
    for _ in 0..3 {
        server.get(&format!("/v2/a/blobs/{digest}")).await.bytes().await.unwrap();
    }
    server.get("/v2/a/manifests/none").await.bytes().await.unwrap();
    server.get("/plugins/none/1/plugin.wasm").await.bytes().await.unwrap();
    server.get("/secret/path").await.bytes().await.unwrap();
    server.request("BREW".parse().unwrap(), "/v2/").send().await.unwrap();
    let response = server.get("/metrics").await;
    assert!(header_text(&response, "content-type").starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    let expected = [
        "hwasm_registry_http_requests_total{method=\"GET\",endpoint=\"blob\",status=\"200\"} 3",
        "hwasm_registry_http_requests_total{method=\"POST\",endpoint=\"uploads\",status=\"201\"} 1",
        "hwasm_registry_http_response_body_bytes_total{endpoint=\"blob\"} 21",
        "hwasm_registry_http_request_duration_seconds_count{endpoint=\"blob\"} 3",
        "hwasm_registry_http_requests_total{method=\"GET\",endpoint=\"manifest\",status=\"404\"} 1",
        "hwasm_registry_http_requests_total{method=\"GET\",endpoint=\"plugin_module\",status=\"404\"} 1",
        "hwasm_registry_http_requests_total{method=\"GET\",endpoint=\"other\",status=\"404\"} 1",
        "hwasm_registry_http_requests_total{method=\"other\",endpoint=\"base\",status=\"405\"} 1",
        "hwasm_registry_http_requests_running 1",
    ];
    for line in expected {
        assert!(text.lines().any(|found| found == line), "`{line}` is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    for name in ["secret", "BREW", &digest] {
        assert!(!text.contains(name), "clients may not invent labels: {text}");
    }
}

#[tokio::test]
async fn a_client_that_vanishes_is_counted_too() {
    let server = Server::start().await;
    let digest = server.push_blob("a", &bytes_of(1, 8 << 20)).await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    wire.read(1000).await;
    let mut stuck = Wire::connect(server.address).await;
    stuck
        .send(format!(
            "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
        ))
        .await;
    drop((wire, stuck));
    crate::harness::eventually("no request runs but the one that asks", || async {
        let text = server.get("/metrics").await.text().await.unwrap();
        text.contains("hwasm_registry_http_requests_running 1\n")
    })
    .await;
}

#[tokio::test]
async fn stopping_lets_a_slow_download_finish() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 16 << 20);
    let digest = server.push_blob("a", &bytes).await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    let mut received = wire.read(100_000).await;
    let address = server.address;
    let stopping = tokio::spawn(server.stopped());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "no new connection is taken");
    assert!(!stopping.is_finished());
    received.extend(wire.rest().await);
    assert!(received.ends_with(&bytes), "{} bytes came", received.len());
    drop(wire);
    stopping.await.unwrap();
}

#[tokio::test]
async fn stopping_lets_a_slow_upload_finish_and_keeps_it() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 100_000);
    let digest = digest_of(&bytes);
    let mut wire = Wire::connect(server.address).await;
    let head = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    );
    wire.send(head).await;
    wire.send(&bytes[..50_000]).await;
    crate::harness::eventually("the upload runs", || async {
        crate::harness::Footprint::of(server.data_dir()).await.upload_files() == 1
    })
    .await;
    let stopping = tokio::spawn(server.stopped());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!stopping.is_finished());
    wire.send(&bytes[50_000..]).await;
    assert_eq!(wire.answer().await.status, 201);
    drop(wire);
    let server = Setup::over(stopping.await.unwrap()).start().await;
    assert!(server.get(&format!("/v2/a/blobs/{digest}")).await.bytes().await.unwrap() == bytes);
}

#[tokio::test]
async fn stopping_waits_for_nobody_who_asks_nothing() {
    let server = Server::start().await;
    let silent = Wire::connect(server.address).await;
    let mut rested = Wire::connect(server.address).await;
    rested.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(rested.answer().await.status, 200);
    let began = std::time::Instant::now();
    let hang_up_when_told = futures_util::future::join_all([silent, rested].map(|mut wire| async move {
        assert_eq!(wire.rest().await, b"");
    }));
    tokio::join!(server.stopped(), hang_up_when_told);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v1", &image).await;
    let server = Setup::over(server.stopped().await).start().await;
    assert_eq!(server.get("/v2/a/manifests/v1").await.bytes().await.unwrap(), image.bytes);
    for blob in &image.blobs {
        let path = format!("/v2/a/blobs/{}", digest_of(blob));
        assert_eq!(server.get(&path).await.bytes().await.unwrap(), blob.as_slice());
    }
}

#[tokio::test]
async fn a_store_that_is_open_is_not_opened_again() {
    let server = Server::start().await;
    let error = open_store(server.data_dir()).await.err().expect("it is in use");
    assert!(matches!(error, storage::Error::InUse { .. }), "{error}");
    let message = error.to_string();
    for part in [
        &server.data_dir().display().to_string(),
        &std::process::id().to_string(),
        "choose another directory",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(server.get("/readyz").await.status(), 200);
    assert!(open_store(server.stopped().await.path()).await.is_ok(), "afterwards it can be opened");
}

#[tokio::test]
async fn a_store_of_a_later_version_is_refused_unchanged() {
    let data_dir = Server::start().await.stopped().await;
    let future = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                  VALUES (999, 'from the future', 1, x'00', 0)";
    crate::harness::run_sql(data_dir.path(), future).await;
    let error = open_store(data_dir.path()).await.err().expect("it is too new");
    assert!(matches!(error, storage::Error::TooNew { .. }), "{error}");
    assert!(error.to_string().contains("was written by a later version; use that version"), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let server = Server::start().await;
    let config = hwasm_registry::server::Config { listen: server.address, ..Default::default() };
    let error = hwasm_registry::server::bind(&config).await.unwrap_err().to_string();
    assert!(error.contains(&format!("cannot listen on `{}`", server.address)), "{error}");
}
