//! Conditional requests: `ETag` and `If-None-Match` on manifests and blobs (RFC 9110, section 13).

use crate::harness::{Image, Server, bytes_of, header_text};
use reqwest::header::IF_NONE_MATCH;

/// What a client may hold, and whether that is what the server would send.
fn tags_a_client_may_hold(etag: &str) -> Vec<(String, bool)> {
    vec![
        (etag.to_owned(), true),
        (format!("W/{etag}"), true),
        ("*".to_owned(), true),
        (format!("\"other\", {etag}"), true),
        (format!("\"other\",{etag} , \"third\""), true),
        ("\"other\"".to_owned(), false),
        ("W/\"other\"".to_owned(), false),
        (etag.trim_matches('"').to_owned(), false),
        (etag.to_uppercase(), false),
        (String::new(), false),
    ]
}

async fn answers_304_to_who_has_it(server: &Server, path: &str, digest: &str) {
    let first = server.get(path).await;
    let etag = header_text(&first, "etag").to_owned();
    assert_eq!(etag, format!("\"{digest}\""), "strong, and the digest itself");
    for (held, is_current) in tags_a_client_may_hold(&etag) {
        let response = server.get_with(path, IF_NONE_MATCH, &held).await;
        assert_eq!(response.status(), if is_current { 304 } else { 200 }, "{path}: {held}");
        assert_eq!(header_text(&response, "etag"), etag, "{held}");
        let length = response.bytes().await.expect("a whole body").len();
        assert_eq!(length == 0, is_current, "{path}: {held}");
    }
}

#[tokio::test]
async fn a_client_that_holds_the_manifest_is_sent_nothing() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("plugins/a", "v1", &image).await;
    for reference in ["v1", &image.digest] {
        answers_304_to_who_has_it(&server, &format!("/v2/plugins/a/manifests/{reference}"), &image.digest)
            .await;
    }
}

#[tokio::test]
async fn a_client_that_holds_the_blob_is_sent_nothing() {
    let server = Server::start().await;
    let digest = server.push_blob("plugins/a", &bytes_of(1, 3000)).await;
    answers_304_to_who_has_it(&server, &format!("/v2/plugins/a/blobs/{digest}"), &digest).await;
}

#[tokio::test]
async fn several_header_lines_are_one_list() {
    let server = Server::start().await;
    let digest = server.push_blob("a", b"content").await;
    let request = server.request(reqwest::Method::GET, &format!("/v2/a/blobs/{digest}"));
    let request = request.header(IF_NONE_MATCH, "\"other\"").header(IF_NONE_MATCH, format!("\"{digest}\""));
    assert_eq!(request.send().await.unwrap().status(), 304);
}

#[tokio::test]
async fn head_answers_304_too() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v1", &image).await;
    let request = server.request(reqwest::Method::HEAD, "/v2/a/manifests/v1");
    let response = request.header(IF_NONE_MATCH, format!("\"{}\"", image.digest)).send().await.unwrap();
    assert_eq!(response.status(), 304);
}

#[tokio::test]
async fn a_tag_that_moved_is_sent_again() {
    let server = Server::start().await;
    let (first, second) = (Image::new(1), Image::new(2));
    server.push("a", "v1", &first).await;
    let etag = header_text(&server.get("/v2/a/manifests/v1").await, "etag").to_owned();
    assert_eq!(server.get_with("/v2/a/manifests/v1", IF_NONE_MATCH, &etag).await.status(), 304);
    server.push("a", "v1", &second).await;
    let moved = server.get_with("/v2/a/manifests/v1", IF_NONE_MATCH, &etag).await;
    assert_eq!(moved.status(), 200);
    assert_eq!(moved.bytes().await.unwrap(), second.bytes);
}

#[tokio::test]
async fn having_any_version_does_not_hide_that_content_is_gone() {
    let server = Server::start().await;
    let digest = server.push_blob("a", b"content").await;
    let path = format!("/v2/a/blobs/{digest}");
    assert_eq!(server.delete(&path).await.status(), 202);
    assert_eq!(server.get_with(&path, IF_NONE_MATCH, "*").await.status(), 404);
    assert_eq!(server.get_with(&path, IF_NONE_MATCH, &format!("\"{digest}\"")).await.status(), 404);
}
