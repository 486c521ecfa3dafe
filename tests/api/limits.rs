//! Every limit by its name, on both sides of its boundary.

use std::time::Duration;

use crate::harness::{Footprint, Image, Refusal, Server, Setup, Wire, bytes_of, digest_of, header_text};
use bytesize::ByteSize;
use futures_util::stream;
use hwasm_registry::oci::media_type;
use hwasm_registry::registry::Limits;
use hwasm_registry::server;
use reqwest::{Body, Method};

/// A manifest of exactly `size` bytes.
fn manifest_of(size: usize) -> Vec<u8> {
    let padded = |padding: usize| {
        Image::with(1, |manifest| manifest["annotations"] = serde_json::json!({ "x": "x".repeat(padding) }))
            .bytes
    };
    let empty = padded(0).len();
    let manifest = padded(size - empty);
    assert_eq!(manifest.len(), size);
    manifest
}

/// The same bytes without a length that the server could know beforehand.
fn streamed(bytes: &[u8]) -> Body {
    let chunks: Vec<_> =
        bytes.chunks(64 << 10).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    Body::wrap_stream(stream::iter(chunks))
}

#[tokio::test]
async fn the_defaults_are_the_documented_ones() {
    let limits = Limits::default();
    assert_eq!(limits.manifest_size, ByteSize::mib(4));
    assert_eq!(limits.blob_size, ByteSize::gib(16));
    assert_eq!(limits.open_uploads, 1000);
    assert_eq!(limits.running_uploads, 256);
    assert_eq!(limits.upload_expiry, Duration::from_hours(24));
    assert_eq!(limits.page_size, 10_000);
    assert_eq!((limits.tags_per_push, limits.events), (32, 100_000));
    let config = server::Config::default();
    assert_eq!(config.listen.to_string(), "127.0.0.1:5000");
    assert_eq!(config.max_connections, 4096);
    assert_eq!(config.header_timeout, Duration::from_secs(10));
    assert_eq!(config.idle_timeout, Duration::from_mins(1));
    assert_eq!(config.shutdown_grace, Duration::from_mins(1));
}

#[tokio::test]
async fn manifest_size_is_four_mebibytes_to_the_byte() {
    const LIMIT: usize = 4 << 20;
    let server = Server::start().await;
    server.push("a", "v0", &Image::new(1)).await;
    let before = Footprint::of(server.data_dir()).await;
    for body in [
        Body::from(manifest_of(LIMIT + 1)),
        streamed(&manifest_of(LIMIT + 1)),
        streamed(&vec![b' '; LIMIT * 2]),
    ] {
        let response = server.put_manifest("/v2/a/manifests/v1", media_type::OCI_MANIFEST, body).await;
        let refusal = Refusal::of(response).await;
        refusal.says(413, "SIZE_INVALID", "manifest is larger than 4194304 bytes", "one byte too many");
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before);
    let manifest = manifest_of(LIMIT);
    for body in [Body::from(manifest.clone()), streamed(&manifest)] {
        let response = server.put_manifest("/v2/a/manifests/v1", media_type::OCI_MANIFEST, body).await;
        assert_eq!(response.status(), 201);
    }
    assert!(server.get("/v2/a/manifests/v1").await.bytes().await.unwrap() == manifest);
}

#[tokio::test]
async fn blob_size_holds_for_every_way_to_push() {
    let server = Setup::new().limits(|limits| limits.blob_size = ByteSize::kib(64)).start().await;
    let before = Footprint::of(server.data_dir()).await;
    let bytes = bytes_of(1, (64 << 10) + 1);
    let (fits, digest) = (&bytes[..64 << 10], digest_of(&bytes));
    let whole = format!("/v2/a/blobs/uploads/?digest={digest}");
    for body in [Body::from(bytes.clone()), streamed(&bytes)] {
        let refusal = Refusal::of(server.post(&whole, body).await).await;
        refusal.says(413, "SIZE_INVALID", "blob is larger than 64.0 KiB, the limit here", "one request");
    }
    for body in [Body::from(bytes.clone()), streamed(&bytes)] {
        let location = server.begin_upload("a").await;
        let refusal = Refusal::of(server.patch(&location, body).await).await;
        refusal.says(413, "SIZE_INVALID", "blob is larger than 64.0 KiB", "one chunk");
    }
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, fits).await.status(), 202);
    let refusal = Refusal::of(server.put(&format!("{location}?digest={digest}"), "x").await).await;
    refusal.says(413, "SIZE_INVALID", "blob is larger than 64.0 KiB", "many chunks");
    assert_eq!(Footprint::of(server.data_dir()).await, before, "nothing half-written is left");
    server.push_blob("a", fits).await;
}

#[tokio::test]
async fn a_promise_beyond_the_limit_is_refused_before_a_byte_is_read() {
    let server = Setup::new().limits(|limits| limits.blob_size = ByteSize::kib(64)).start().await;
    let digest = digest_of(b"x");
    let head = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    );
    assert_eq!(Wire::ask(server.address, head).await.status, 413);
}

#[tokio::test]
async fn names_and_tags_are_as_long_as_their_grammars_say() {
    let server = Server::start().await;
    let image = Image::new(1);
    let (name, tag) = ("n".repeat(255), "t".repeat(128));
    server.push(&name, &tag, &image).await;
    let response = server.get(&format!("/v2/{name}/manifests/{tag}")).await;
    assert_eq!(response.bytes().await.unwrap(), image.bytes);
    let refusal = Refusal::of(server.get(&format!("/v2/{name}n/manifests/{tag}")).await).await;
    refusal.says(400, "NAME_INVALID", "256 bytes; at most 255", "name");
    let refusal = Refusal::of(server.get(&format!("/v2/{name}/manifests/{tag}t")).await).await;
    refusal.says(400, "TAG_INVALID", "1 to 128", "tag");
}

#[tokio::test]
async fn open_uploads_beyond_the_limit_wait_their_turn() {
    let server = Setup::new().limits(|limits| limits.open_uploads = 2).start().await;
    let first = server.begin_upload("a").await;
    let second = server.begin_upload("b").await;
    let response = server.post("/v2/c/blobs/uploads/", "").await;
    let seconds: u32 = header_text(&response, "retry-after").parse().unwrap();
    assert!(seconds > 0);
    let refusal = Refusal::of(response).await;
    refusal.says(429, "TOOMANYREQUESTS", "2 uploads are open, the limit here", "a third upload");
    // A push in one request opens no session, and neither does a mount.
    let digest = server.push_blob("a", b"content").await;
    assert_eq!(server.post(&format!("/v2/c/blobs/uploads/?mount={digest}&from=a"), "").await.status(), 201);
    assert_eq!(server.delete(&first).await.status(), 204);
    server.begin_upload("c").await;
    assert_eq!(server.post("/v2/c/blobs/uploads/", "").await.status(), 429);
    assert_eq!(server.patch_at(&second, 0, b"content").await.status(), 202);
    assert_eq!(server.put(&format!("{second}?digest={digest}"), "").await.status(), 201);
    server.begin_upload("c").await;
}

#[tokio::test]
async fn running_uploads_beyond_the_limit_are_asked_to_come_back() {
    let server = Setup::new().limits(|limits| limits.running_uploads = 1).start().await;
    let first = server.begin_upload("a").await;
    let mut slow = Wire::connect(server.address).await;
    slow.send(format!("PATCH {first} HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\ncon")).await;
    let path = format!("/v2/b/blobs/uploads/?digest={}", digest_of(b"content"));
    // A push that is there first would take its place.
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Until the slow one has begun, there is room.
    let mut response = server.post(&path, "content").await;
    for _ in 0..200 {
        if response.status() != 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        response = server.post(&path, "content").await;
    }
    assert!(!header_text(&response, "retry-after").is_empty());
    Refusal::of(response).await.says(429, "TOOMANYREQUESTS", "1 uploads", "a second body");
    slow.send("tent").await;
    assert_eq!(slow.answer().await.status, 202);
    assert_eq!(server.put(&format!("{first}?digest={}", digest_of(b"content")), "").await.status(), 201);
}

#[tokio::test]
async fn the_last_place_is_given_once() {
    let server = Setup::new().limits(|limits| limits.open_uploads = 5).start().await;
    let begin = || server.request(Method::POST, "/v2/a/blobs/uploads/").send();
    let answers = futures_util::future::join_all((0..20).map(|_| begin())).await;
    let places = answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 202).count();
    assert_eq!(places, 5);
}

#[tokio::test]
async fn max_connections_lets_further_ones_wait() {
    let server = Setup::new().config(|config| config.max_connections = 2).start().await;
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (mut first, mut second) = (Wire::connect(server.address).await, Wire::connect(server.address).await);
    for wire in [&mut first, &mut second] {
        wire.send(request).await;
        assert_eq!(wire.answer().await.status, 200);
    }
    let mut third = Wire::connect(server.address).await;
    third.send(request).await;
    assert!(!third.has_answer_within(Duration::from_millis(200)).await, "it waits to be accepted");
    drop(first);
    assert_eq!(third.answer().await.status, 200);
}

#[tokio::test]
async fn shutdown_grace_ends_transfers_that_take_too_long() {
    let grace = Duration::from_millis(300);
    let server = Setup::new().config(|config| config.shutdown_grace = grace).start().await;
    let location = server.begin_upload("a").await;
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")).await;
    crate::harness::eventually("the bytes arrived", || async {
        header_text(&server.get(&location).await, "range") == "0-4"
    })
    .await;
    let began = std::time::Instant::now();
    let data_dir = server.stopped().await;
    let took = began.elapsed();
    assert!(took >= grace && took < grace * 5, "{took:?}");
    let server = Setup::over(data_dir).start().await;
    assert_eq!(header_text(&server.get(&location).await, "range"), "0-4", "what arrived is kept");
}
