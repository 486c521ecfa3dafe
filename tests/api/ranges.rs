//! Byte ranges of blobs: one, several, from the end, and on condition (RFC 9110, section 14).

use crate::harness::{Refusal, Server, bytes_of, header_text};
use reqwest::header::{HeaderName, IF_RANGE, RANGE};
use reqwest::{Method, Response};

const SIZE: usize = 2048;

/// A server with one blob of [`SIZE`] bytes.
async fn server_with_blob() -> (Server, Vec<u8>, String) {
    let server = Server::start().await;
    let bytes = bytes_of(1, SIZE);
    let digest = server.push_blob("plugins/a", &bytes).await;
    (server, bytes, format!("/v2/plugins/a/blobs/{digest}"))
}

#[tokio::test]
async fn one_range_is_answered_with_exactly_these_bytes() {
    let (server, bytes, path) = server_with_blob().await;
    let cases = [
        ("bytes=0-0", 0, 0),
        ("bytes=0-2047", 0, 2047),
        ("bytes=500-1499", 500, 1499),
        ("bytes=2047-", 2047, 2047),
        ("bytes=-1", 2047, 2047),
        ("bytes=-5000", 0, 2047),
        ("bytes=2000-9999", 2000, 2047),
        ("BYTES=1-2", 1, 2),
        ("bytes= 1-2 ", 1, 2),
        ("bytes=9000-9001, 1-2", 1, 2),
    ];
    for (range, first, last) in cases {
        let response = server.get_with(&path, RANGE, range).await;
        assert_eq!(response.status(), 206, "{range}");
        assert_eq!(
            header_text(&response, "content-range"),
            format!("bytes {first}-{last}/{SIZE}"),
            "{range}"
        );
        assert_eq!(header_text(&response, "content-length"), (last - first + 1).to_string(), "{range}");
        assert_eq!(header_text(&response, "content-type"), "application/octet-stream", "{range}");
        assert_eq!(response.bytes().await.unwrap(), bytes[first..=last], "{range}");
    }
}

#[tokio::test]
async fn a_range_that_is_not_there_is_refused_with_the_true_length() {
    let (server, _, path) = server_with_blob().await;
    let cases = [
        ("bytes=2048-", "no requested range lies within the content's 2048 bytes"),
        ("bytes=5000-10000", "no requested range lies within"),
        ("bytes=-0", "no requested range lies within"),
        ("bytes=5000-, 6000-", "no requested range lies within"),
        ("bytes=500-0", "`first-last`, `first-` or `-length`"),
        ("bytes=x-y", "range `bytes=x-y` is not `bytes=`"),
        ("bytes=", "`first-last`, `first-` or `-length`"),
        ("bytes", "`first-last`, `first-` or `-length`"),
        ("bytes=1", "`first-last`, `first-` or `-length`"),
        ("bytes=--1", "`first-last`, `first-` or `-length`"),
        ("bytes=0x0-0x9", "`first-last`, `first-` or `-length`"),
        ("bytes=0-99999999999999999999", "`first-last`, `first-` or `-length`"),
        ("bytes=1-2,,", "`first-last`, `first-` or `-length`"),
    ];
    for (range, message) in cases {
        let response = server.get_with(&path, RANGE, range).await;
        assert_eq!(header_text(&response, "content-range"), "bytes */2048", "{range}");
        Refusal::of(response).await.says(416, "RANGE_INVALID", message, range);
    }
}

#[tokio::test]
async fn sixteen_ranges_are_answered_and_seventeen_refused() {
    let (server, _, path) = server_with_blob().await;
    let ranges = |count| format!("bytes={}", vec!["0-0"; count].join(","));
    assert_eq!(server.get_with(&path, RANGE, &ranges(16)).await.status(), 206);
    let refusal = Refusal::of(server.get_with(&path, RANGE, &ranges(17)).await).await;
    refusal.says(416, "RANGE_INVALID", "more than 16 ranges", "17 ranges");
}

#[tokio::test]
async fn ranges_that_are_more_than_the_blob_are_answered_with_the_blob() {
    let (server, bytes, path) = server_with_blob().await;
    for (range, status) in [("bytes=0-,0-", 200), ("bytes=0-1023,1023-", 200), ("bytes=0-1023,1024-", 206)] {
        let response = server.get_with(&path, RANGE, range).await;
        assert_eq!(response.status(), status, "{range}");
        assert_eq!(response.bytes().await.unwrap() == bytes, status == 200, "{range}");
    }
}

#[tokio::test]
async fn other_units_are_answered_in_full() {
    let (server, bytes, path) = server_with_blob().await;
    let response = server.get_with(&path, RANGE, "items=0-1").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn a_blob_without_bytes_has_no_range() {
    let server = Server::start().await;
    let digest = server.push_blob("a", b"").await;
    let response = server.get_with(&format!("/v2/a/blobs/{digest}"), RANGE, "bytes=0-").await;
    assert_eq!(header_text(&response, "content-range"), "bytes */0");
    Refusal::of(response).await.says(416, "RANGE_INVALID", "0 bytes", "empty blob");
}

#[tokio::test]
async fn several_ranges_come_as_parts_in_the_order_asked_for() {
    let (server, bytes, path) = server_with_blob().await;
    let cases: [(&str, &[(usize, usize)]); 4] = [
        ("bytes=0-9,100-199", &[(0, 9), (100, 199)]),
        ("bytes=1000-1499, 5-5, -3", &[(1000, 1499), (5, 5), (2045, 2047)]),
        ("bytes=0-99,50-149", &[(0, 99), (50, 149)]),
        ("bytes=0-1,9000-9001,2047-", &[(0, 1), (2047, 2047)]),
    ];
    for (range, expected) in cases {
        let response = server.get_with(&path, RANGE, range).await;
        assert_eq!(response.status(), 206, "{range}");
        assert!(!response.headers().contains_key("content-range"), "{range}");
        let parts = parts(response).await;
        let expected: Vec<_> = expected
            .iter()
            .map(|(first, last)| (format!("bytes {first}-{last}/{SIZE}"), bytes[*first..=*last].to_vec()))
            .collect();
        assert_eq!(parts, expected, "{range}");
    }
}

/// The `Content-Range` and the bytes of each part of a `multipart/byteranges` answer.
async fn parts(response: Response) -> Vec<(String, Vec<u8>)> {
    let content_type = header_text(&response, "content-type").to_owned();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("a multipart answer");
    let length: usize = header_text(&response, "content-length").parse().expect("a length");
    let body = response.bytes().await.expect("a body").to_vec();
    assert_eq!(body.len(), length);
    let (mut parts, mut rest) = (Vec::new(), body.as_slice());
    let delimiter = format!("\r\n--{boundary}");
    loop {
        rest = rest.strip_prefix(delimiter.as_bytes()).expect("a delimiter");
        if rest == b"--\r\n" {
            return parts;
        }
        let head_end = find(rest, b"\r\n\r\n").expect("a part's head");
        let head = std::str::from_utf8(&rest[..head_end]).expect("ASCII");
        assert!(head.contains("Content-Type: application/octet-stream"), "{head}");
        let range = head.lines().find_map(|line| line.strip_prefix("Content-Range: ")).expect("a range");
        let body = &rest[head_end + 4..];
        let end = find(body, delimiter.as_bytes()).expect("a closing delimiter");
        parts.push((range.to_owned(), body[..end].to_vec()));
        rest = &body[end..];
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[tokio::test]
async fn a_range_counts_only_while_the_entity_tag_still_stands() {
    let (server, bytes, path) = server_with_blob().await;
    let etag = header_text(&server.head(&path).await, "etag").to_owned();
    let cases = [
        (etag.clone(), 206),
        ("\"other\"".to_owned(), 200),
        // RFC 9110, section 13.1.5: a weak tag never matches here, and we give no dates.
        (format!("W/{etag}"), 200),
        ("Wed, 21 Oct 2015 07:28:00 GMT".to_owned(), 200),
    ];
    for (condition, status) in cases {
        let request = server.request(Method::GET, &path).header(RANGE, "bytes=5-9");
        let response = request.header(IF_RANGE, &condition).send().await.unwrap();
        assert_eq!(response.status(), status, "{condition}");
        let expected = if status == 206 { &bytes[5..=9] } else { &bytes[..] };
        assert_eq!(response.bytes().await.unwrap(), expected, "{condition}");
    }
}

#[tokio::test]
async fn a_client_that_has_all_of_it_gets_304_whatever_range_it_asks_for() {
    let (server, _, path) = server_with_blob().await;
    let etag = header_text(&server.head(&path).await, "etag").to_owned();
    let request = server.request(Method::GET, &path).header(RANGE, "bytes=5-9");
    assert_eq!(request.header("if-none-match", etag).send().await.unwrap().status(), 304);
}

#[tokio::test]
async fn ranges_are_offered_and_ignored_by_head() {
    let (server, _, path) = server_with_blob().await;
    let request = server.request(Method::HEAD, &path).header(RANGE, "bytes=0-9");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header_text(&response, "accept-ranges"), "bytes");
    assert_eq!(header_text(&response, "content-length"), SIZE.to_string());
}

#[tokio::test]
async fn a_broken_download_is_completed_by_range() {
    let server = Server::start().await;
    let bytes = bytes_of(3, 3 << 20);
    let digest = server.push_blob("a", &bytes).await;
    let path = format!("/v2/a/blobs/{digest}");
    let mut response = server.get(&path).await;
    let mut received = response.chunk().await.unwrap().unwrap().to_vec();
    drop(response);
    let range = format!("bytes={}-", received.len());
    let rest = server.get_with(&path, HeaderName::from_static("range"), &range).await;
    assert_eq!(rest.status(), 206);
    received.extend(rest.bytes().await.unwrap());
    assert!(received == bytes);
}
