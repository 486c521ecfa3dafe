//! Uploads in sessions: begun, continued, taken up again after a restart, cancelled, expired, mounted.

use std::time::Duration;

use crate::harness::{
    DatabaseLock, Footprint, Refusal, Server, Setup, Wire, bytes_of, digest_of, header_text, sha512_of,
};
use reqwest::{Method, Response, header};

/// How far the session says it came.
async fn progress(server: &Server, location: &str) -> String {
    let response = server.get(location).await;
    assert_eq!(response.status(), 204);
    header_text(&response, "range").to_owned()
}

/// Ends a session with its last bytes.
async fn finish(server: &Server, location: &str, digest: &str, rest: &[u8]) -> Response {
    server.put(&format!("{location}?digest={digest}"), rest.to_vec()).await
}

async fn blob_is(server: &Server, repository: &str, digest: &str, bytes: &[u8]) {
    let response = server.get(&format!("/v2/{repository}/blobs/{digest}")).await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.expect("a whole body") == bytes, "other bytes came back");
}

#[tokio::test]
async fn a_blob_in_chunks_follows_relative_locations() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 3000);
    let mut location = server.begin_upload("plugins/a").await;
    assert_eq!(progress(&server, &location).await, "0-0");
    for (first, chunk) in [(0, &bytes[..1000]), (1000, &bytes[1000..2500])] {
        assert!(location.starts_with("/v2/plugins/a/blobs/uploads/"), "{location}");
        let response = server.patch_at(&location, first, chunk).await;
        assert_eq!(response.status(), 202);
        location = header_text(&response, "location").to_owned();
        let expected = format!("0-{}", first + chunk.len() - 1);
        assert_eq!(header_text(&response, "range"), expected);
        assert_eq!(progress(&server, &location).await, expected);
    }
    let response = finish(&server, &location, &digest_of(&bytes), &bytes[2500..]).await;
    assert_eq!(response.status(), 201);
    let blob = header_text(&response, "location");
    assert!(blob.starts_with("/v2/plugins/a/blobs/sha256:"), "{blob}");
    assert_eq!(server.get(blob).await.bytes().await.unwrap(), bytes);
    assert_eq!(server.get(&location).await.status(), 404, "the session ended");
    assert_eq!(Footprint::of(server.data_dir()).await.upload_files(), 0);
}

#[tokio::test]
async fn a_chunk_in_the_wrong_place_is_refused_and_the_session_goes_on() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 3000);
    let location = server.begin_upload("a").await;
    let early = Refusal::of(server.patch_at(&location, 1000, &bytes[1000..2000]).await).await;
    early.says(416, "BLOB_UPLOAD_INVALID", "chunk begins at byte 1000, but 0 bytes have arrived", "gap");
    assert_eq!(server.patch_at(&location, 0, &bytes[..1000]).await.status(), 202);
    for first in [0, 500, 999, 1001, 2000] {
        let refusal = Refusal::of(server.patch_at(&location, first, &bytes[..1000]).await).await;
        refusal.says(416, "BLOB_UPLOAD_INVALID", "but 1000 bytes have arrived; continue there", "PATCH");
        let put = server.request(Method::PUT, &format!("{location}?digest={}", digest_of(&bytes)));
        let put = put.header(header::CONTENT_RANGE, format!("{first}-{}", first + 1999));
        let refusal = Refusal::of(put.body(bytes[1000..].to_vec()).send().await.unwrap()).await;
        refusal.says(416, "BLOB_UPLOAD_INVALID", "continue there", "closing PUT");
        assert_eq!(progress(&server, &location).await, "0-999");
    }
    assert_eq!(server.patch_at(&location, 1000, &bytes[1000..2000]).await.status(), 202);
    assert_eq!(finish(&server, &location, &digest_of(&bytes), &bytes[2000..]).await.status(), 201);
    blob_is(&server, "a", &digest_of(&bytes), &bytes).await;
}

#[tokio::test]
async fn a_restarted_server_goes_on_where_the_upload_stood() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 300_000);
    let mut sessions = Vec::new();
    for algorithm in ["sha256", "sha512"] {
        let path = format!("/v2/a/blobs/uploads/?digest-algorithm={algorithm}");
        let begun = server.post(&path, "").await;
        let location = header_text(&begun, "location").to_owned();
        assert_eq!(server.patch_at(&location, 0, &bytes[..200_000]).await.status(), 202);
        sessions.push(location);
    }
    let server = Setup::over(server.stopped().await).start().await;
    for (location, digest) in sessions.iter().zip([digest_of(&bytes), sha512_of(&bytes)]) {
        assert_eq!(progress(&server, location).await, "0-199999");
        assert_eq!(server.patch_at(location, 200_000, &bytes[200_000..]).await.status(), 202);
        assert_eq!(finish(&server, location, &digest, b"").await.status(), 201);
        blob_is(&server, "a", &digest, &bytes).await;
    }
}

#[tokio::test]
async fn a_restored_hash_covers_bytes_that_are_not_read_again() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 2000);
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, &bytes[..1000]).await.status(), 202);
    let data_dir = server.stopped().await;
    // What is on disk is changed behind the server's back, which only a hash made anew would notice.
    let id = location.rsplit('/').next().unwrap();
    std::fs::write(data_dir.path().join("uploads").join(id), vec![0; 1000]).unwrap();
    let server = Setup::over(data_dir).start().await;
    assert_eq!(finish(&server, &location, &digest_of(&bytes), &bytes[1000..]).await.status(), 201);
}

#[tokio::test]
async fn bytes_that_no_hash_covers_are_hashed_after_a_restart() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 2000);
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, &bytes[..500]).await.status(), 202);
    let data_dir = server.stopped().await;
    // As after `kill -9` in the middle of a chunk: the bytes arrived, the note of it did not.
    let id = location.rsplit('/').next().unwrap();
    std::fs::write(data_dir.path().join("uploads").join(id), &bytes[..1500]).unwrap();
    let server = Setup::over(data_dir).start().await;
    assert_eq!(progress(&server, &location).await, "0-1499");
    assert_eq!(server.patch_at(&location, 1500, &bytes[1500..]).await.status(), 202);
    assert_eq!(finish(&server, &location, &digest_of(&bytes), b"").await.status(), 201);
    blob_is(&server, "a", &digest_of(&bytes), &bytes).await;
}

#[tokio::test]
async fn an_algorithm_that_was_not_announced_is_hashed_in_the_end() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 5000);
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, &bytes[..3000]).await.status(), 202);
    let response = finish(&server, &location, &sha512_of(&bytes), &bytes[3000..]).await;
    assert_eq!(response.status(), 201);
    assert_eq!(header_text(&response, "docker-content-digest"), sha512_of(&bytes));
    blob_is(&server, "a", &sha512_of(&bytes), &bytes).await;
}

#[tokio::test]
async fn a_wrong_digest_ends_the_session_and_stores_nothing() {
    let server = Server::start().await;
    let before = Footprint::of(server.data_dir()).await;
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, b"content").await.status(), 202);
    let refusal = Refusal::of(finish(&server, &location, &digest_of(b"other"), b"").await).await;
    refusal.says(
        400,
        "DIGEST_INVALID",
        &format!("content hashes to `{}`", digest_of(b"content")),
        "wrong digest",
    );
    assert_eq!(server.get(&location).await.status(), 404);
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() {
    let server = Server::start().await;
    let before = Footprint::of(server.data_dir()).await;
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, b"content").await.status(), 202);
    assert_eq!(server.delete(&location).await.status(), 204);
    for (method, answer) in [
        ("DELETE", server.delete(&location).await),
        ("GET", server.get(&location).await),
        ("PATCH", server.patch(&location, "x").await),
        ("PUT", finish(&server, &location, &digest_of(b"content"), b"").await),
    ] {
        Refusal::of(answer).await.says(404, "BLOB_UPLOAD_UNKNOWN", "begin one with POST", method);
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn a_session_belongs_to_its_repository() {
    let server = Server::start().await;
    let location = server.begin_upload("a").await;
    let elsewhere = location.replacen("/v2/a/", "/v2/b/", 1);
    assert_eq!(server.get(&elsewhere).await.status(), 404);
    assert_eq!(server.patch(&elsewhere, "x").await.status(), 404);
    assert_eq!(server.delete(&elsewhere).await.status(), 404);
    assert_eq!(server.get(&location).await.status(), 204);
}

#[tokio::test]
async fn abandoned_uploads_expire_and_others_do_not() {
    let expiry = Duration::from_millis(300);
    let server = Setup::new().limits(|limits| limits.upload_expiry = expiry).start().await;
    let (abandoned, alive) = (server.begin_upload("a").await, server.begin_upload("a").await);
    assert_eq!(server.patch_at(&abandoned, 0, b"content").await.status(), 202);
    tokio::time::sleep(expiry).await;
    assert_eq!(server.patch_at(&alive, 0, b"content").await.status(), 202);
    assert_eq!(server.registry.keep_house().await.unwrap(), 1);
    Refusal::of(server.get(&abandoned).await).await.says(404, "BLOB_UPLOAD_UNKNOWN", "POST", "expired");
    assert_eq!(progress(&server, &alive).await, "0-6");
    assert_eq!(Footprint::of(server.data_dir()).await.upload_files(), 1);
}

#[tokio::test]
async fn an_upload_that_moves_never_expires() {
    let expiry = Duration::from_millis(100);
    let server = Setup::new().limits(|limits| limits.upload_expiry = expiry).start().await;
    let location = server.begin_upload("a").await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<&[u8], std::io::Error>>(1);
    let body = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    });
    let patch = server.request(Method::PATCH, &location).body(reqwest::Body::wrap_stream(body));
    let patch = tokio::spawn(patch.send());
    for _ in 0..4 {
        sender.send(Ok(b"part")).await.unwrap();
        tokio::time::sleep(expiry).await;
        assert_eq!(server.registry.keep_house().await.unwrap(), 0);
    }
    drop(sender);
    assert_eq!(patch.await.unwrap().unwrap().status(), 202);
    assert_eq!(progress(&server, &location).await, "0-15");
}

#[tokio::test]
async fn a_client_that_vanishes_while_its_blob_is_committed_can_commit_it_again() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 100_000);
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, &bytes).await.status(), 202);
    let lock = DatabaseLock::take(server.data_dir()).await;
    let mut wire = Wire::connect(server.address).await;
    let target = format!("{location}?digest={}", digest_of(&bytes));
    wire.send(format!("PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(!wire.has_answer_within(Duration::from_millis(200)).await, "the commit waits");
    drop(wire);
    tokio::time::sleep(Duration::from_millis(100)).await;
    lock.release().await;
    assert_eq!(progress(&server, &location).await, "0-99999");
    assert_eq!(server.put(&target, "").await.status(), 201);
    blob_is(&server, "a", &digest_of(&bytes), &bytes).await;
    let footprint = Footprint::of(server.data_dir()).await;
    assert_eq!((footprint.upload_files(), footprint.blob_files()), (0, 1));
}

#[tokio::test]
async fn a_blob_that_cannot_be_recorded_leaves_no_file() {
    let server = Server::start().await;
    let before = Footprint::of(server.data_dir()).await;
    let fault = "CREATE TRIGGER fault BEFORE INSERT ON blobs BEGIN SELECT RAISE(ABORT, 'a fault'); END";
    crate::harness::run_sql(server.data_dir(), fault).await;
    let path = format!("/v2/a/blobs/uploads/?digest={}", digest_of(b"content"));
    assert_eq!(server.post(&path, "content").await.status(), 500);
    crate::harness::run_sql(server.data_dir(), "DROP TRIGGER fault").await;
    assert_eq!(Footprint::of(server.data_dir()).await, before);
    server.push_blob("a", b"content").await;
}

#[tokio::test]
async fn files_that_no_session_names_go_at_the_next_start() {
    let server = Server::start().await;
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, b"content").await.status(), 202);
    let data_dir = server.stopped().await;
    let stray = data_dir.path().join("uploads/0191e0a6-7f8e-4c6e-8a53-3c86c1c1a5a1");
    std::fs::write(&stray, "cut off").unwrap();
    let server = Setup::over(data_dir).start().await;
    assert!(!stray.exists());
    assert_eq!(progress(&server, &location).await, "0-6");
}

#[tokio::test]
async fn any_repository_may_mount_what_another_holds() {
    let server = Server::start().await;
    let digest = server.push_blob("a", b"content").await;
    let cases = [
        ("named", format!("mount={digest}&from=a"), 201),
        ("anonymous", format!("mount={digest}"), 201),
        ("encoded", format!("mount={}&from=a", digest.replace(':', "%3A")), 201),
        ("from-who-has-it-not", format!("mount={digest}&from=empty"), 202),
        ("what-nobody-has", format!("mount={}", digest_of(b"none")), 202),
    ];
    for (repository, query, status) in cases {
        let response = server.post(&format!("/v2/{repository}/blobs/uploads/?{query}"), "").await;
        assert_eq!(response.status(), status, "{repository}");
        let location = header_text(&response, "location").to_owned();
        let blob = format!("/v2/{repository}/blobs/{digest}");
        if status == 201 {
            assert_eq!(location, blob);
            assert_eq!(header_text(&response, "docker-content-digest"), digest);
            blob_is(&server, repository, &digest, b"content").await;
        } else {
            assert_eq!(server.get(&blob).await.status(), 404, "{repository}");
            assert_eq!(finish(&server, &location, &digest, b"content").await.status(), 201, "{repository}");
        }
    }
}

#[tokio::test]
async fn a_mounted_blob_outlives_its_source() {
    let server = Server::start().await;
    let digest = server.push_blob("a", b"content").await;
    assert_eq!(server.post(&format!("/v2/b/blobs/uploads/?mount={digest}&from=a"), "").await.status(), 201);
    assert_eq!(server.delete(&format!("/v2/a/blobs/{digest}")).await.status(), 202);
    assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).await.status(), 404);
    blob_is(&server, "b", &digest, b"content").await;
    assert_eq!(server.delete(&format!("/v2/b/blobs/{digest}")).await.status(), 202);
    assert_eq!(Footprint::of(server.data_dir()).await.blob_files(), 0, "nobody needs the file");
    // Gone everywhere: an anonymous mount finds nothing.
    assert_eq!(server.post(&format!("/v2/c/blobs/uploads/?mount={digest}"), "").await.status(), 202);
}

#[tokio::test]
async fn a_blob_that_was_deleted_can_be_pushed_again() {
    let server = Server::start().await;
    for _ in 0..3 {
        let digest = server.push_blob("a", b"content").await;
        blob_is(&server, "a", &digest, b"content").await;
        assert_eq!(server.delete(&format!("/v2/a/blobs/{digest}")).await.status(), 202);
        assert_eq!(server.get(&format!("/v2/a/blobs/{digest}")).await.status(), 404);
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_taken_to_its_end() {
    let server = Server::start().await;
    let bytes = bytes_of(1, 1 << 20);
    let chunks: Vec<_> = bytes.chunks(70_000).map(<[u8]>::to_vec).collect();
    let body = || {
        let chunks = chunks.clone().into_iter().map(Ok::<_, std::io::Error>);
        reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
    };
    let digest = digest_of(&bytes);
    let response = server.post(&format!("/v2/a/blobs/uploads/?digest={digest}"), body()).await;
    assert_eq!(response.status(), 201);
    let location = server.begin_upload("b").await;
    assert_eq!(server.patch(&location, body()).await.status(), 202);
    assert_eq!(finish(&server, &location, &digest, b"").await.status(), 201);
    blob_is(&server, "a", &digest, &bytes).await;
    blob_is(&server, "b", &digest, &bytes).await;
}
