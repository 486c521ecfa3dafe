//! Blobs on their way up.

use std::sync::{Arc, Mutex};

use http::Method;
use hwasm_registry::client::{
    BlobOutcome, BlobSource, Error, ErrorKind, Layout, Progress, PutManifest, Target,
};
use hwasm_registry::oci::{Descriptor, MediaType, media_type};

use super::fake::{Fake, blob, content, silence, status, with_headers};

const MIB: usize = 1024 * 1024;

async fn upload(fake: &Fake, whole: &[u8]) -> Result<BlobOutcome, Error> {
    fake.remote().put_blob(&blob(whole), &BlobSource::bytes(whole.to_vec())).await
}

fn holds(fake: &Fake, whole: &[u8]) -> bool {
    let state = fake.state.lock().unwrap();
    state.blobs.get(&blob(whole).digest.to_string()).is_some_and(|held| held == whole)
}

fn lines(fake: &Fake) -> Vec<String> {
    let short = |line: String| line.replace("/v2/team/a/blobs/", "");
    let lines = fake.log().iter().map(|seen| short(seen.line())).collect::<Vec<_>>();
    lines.into_iter().map(|line| line.split("sha256:").next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_blob_goes_up_in_one_request_and_not_again() {
    let fake = Fake::start().await;
    for whole in [content(3 * MIB), Vec::new()] {
        assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Copied);
        assert!(holds(&fake, &whole));
        assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Existed);
    }
    assert_eq!(lines(&fake)[..4], ["HEAD ", "POST uploads/", "PUT uploads/1", "HEAD "]);
}

#[tokio::test]
async fn a_blob_of_another_repository_is_mounted() {
    let fake = Fake::start().await;
    let whole = content(10);
    fake.hold_blob(&whole);
    let elsewhere = fake.remote().registry().repository(&"other/b".parse().unwrap());
    fake.on((Method::HEAD, "/team/a/"), 1, |_| status(404));
    let remote = elsewhere.registry().repository(&"team/a".parse().unwrap());
    let outcome = remote.put_blob(&blob(&whole), &BlobSource::target(Arc::new(elsewhere))).await.unwrap();
    assert_eq!(outcome, BlobOutcome::Mounted);
    let query = fake.log()[1].uri.query().unwrap().to_owned();
    assert!(query.ends_with("&from=other%2Fb") && query.starts_with("mount=sha256%3A"), "{query}");
}

#[tokio::test]
async fn a_mount_that_is_declined_goes_on_as_an_upload() {
    let (fake, source) = (Fake::start().await, Fake::start().await);
    let whole = content(MIB);
    source.hold_blob(&whole);
    // The same registry as far as names tell, but it does not hold the blob; its source does.
    let other = fake.remote().registry().repository(&"other/b".parse().unwrap());
    let body = whole.clone();
    fake.on((Method::GET, "/other/b/blobs/"), 1, move |_| {
        Some(axum::response::IntoResponse::into_response(body.clone()))
    });
    let remote = other.registry().repository(&"team/a".parse().unwrap());
    let outcome = remote.put_blob(&blob(&whole), &BlobSource::target(Arc::new(other))).await.unwrap();
    assert_eq!(outcome, BlobOutcome::Copied);
    assert!(holds(&fake, &whole));
    assert_eq!(fake.count(&Method::POST, "/uploads/"), 1, "the declined mount opens the upload");
}

#[tokio::test]
async fn a_broken_upload_goes_on_from_what_was_acknowledged() {
    let fake = Fake::start().await;
    let whole = content(9 * MIB);
    fake.state.lock().unwrap().cut_uploads = vec![6 * MIB, 2 * MIB];
    assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Copied);
    assert!(holds(&fake, &whole));
    assert_eq!(
        lines(&fake)[1..],
        [
            "POST uploads/",
            "PUT uploads/1",
            "GET uploads/1",
            "PATCH uploads/1",
            "GET uploads/1",
            "PATCH uploads/1",
            "PUT uploads/1"
        ]
    );
    let ranges: Vec<_> =
        fake.log().iter().filter_map(|seen| Some(seen.header("content-range")?.to_owned())).collect();
    let end = 9 * MIB - 1;
    assert_eq!(ranges, [format!("{}-{end}", 2 * MIB), format!("{}-{end}", 6 * MIB)]);
}

#[tokio::test]
async fn a_lost_session_is_begun_anew() {
    let fake = Fake::start().await;
    let whole = content(MIB);
    fake.on((Method::PUT, "/uploads/1"), 1, |_| silence());
    fake.on((Method::GET, "/uploads/1"), 1, |_| status(404));
    assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Copied);
    assert!(holds(&fake, &whole));
    assert_eq!(fake.count(&Method::PUT, "/uploads/2"), 1);
}

#[tokio::test]
async fn a_lost_answer_to_the_closing_request_is_no_failure() {
    let fake = Fake::start().await;
    let whole = content(MIB);
    // The registry stores the blob, and the connection breaks before it can say so.
    fake.on((Method::HEAD, "/blobs/"), 1, |_| status(404));
    fake.hold_blob(&whole);
    fake.on((Method::PUT, "/uploads/1"), 1, |_| silence());
    fake.on((Method::GET, "/uploads/1"), 1, |_| status(404));
    assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Copied);
    assert_eq!(fake.count(&Method::POST, "/uploads/"), 1);
}

#[tokio::test]
async fn a_registry_that_limits_bodies_gets_chunks_of_four_mebibytes() {
    let fake = Fake::start().await;
    let whole = content(9 * MIB + 5);
    fake.state.lock().unwrap().body_limit = Some(4 * MIB);
    assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Copied);
    assert!(holds(&fake, &whole));
    let lengths: Vec<_> = fake
        .log()
        .iter()
        .filter(|seen| seen.method == Method::PATCH)
        .map(|seen| seen.header("content-length").unwrap().parse::<usize>().unwrap())
        .collect();
    assert_eq!(lengths, [4 * MIB, 4 * MIB, MIB + 5]);
}

#[tokio::test]
async fn a_chunk_is_no_smaller_than_the_registry_asks() {
    let fake = Fake::start().await;
    let whole = content(9 * MIB);
    fake.on((Method::PUT, "/uploads/1"), 1, |_| status(416));
    let location = [("location", "9?_state=s%2Bx"), ("oci-chunk-min-length", "5242880")];
    fake.state.lock().unwrap().uploads.insert("9".to_owned(), Vec::new());
    fake.on((Method::POST, "/uploads/"), 2, {
        let mut calls = 0;
        move |_| {
            calls += 1;
            (calls == 2).then(|| with_headers(202, &location))
        }
    });
    assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Copied);
    assert!(holds(&fake, &whole));
    let first = fake.log().into_iter().find(|seen| seen.method == Method::PATCH).unwrap();
    assert_eq!(first.header("content-range"), Some("0-5242879"));
}

#[tokio::test]
async fn a_chunk_that_breaks_or_is_out_of_step_is_sent_again() {
    let fake = Fake::start().await;
    let whole = content(10 * MIB);
    {
        let mut state = fake.state.lock().unwrap();
        state.body_limit = Some(4 * MIB);
        state.cut_uploads = vec![5 * MIB, usize::MAX];
    }
    let mut calls = 0;
    fake.on((Method::PATCH, "/uploads/"), 10, move |_| {
        calls += 1;
        (calls == 3).then(|| with_headers(416, &[]))
    });
    assert_eq!(upload(&fake, &whole).await.unwrap(), BlobOutcome::Copied);
    assert!(holds(&fake, &whole));
}

#[tokio::test]
async fn an_upload_that_never_gets_through_is_given_up() {
    let fake = Fake::start().await;
    fake.on((Method::PUT, "/uploads/"), 100, |_| silence());
    fake.on((Method::PATCH, "/uploads/"), 100, |_| silence());
    let error = upload(&fake, &content(MIB)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    let tries = fake.count(&Method::PUT, "/uploads/") + fake.count(&Method::PATCH, "/uploads/");
    assert!((5..=10).contains(&tries), "{tries}");
}

#[tokio::test]
async fn content_of_another_digest_is_refused_by_the_registry_once() {
    let fake = Fake::start().await;
    let error = fake.remote().put_blob(&blob(b"hello"), &BlobSource::bytes("hallo")).await.unwrap_err();
    assert_eq!((error.status(), error.kind()), (Some(400), ErrorKind::Refused));
    assert!(error.to_string().contains("DIGEST_INVALID"));
    assert_eq!(fake.count(&Method::PUT, "/uploads/"), 1);
}

#[tokio::test]
async fn a_fault_of_the_source_comes_out_as_itself() {
    let fake = Fake::start().await;
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::open_or_create(directory.path()).await.unwrap();
    let whole = content(MIB);
    layout.put_blob(&blob(&whole), &BlobSource::bytes(whole.clone())).await.unwrap();
    let path = directory.path().join("blobs/sha256").join(blob(&whole).digest.hex());
    std::fs::write(path, vec![0; MIB]).unwrap();
    let error =
        fake.remote().put_blob(&blob(&whole), &BlobSource::target(Arc::new(layout))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(!holds(&fake, &whole));
}

#[tokio::test]
async fn an_upload_led_to_another_host_takes_no_credentials_along() {
    let (fake, store) = (Fake::start().await, Fake::start().await);
    store.state.lock().unwrap().uploads.insert("7".to_owned(), Vec::new());
    let location = format!("http://{}/v2/x/blobs/uploads/7?_state=s%2Bx", store.host);
    fake.on((Method::POST, "/uploads/"), 1, move |_| Some(with_headers(202, &[("location", &location)])));
    fake.on((Method::HEAD, "/blobs/"), 2, |seen| match seen.header("authorization") {
        Some(_) => status(404),
        None => Some(with_headers(401, &[("www-authenticate", "Basic realm=\"x\"")])),
    });
    let remote = fake.remote_with(super::auth::as_ada(super::fake::options()));
    remote.put_blob(&blob(b"hello"), &BlobSource::bytes("hello")).await.unwrap();
    assert!(fake.log()[2].header("authorization").is_some());
    let seen = store.log();
    assert_eq!((seen.len(), seen[0].header("authorization")), (1, None));
}

#[tokio::test]
async fn an_upload_without_a_usable_location_is_named() {
    let fake = Fake::start().await;
    for headers in [&[][..], &[("location", "ftp://x/y")]] {
        fake.on((Method::POST, "/uploads/"), 1, move |_| Some(with_headers(202, headers)));
        let error = upload(&fake, b"x").await.unwrap_err();
        assert!(error.to_string().contains("`Location`"), "{error}");
    }
}

#[derive(Default)]
struct Positions(Mutex<Vec<u64>>);

impl Progress for Positions {
    fn advanced(&self, _blob: &Descriptor, position: u64) {
        self.0.lock().unwrap().push(position);
    }
}

#[tokio::test]
async fn progress_goes_back_to_where_a_broken_upload_goes_on() {
    let fake = Fake::start().await;
    let whole = content(4 * MIB);
    fake.state.lock().unwrap().cut_uploads = vec![MIB];
    let positions = Arc::new(Positions::default());
    let source = BlobSource::bytes(whole.clone()).watched_by(Arc::clone(&positions) as Arc<dyn Progress>);
    fake.remote().put_blob(&blob(&whole), &source).await.unwrap();
    let heard = positions.0.lock().unwrap().clone();
    let restart = heard.iter().rposition(|position| *position == MIB as u64).unwrap();
    assert!(restart > 0 && heard[restart - 1] >= MIB as u64, "{heard:?}");
    assert_eq!(heard.last(), Some(&(4 * MIB as u64)));
}

#[tokio::test]
async fn what_is_not_a_registry_is_said_to_be_none() {
    let fake = Fake::start().await;
    fake.on((Method::PUT, "/manifests/"), 1, |_| Some(with_headers(204, &[])));
    let manifest = PutManifest::new(
        MediaType::known(media_type::OCI_INDEX),
        r#"{"schemaVersion":2,"manifests":[]}"#,
        "1".parse::<hwasm_registry::oci::Tag>().unwrap(),
    );
    let error = fake.remote().put_manifest(&manifest).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn a_single_byte_goes_in_a_chunk_of_its_own() {
    let fake = Fake::start().await;
    fake.on((Method::PUT, "/blobs/uploads/"), 1, |_| status(413));
    assert_eq!(upload(&fake, b"x").await.unwrap(), BlobOutcome::Copied);
    assert!(holds(&fake, b"x"));
}
