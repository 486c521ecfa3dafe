//! Answers with content that never changes: conditional requests and byte ranges (RFC 9110, sections 13 and 14).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::header_fields::{text, value};
use super::problem::Problem;
use crate::oci::{ByteRange, ErrorCode, Ranges};
use crate::registry::Blob;

/// Whether `If-None-Match` names this entity tag (RFC 9110, section 13.1.2: weak comparison).
pub(super) fn is_known_to_client(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == etag.as_bytes())
    })
}

/// The answer that sends nothing, because the client has it.
pub(super) fn not_modified(etag: HeaderValue) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response()
}

/// A blob's bytes, or the ranges of them that were asked for.
pub(super) fn blob(headers: &HeaderMap, blob: &Blob, etag: &HeaderValue) -> Result<Response, Problem> {
    let mut response = match requested_ranges(headers, blob.size(), etag)? {
        None => whole(blob),
        Some(ranges) => match ranges.as_slice() {
            [range] => part(blob, range),
            ranges => multipart(blob, ranges),
        },
    };
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// The head of an answer with a blob's bytes.
pub(super) fn blob_head(blob: &Blob) -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(header::CONTENT_LENGTH, value(&blob.size()));
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

fn requested_ranges(
    headers: &HeaderMap,
    size: u64,
    etag: &HeaderValue,
) -> Result<Option<Vec<ByteRange>>, Problem> {
    let Some(range) = text(headers, &header::RANGE) else { return Ok(None) };
    // RFC 9110, section 13.1.5: with another entity tag the client wants all of it.
    if headers.get(header::IF_RANGE).is_some_and(|known| known != etag) {
        return Ok(None);
    }
    let resolved =
        Ranges::parse(range).and_then(|ranges| ranges.map(|ranges| ranges.resolve(size)).transpose());
    // Ranges that overlap so much that they are more than the content: one copy serves as well (RFC 9110, section 14.2).
    let is_less_than_all = |ranges: &Vec<ByteRange>| ranges.iter().map(length).sum::<u64>() <= size;
    resolved.map(|ranges| ranges.filter(is_less_than_all)).map_err(|error| {
        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeInvalid, error.to_string())
            .with_header(header::CONTENT_RANGE, value(&format!("bytes */{size}")))
    })
}

fn whole(blob: &Blob) -> Response {
    let mut response = Response::new(Body::from_stream(blob.stream(0..blob.size())));
    response.headers_mut().insert(header::CONTENT_LENGTH, value(&blob.size()));
    response
}

fn part(blob: &Blob, range: &ByteRange) -> Response {
    let mut response = Response::new(Body::from_stream(blob.stream(*range.start()..range.end() + 1)));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response.headers_mut().insert(header::CONTENT_LENGTH, value(&length(range)));
    response.headers_mut().insert(header::CONTENT_RANGE, value(&content_range(range, blob.size())));
    response
}

/// RFC 9110, section 14.6: `multipart/byteranges`.
fn multipart(blob: &Blob, ranges: &[ByteRange]) -> Response {
    let boundary = uuid::Uuid::new_v4().simple().to_string();
    let part_head = |range: &ByteRange| {
        let content_range = content_range(range, blob.size());
        format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {content_range}\r\n\r\n"
        )
    };
    let end = format!("\r\n--{boundary}--\r\n");
    let total: u64 = ranges.iter().map(|range| part_head(range).len() as u64 + length(range)).sum();
    let parts: Vec<_> = ranges.iter().map(|range| (part_head(range), range.clone())).collect();
    let blob = blob.clone();
    let body = stream::iter(parts)
        .flat_map(move |(head, range)| one(head).chain(blob.stream(*range.start()..range.end() + 1)));
    let content_length = total + end.len() as u64;
    let mut response = Response::new(Body::from_stream(body.chain(one(end))));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let content_type = value(&format!("multipart/byteranges; boundary={boundary}"));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, value(&content_length));
    response
}

fn one(text: String) -> impl Stream<Item = std::io::Result<bytes::Bytes>> {
    stream::once(async move { Ok(text.into()) })
}

fn length(range: &ByteRange) -> u64 {
    range.end() - range.start() + 1
}

fn content_range(range: &ByteRange, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start(), range.end())
}
