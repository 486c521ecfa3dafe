//! Blobs on their way down.

use std::time::{Duration, Instant};

use axum::response::IntoResponse as _;
use futures_util::TryStreamExt as _;
use http::Method;
use hwasm_registry::client::{ByteStream, Connector, Error, ErrorKind, Options, RetryPolicy, Target as _};
use hwasm_registry::oci::Descriptor;

use super::fake::{Fake, broken_off, content, options, status, with_headers};

async fn drain(stream: ByteStream) -> Result<Vec<u8>, Error> {
    stream
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
}

async fn download(fake: &Fake, blob: &Descriptor) -> Result<Vec<u8>, Error> {
    drain(fake.remote().fetch_blob(blob).await?).await
}

#[tokio::test]
async fn a_broken_stream_is_taken_up_where_it_broke() {
    let fake = Fake::start().await;
    let whole = content(300_000);
    let blob = fake.hold_blob(&whole);
    let (first, second) = (whole[..100_000].to_vec(), whole[100_000..150_000].to_vec());
    let mut answers = vec![broken_off(206, &second, 200_000), broken_off(200, &first, 300_000)];
    answers[0].headers_mut().insert("content-range", "bytes 100000-299999/300000".parse().unwrap());
    fake.on((Method::GET, "/blobs/"), 2, move |_| answers.pop());
    assert!(download(&fake, &blob).await.unwrap() == whole);
    let ranges: Vec<_> = fake.log().iter().map(|seen| seen.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=100000-".to_owned()), Some("bytes=150000-".to_owned())]);
}

#[tokio::test]
async fn a_registry_without_ranges_is_read_from_the_start_again() {
    let fake = Fake::start().await;
    let whole = content(300_000);
    let blob = fake.hold_blob(&whole);
    let mut answers = vec![whole.clone().into_response(), broken_off(200, &whole[..100_000], 300_000)];
    fake.on((Method::GET, "/blobs/"), 2, move |_| answers.pop());
    assert!(download(&fake, &blob).await.unwrap() == whole);
}

#[tokio::test]
async fn a_range_other_than_asked_for_is_refused() {
    let fake = Fake::start().await;
    let whole = content(1000);
    let blob = fake.hold_blob(&whole);
    let mut answers = vec![
        with_headers(206, &[("content-range", "bytes 5-999/1000")]),
        broken_off(200, &whole[..100], 1000),
    ];
    fake.on((Method::GET, "/blobs/"), 2, move |_| answers.pop());
    assert!(matches!(download(&fake, &blob).await, Err(Error::Protocol { .. })));
}

#[tokio::test]
async fn a_stream_that_breaks_without_end_is_given_up() {
    let fake = Fake::start().await;
    let blob = fake.hold_blob(&content(1000));
    fake.on((Method::GET, "/blobs/"), 100, |_| Some(broken_off(200, b"", 1000)));
    let error = download(&fake, &blob).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert_eq!(fake.count(&Method::GET, "/blobs/"), 5);
}

#[tokio::test]
async fn content_of_another_digest_or_size_is_an_error() {
    let fake = Fake::start().await;
    let whole = content(1000);
    let blob = fake.hold_blob(&whole);
    for wrong in [vec![0; 1000], [whole.clone(), vec![0]].concat()] {
        fake.on((Method::GET, "/blobs/"), 1, move |_| Some(wrong.clone().into_response()));
        let error = download(&fake, &blob).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[tokio::test]
async fn passing_failures_are_tried_again_and_others_are_not() {
    let fake = Fake::start().await;
    let blob = fake.hold_blob(b"hello");
    for code in [408, 429, 500, 502, 503, 504] {
        let before = fake.log().len();
        fake.on((Method::GET, "/blobs/"), 2, move |_| status(code));
        assert_eq!(download(&fake, &blob).await.unwrap(), b"hello", "{code}");
        assert_eq!(fake.log().len() - before, 3, "{code}");
    }
    for code in [400, 403, 404, 405, 410, 501, 505] {
        let before = fake.log().len();
        fake.on((Method::GET, "/blobs/"), 1, move |_| status(code));
        assert_eq!(download(&fake, &blob).await.unwrap_err().status(), Some(code), "{code}");
        assert_eq!(fake.log().len() - before, 1, "{code}");
    }
}

#[tokio::test]
async fn a_registry_that_stays_overloaded_is_given_up_after_five_tries() {
    let fake = Fake::start().await;
    let blob = fake.hold_blob(b"hello");
    fake.on((Method::GET, "/blobs/"), 100, |_| status(503));
    let error = download(&fake, &blob).await.unwrap_err();
    assert_eq!((error.status(), error.kind()), (Some(503), ErrorKind::Network));
    assert_eq!(fake.log().len(), 5);
}

#[tokio::test]
async fn retry_after_is_waited_for_but_not_without_end() {
    let fake = Fake::start().await;
    let blob = fake.hold_blob(b"hello");
    fake.on((Method::GET, "/blobs/"), 1, |_| Some(with_headers(429, &[("retry-after", "1")])));
    let begin = Instant::now();
    assert_eq!(download(&fake, &blob).await.unwrap(), b"hello");
    assert!(begin.elapsed() >= Duration::from_secs(1));

    fake.on((Method::GET, "/blobs/"), 1, |_| Some(with_headers(429, &[("retry-after", "3600")])));
    let begin = Instant::now();
    let error = download(&fake, &blob).await.unwrap_err();
    assert_eq!(error.status(), Some(429));
    assert!(begin.elapsed() < Duration::from_secs(1), "it does not wait for an hour");
    assert!(error.hint().is_some_and(|hint| hint.contains("limits requests")));
}

#[tokio::test]
async fn a_redirect_to_another_host_gets_no_credentials() {
    let (fake, store) = (Fake::start().await, Fake::start().await);
    let blob = store.hold_blob(b"hello");
    let elsewhere = format!("http://{}/v2/x/blobs/{}?signature=s3cret", store.host, blob.digest);
    let here = format!("/v2/moved/blobs/{}", blob.digest);
    fake.on((Method::GET, "/moved/"), 1, move |_| Some(with_headers(307, &[("location", &elsewhere)])));
    fake.on((Method::GET, "/team/a/"), 2, move |seen| match seen.header("authorization") {
        Some(_) => Some(with_headers(302, &[("location", &here)])),
        None => Some(with_headers(401, &[("www-authenticate", "Basic realm=\"x\"")])),
    });
    let remote = fake.remote_with(super::auth::as_ada(options()));
    assert_eq!(drain(remote.fetch_blob(&blob).await.unwrap()).await.unwrap(), b"hello");
    assert!(
        fake.log()[2].uri.path().starts_with("/v2/moved/") && fake.log()[2].header("authorization").is_some()
    );
    let seen = store.log();
    assert_eq!((seen.len(), seen[0].header("authorization")), (1, None));
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let fake = Fake::start().await;
    let blob = fake.hold_blob(b"hello");
    fake.on((Method::GET, "/blobs/"), 100, |seen| Some(with_headers(307, &[("location", seen.uri.path())])));
    let error = download(&fake, &blob).await.unwrap_err();
    assert!(error.to_string().contains("redirects more than 5 times"), "{error}");
}

#[tokio::test]
async fn whether_a_blob_is_there_is_asked_by_head() {
    let fake = Fake::start().await;
    let there = fake.hold_blob(b"hello");
    let remote = fake.remote();
    assert!(remote.has_blob(&there).await.unwrap());
    assert!(!remote.has_blob(&super::fake::blob(b"other")).await.unwrap());
    assert_eq!(fake.count(&Method::HEAD, "/v2/team/a/blobs/sha256:"), 2);
}

#[tokio::test]
async fn a_registry_that_is_restarted_is_waited_for() {
    let fake = Fake::start().await;
    let address = fake.host.to_string();
    let retry = RetryPolicy { first_wait: Duration::from_millis(300), ..RetryPolicy::default() };
    let registry = Connector::new(Options { retry, ..options() }).registry(&fake.host).unwrap();
    registry.ping().await.unwrap();
    drop(fake);
    let (answer, _fake) = tokio::join!(registry.ping(), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        Fake::start_at(&address).await
    });
    answer.unwrap();
}
