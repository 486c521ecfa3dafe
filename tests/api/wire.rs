//! The server on the wire: bytes that no HTTP client would send, clients that vanish, clients that are slow.

use std::time::{Duration, Instant};

use crate::harness::{
    Answer, Footprint, Image, Refusal, Server, Setup, Wire, bytes_of, client, digest_of, eventually,
};
use hwasm_registry::oci::media_type;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str = "HTTP/1.1\r\nHost: registry\r\n";

#[tokio::test]
async fn what_is_not_http_gets_a_400_status_line() {
    let server = Server::start().await;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a TLS hello", client_hello()),
        ("an SSL 2 hello", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10".to_vec()),
        ("garbage", b"\x00\x01\x02\x03\r\n\r\n".to_vec()),
        ("words", b"hello there\r\n\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        ("a version that never was", b"GET /v2/ HTTP/7.3\r\n\r\n".to_vec()),
        ("a space too many", b"GET  /v2/ HTTP/1.1\r\n\r\n".to_vec()),
        ("a header without colon", format!("GET /v2/ {HEAD}nonsense\r\n\r\n").into_bytes()),
        ("a header with NUL", format!("GET /v2/ {HEAD}X: a\0b\r\n\r\n").into_bytes()),
        ("a space before the colon", format!("GET /v2/ {HEAD}X : a\r\n\r\n").into_bytes()),
        (
            "a length that is none",
            format!("PUT /v2/a/manifests/b {HEAD}Content-Length: x\r\n\r\n").into_bytes(),
        ),
        ("a negative length", format!("PUT /v2/a/manifests/b {HEAD}Content-Length: -1\r\n\r\n").into_bytes()),
        (
            "a length beyond counting",
            format!("PUT /v2/a/manifests/b {HEAD}Content-Length: 99999999999999999999\r\n\r\n").into_bytes(),
        ),
        (
            "two lengths",
            format!("PUT /v2/a/manifests/b {HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx")
                .into_bytes(),
        ),
        (
            "an unknown coding",
            format!("PUT /v2/a/manifests/b {HEAD}Transfer-Encoding: gzip\r\n\r\n").into_bytes(),
        ),
    ];
    for (case, request) in cases {
        let answer = Wire::ask(server.address, request).await;
        assert!(answer.status_line.starts_with("HTTP/1.1 400"), "{case}: {}", answer.status_line);
    }
    assert_eq!(server.get("/v2/").await.status(), 200);
}

/// The start of a TLS 1.2 handshake: a record header and a `ClientHello` that names one cipher.
fn client_hello() -> Vec<u8> {
    let mut hello = vec![0x03, 0x03];
    hello.extend(bytes_of(1, 32));
    hello.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let length = u8::try_from(hello.len()).expect("it fits");
    let mut record = vec![0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test]
async fn a_real_tls_client_is_told_in_plain_http() {
    let server = Server::start().await;
    let spy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v2/", spy.local_addr().unwrap());
    let request = tokio::spawn(async move { client(|builder| builder).get(url).send().await });
    let (mut near, _) = spy.accept().await.unwrap();
    let mut far = TcpStream::connect(server.address).await.unwrap();
    let mut hello = vec![0; 16 << 10];
    let length = near.read(&mut hello).await.unwrap();
    assert_eq!(hello[0], 0x16, "the client speaks TLS");
    far.write_all(&hello[..length]).await.unwrap();
    let mut answer = vec![0; 1 << 10];
    let length = far.read(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..length]);
    assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
    near.write_all(&answer[..length]).await.unwrap();
    drop(near);
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let server = Server::start().await;
    let many = "X: 1\r\n".repeat(200);
    let cases = [
        (format!("GET /v2/{} {HEAD}\r\n", "a".repeat(70_000)), 414),
        (format!("GET /v2/ {HEAD}{many}\r\n"), 431),
        (format!("GET /v2/ {HEAD}X: {}\r\n\r\n", "a".repeat(1 << 20)), 431),
    ];
    for (request, status) in cases {
        assert_eq!(Wire::ask(server.address, request).await.status, status);
    }
    assert_eq!(server.get("/v2/").await.status(), 200);
}

/// Asks on a connection of its own; the error answer.
async fn refusal(server: &Server, request: impl AsRef<[u8]>) -> Refusal {
    let answer = Wire::ask(server.address, request).await;
    refusal_of(&answer)
}

fn refusal_of(answer: &Answer) -> Refusal {
    Refusal::from_body(answer.status, &serde_json::from_slice(&answer.body).expect("an error body"))
}

#[tokio::test]
async fn paths_that_clients_would_tidy_are_refused_as_they_are() {
    let server = Server::start().await;
    for path in [
        "/v2/a/../b/manifests/v1",
        "/v2/a/%2e%2e/b/manifests/v1",
        "/v2/./a/manifests/v1",
        "/v2//a/manifests/v1",
    ] {
        let refusal = refusal(&server, format!("GET {path} {HEAD}\r\n")).await;
        refusal.says(400, "NAME_INVALID", "lower-case letters and digits", path);
    }
    let refusal = refusal(&server, format!("GET /v2/../../etc/passwd {HEAD}\r\n")).await;
    refusal.says(404, "UNSUPPORTED", "none of the distribution API's", "no endpoint");
}

#[tokio::test]
async fn unusual_but_correct_requests_are_answered() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v1", &image).await;
    for request in [
        format!("GET http://registry/v2/a/manifests/v1 {HEAD}\r\n"),
        "GET /v2/a/manifests/v1 HTTP/1.0\r\n\r\n".to_owned(),
        format!("\r\nGET /v2/a/manifests/v1 {HEAD}\r\n"),
        format!("GET /v2/a/manifests/v1?x=%FF&%00 {HEAD}Connection: close\r\n\r\n"),
    ] {
        let answer = Wire::ask(server.address, &request).await;
        assert_eq!(answer.status, 200, "{request}");
        assert_eq!(answer.body, image.bytes, "{request}");
        assert_eq!(answer.header("content-type"), image.media_type, "{request}");
    }
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let server = Server::start().await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("GET /healthz {HEAD}\r\nGET /v2/ {HEAD}\r\nGET /none {HEAD}\r\n")).await;
    assert_eq!(wire.answer().await.body, b"ok\n");
    assert_eq!(wire.answer().await.body, b"{}");
    assert_eq!(wire.answer().await.status, 404);
}

#[tokio::test]
async fn the_coding_decides_where_a_length_contradicts_it() {
    let server = Server::start().await;
    let digest = digest_of(b"hello");
    let request = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} {HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    );
    // One way or the other, but never a blob of three bytes and the rest as a next request.
    let answer = Wire::ask(server.address, request).await;
    assert!(matches!(answer.status, 201 | 400), "{}", answer.status_line);
}

#[tokio::test]
async fn a_body_in_broken_chunks_is_refused_and_leaves_nothing() {
    let server = Server::start().await;
    let before = Footprint::of(server.data_dir()).await;
    let digest = digest_of(b"hello");
    let targets = [
        (format!("POST /v2/a/blobs/uploads/?digest={digest}"), "BLOB_UPLOAD_INVALID"),
        ("PUT /v2/a/manifests/v1".to_owned(), "MANIFEST_INVALID"),
    ];
    for (target, code) in targets {
        for body in ["zz\r\nhello\r\n0\r\n\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "fffffffffffffffff\r\n"] {
            let type_header = format!("Content-Type: {}\r\n", media_type::OCI_MANIFEST);
            let request = format!("{target} {HEAD}{type_header}Transfer-Encoding: chunked\r\n\r\n{body}");
            refusal(&server, request).await.says(400, code, "the request body ended early", body);
        }
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn a_client_that_half_closes_before_its_body_ends_is_told() {
    let server = Server::start().await;
    let before = Footprint::of(server.data_dir()).await;
    for target in [
        format!("POST /v2/a/blobs/uploads/?digest={}", digest_of(b"hello")),
        "PUT /v2/a/manifests/v1".to_owned(),
    ] {
        let mut wire = Wire::connect(server.address).await;
        wire.send(format!("{target} {HEAD}Content-Length: 5\r\n\r\nhel")).await;
        wire.finish_sending().await;
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{target}: {answer}");
    }
    eventually("nothing is left", || async { Footprint::of(server.data_dir()).await == before }).await;
}

#[tokio::test]
async fn a_client_that_vanishes_at_any_stage_leaves_no_trace() {
    let server = Server::start().await;
    server.push("a", "v1", &Image::new(1)).await;
    let before = Footprint::of(server.data_dir()).await;
    let blob = bytes_of(5, 300_000);
    let digest = digest_of(&blob);
    let type_header = format!("Content-Type: {}", media_type::OCI_MANIFEST);
    let manifest = Image::with(2, |manifest| manifest["layers"] = serde_json::json!([])).bytes;
    let requests = [
        (
            format!("POST /v2/a/blobs/uploads/?digest={digest} {HEAD}Content-Length: 300000\r\n\r\n"),
            &blob[..299_999],
        ),
        (
            format!(
                "PUT /v2/a/manifests/v2 {HEAD}{type_header}\r\nContent-Length: {}\r\n\r\n",
                manifest.len()
            ),
            &manifest[..manifest.len() - 1],
        ),
        (format!("GET /v2/a/manifests/v1 {HEAD}\r\n"), &[][..]),
    ];
    for (head, body) in &requests {
        let whole = [head.as_bytes(), body].concat();
        for cut in
            [0, 1, 10, head.len() / 2, head.len() - 1, head.len(), head.len() + body.len() / 2, whole.len()]
        {
            let mut wire = Wire::connect(server.address).await;
            wire.send(&whole[..cut.min(whole.len())]).await;
        }
    }
    eventually("nothing is left", || async { Footprint::of(server.data_dir()).await == before }).await;
    let tags = server.json("/v2/a/tags/list").await;
    assert_eq!(tags["tags"], serde_json::json!(["v1"]));
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).await.status(), 404);
}

#[tokio::test]
async fn a_client_that_vanishes_within_a_chunk_goes_on_where_it_broke_off() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 400_000);
    let location = server.begin_upload("a").await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("PATCH {location} {HEAD}Content-Length: 400000\r\n\r\n")).await;
    wire.send(&bytes[..250_000]).await;
    eventually("the bytes arrived", || async {
        crate::harness::header_text(&server.get(&location).await, "range") == "0-249999"
    })
    .await;
    drop(wire);
    assert_eq!(server.patch_at(&location, 250_000, &bytes[250_000..]).await.status(), 202);
    let done = server.put(&format!("{location}?digest={}", digest_of(&bytes)), "").await;
    assert_eq!(done.status(), 201);
}

#[tokio::test]
async fn a_refused_upload_reads_its_answer_while_it_still_sends() {
    let server = Server::start().await;
    let body = vec![0; 20 << 20];
    let path = "/v2/Bad/blobs/uploads/?digest=x";
    Refusal::of(server.post(path, body).await).await.says(400, "NAME_INVALID", "`Bad`", "20 MiB");
}

#[tokio::test]
async fn an_answer_to_an_unread_body_says_that_the_connection_ends() {
    let server = Server::start().await;
    let (good, bad) = (digest_of(b"hello"), digest_of(b"other"));
    let cases = [
        (format!("POST /v2/Bad/blobs/uploads/?digest={good}"), "Content-Length: 5\r\n\r\nhello", 400, true),
        ("POST /none".to_owned(), "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 405, true),
        // Read to its end, though refused in the end.
        (format!("POST /v2/a/blobs/uploads/?digest={bad}"), "Content-Length: 5\r\n\r\nhello", 400, false),
        (
            format!("POST /v2/a/blobs/uploads/?digest={bad}"),
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            400,
            false,
        ),
        (format!("POST /v2/a/blobs/uploads/?digest={good}"), "Content-Length: 5\r\n\r\nhello", 201, false),
        ("GET /none".to_owned(), "\r\n", 404, false),
        ("DELETE /v2/a/manifests/none".to_owned(), "Content-Length: 0\r\n\r\n", 404, false),
    ];
    for (target, rest, status, ends) in cases {
        let mut wire = Wire::connect(server.address).await;
        wire.send(format!("{target} {HEAD}{rest}")).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{target}");
        let told = answer.headers.get("connection").is_some_and(|connection| connection == "close");
        assert_eq!(told, ends, "{target}: {answer:?}");
        if !ends {
            wire.send(format!("GET /healthz {HEAD}\r\n")).await;
            assert_eq!(wire.answer().await.status, 200, "{target}: the connection goes on");
        }
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_before_it_sends() {
    let server = Server::start().await;
    let digest = digest_of(b"hello");
    let ask = |name: &str| {
        format!(
            "POST /v2/{name}/blobs/uploads/?digest={digest} {HEAD}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
    };
    let refused = refusal(&server, ask("Bad")).await;
    refused.says(400, "NAME_INVALID", "`Bad`", "no 100 comes first");
    let mut wire = Wire::connect(server.address).await;
    wire.send(ask("good")).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send("hello").await;
    assert_eq!(wire.answer().await.status, 201);
}

#[tokio::test]
async fn http2_without_tls_is_turned_away_at_once() {
    let server = Server::start().await;
    let mut wire = Wire::connect(server.address).await;
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let rest = wire.rest().await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&rest));
    server.push_blob("a", b"content").await;
}

#[tokio::test]
async fn a_head_that_does_not_end_in_time_ends_the_connection() {
    let limit = Duration::from_millis(300);
    let server = Setup::new().config(|config| config.header_timeout = limit).start().await;
    for part in ["GET /v2/", "GET /v2/ HTTP/1.1\r\nHost: x\r\nX: "] {
        let (mut wire, began) = (Wire::connect(server.address).await, Instant::now());
        wire.send(part).await;
        wire.rest().await;
        let took = began.elapsed();
        assert!(took >= limit && took < limit * 5, "{part}: {took:?}");
    }
}

#[tokio::test]
async fn a_head_sent_byte_by_byte_gains_no_time() {
    let limit = Duration::from_millis(300);
    let server = Setup::new().config(|config| config.header_timeout = limit).start().await;
    let (mut wire, began) = (Wire::connect(server.address).await, Instant::now());
    for byte in "GET /v2/ HTTP/1.1\r\nX: ".bytes().chain(std::iter::repeat_n(b'x', 100)) {
        wire.send([byte]).await;
        if wire.is_closed_within(Duration::from_millis(20)).await {
            break;
        }
    }
    assert!(began.elapsed() < limit * 5, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_rests_between_requests_for_as_long_as_a_head_may_take() {
    let limit = Duration::from_millis(400);
    let server = Setup::new().config(|config| config.header_timeout = limit).start().await;
    let mut wire = Wire::connect(server.address).await;
    for _ in 0..3 {
        wire.send(format!("GET /healthz {HEAD}\r\n")).await;
        assert_eq!(wire.answer().await.status, 200);
        tokio::time::sleep(limit / 2).await;
    }
    assert_eq!(wire.rest().await, b"", "it is closed in order");
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_ended() {
    let limit = Duration::from_millis(300);
    let server = Setup::new().config(|config| config.idle_timeout = limit).start().await;
    let location = server.begin_upload("a").await;
    let silent = ["", "P", &format!("PATCH {location} {HEAD}Content-Length: 10\r\n\r\nhello")];
    for request in silent {
        let (mut wire, began) = (Wire::connect(server.address).await, Instant::now());
        wire.send(request).await;
        wire.rest().await;
        let took = began.elapsed();
        assert!(took >= limit && took < limit * 5, "{request}: {took:?}");
    }
    assert_eq!(
        crate::harness::header_text(&server.get(&location).await, "range"),
        "0-4",
        "what arrived is kept"
    );
}

#[tokio::test]
async fn a_client_that_stops_reading_is_ended() {
    let limit = Duration::from_millis(300);
    let server = Setup::new().config(|config| config.idle_timeout = limit).start().await;
    let digest = server.push_blob("a", &bytes_of(1, 16 << 20)).await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("GET /v2/a/blobs/{digest} {HEAD}\r\n")).await;
    tokio::time::sleep(limit * 4).await;
    assert!(wire.rest().await.len() < 16 << 20, "the rest of the blob was not sent");
}

#[tokio::test]
async fn a_transfer_that_moves_may_take_as_long_as_it_likes() {
    let limit = Duration::from_millis(250);
    let setup = Setup::new().config(|config| (config.idle_timeout, config.header_timeout) = (limit, limit));
    let server = setup.start().await;
    let digest = digest_of(b"0123456789");
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("POST /v2/a/blobs/uploads/?digest={digest} {HEAD}Content-Length: 10\r\n\r\n")).await;
    for byte in b"0123456789" {
        tokio::time::sleep(limit / 3).await;
        wire.send([*byte]).await;
    }
    assert_eq!(wire.answer().await.status, 201);
}
