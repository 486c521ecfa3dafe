//! Manifests, tags, referrers and lists.

use std::collections::BTreeSet;

use axum::response::IntoResponse as _;
use http::{Method, header};
use hwasm_registry::client::{
    Connector, Error, ErrorKind, Expected, FetchedManifest, Layout, MANIFEST_LIMIT_BYTES, PageRequest,
    PageStart, PutManifest, Target as _, all_repositories, all_tags,
};
use hwasm_registry::oci::{Descriptor, Digest, MediaType, Reference, Tag, media_type};
use serde_json::json;

use super::fake::{Fake, broken_off, options, parameter, status, with_headers};

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

/// An image without layers, told apart by `name`.
fn image(name: &str, subject: Option<&Descriptor>) -> (Descriptor, String) {
    let config = Descriptor::of(MediaType::known(media_type::OCI_EMPTY), b"{}");
    let mut body = json!({"schemaVersion": 2, "artifactType": "x/y", "config": config, "layers": [],
        "annotations": {"name": name}});
    if let Some(subject) = subject {
        body["subject"] = json!(subject);
    }
    let text = body.to_string();
    (Descriptor::of(MediaType::known(media_type::OCI_MANIFEST), text.as_bytes()), text)
}

fn put(text: &str, reference: Reference) -> PutManifest {
    PutManifest::new(MediaType::known(media_type::OCI_MANIFEST), text.to_owned(), reference)
}

#[tokio::test]
async fn a_manifest_is_stored_resolved_and_fetched_byte_for_byte() {
    let fake = Fake::start().await;
    let remote = fake.remote();
    let (descriptor, text) = image("a", None);
    let receipt = remote.put_manifest(&put(&text, tag("1"))).await.unwrap();
    assert_eq!(receipt.digest, descriptor.digest);
    for reference in [tag("1"), Reference::Digest(descriptor.digest.clone())] {
        assert_eq!(remote.resolve(&reference).await.unwrap(), descriptor);
        let expected = FetchedManifest { descriptor: descriptor.clone(), bytes: text.clone().into() };
        assert_eq!(remote.fetch_manifest(&reference).await.unwrap(), expected);
    }
    let missing = remote.fetch_manifest(&tag("2")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.hint().is_some_and(|hint| hint.contains("list")));
}

#[tokio::test]
async fn a_registry_that_states_no_digest_is_asked_for_the_body() {
    let fake = Fake::start().await;
    let (descriptor, text) = image("a", None);
    fake.on((Method::HEAD, "/manifests/"), 1, |_| status(200));
    fake.on((Method::GET, "/manifests/"), 1, move |_| {
        let kind = format!("{}; charset=utf-8", media_type::OCI_MANIFEST);
        Some(([(header::CONTENT_TYPE, kind)], text.clone()).into_response())
    });
    assert_eq!(fake.remote().resolve(&tag("1")).await.unwrap(), descriptor);
}

#[tokio::test]
async fn a_manifest_of_another_digest_is_an_error() {
    let fake = Fake::start().await;
    let remote = fake.remote();
    let (descriptor, text) = image("a", None);
    let (other, _) = image("b", None);
    remote.put_manifest(&put(&text, tag("1"))).await.unwrap();
    let body = text.clone();
    fake.on((Method::GET, "/manifests/"), 1, move |_| Some(body.clone().into_response()));
    let by_digest = remote.fetch_manifest(&Reference::Digest(other.digest.clone())).await.unwrap_err();
    assert!(matches!(&by_digest, Error::DigestMismatch { expected, actual }
        if *expected == other.digest && *actual == descriptor.digest));
    let stated = other.digest.to_string();
    fake.on((Method::GET, "/manifests/"), 1, move |_| {
        Some(([("docker-content-digest", stated.clone())], text.clone()).into_response())
    });
    let by_tag = remote.fetch_manifest(&tag("1")).await.unwrap_err();
    assert_eq!(by_tag.kind(), ErrorKind::Corrupt);
    let refused = remote.put_manifest(&put("{}", Reference::Digest(other.digest))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert_eq!(fake.count(&Method::PUT, "/manifests/"), 1, "wrong bytes are not even sent");
}

#[tokio::test]
async fn an_oversize_manifest_is_not_read_to_its_end() {
    let fake = Fake::start().await;
    let limit = usize::try_from(MANIFEST_LIMIT_BYTES).unwrap();
    fake.on((Method::GET, "/manifests/"), 1, move |_| Some(vec![b' '; limit + 1].into_response()));
    let stated = fake.remote().fetch_manifest(&tag("1")).await.unwrap_err();
    assert!(matches!(stated, Error::TooLarge { limit_bytes: MANIFEST_LIMIT_BYTES, .. }), "{stated}");
    fake.on((Method::GET, "/manifests/"), 1, |_| {
        let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 65536]));
        Some(axum::body::Body::from_stream(endless).into_response())
    });
    let endless = fake.remote().fetch_manifest(&tag("1")).await.unwrap_err();
    assert!(matches!(endless, Error::TooLarge { .. }), "{endless}");
    let large = " ".repeat(limit + 1);
    assert!(matches!(fake.remote().put_manifest(&put(&large, tag("1"))).await, Err(Error::TooLarge { .. })));
}

#[tokio::test]
async fn a_manifest_whose_body_breaks_off_is_asked_for_again() {
    let fake = Fake::start().await;
    let remote = fake.remote();
    let (descriptor, text) = image("a", None);
    remote.put_manifest(&put(&text, tag("1"))).await.unwrap();
    fake.on((Method::GET, "/manifests/"), 2, |_| Some(broken_off(200, b"{", 500)));
    assert_eq!(remote.fetch_manifest(&tag("1")).await.unwrap().descriptor, descriptor);
}

#[tokio::test]
async fn warnings_are_handed_on() {
    let fake = Fake::start().await;
    fake.on((Method::PUT, "/manifests/"), 1, |_| {
        let one = r#"299 - "Istio 1.15 cannot load it""#;
        Some(with_headers(201, &[("warning", one), ("warning", r#"299 - "nor can wkg""#)]))
    });
    let (_, text) = image("a", None);
    let receipt = fake.remote().put_manifest(&put(&text, tag("1"))).await.unwrap();
    assert_eq!(receipt.warnings, ["Istio 1.15 cannot load it", "nor can wkg"]);
}

#[tokio::test]
async fn several_tags_take_one_request_where_the_registry_acknowledges_them() {
    let (_, text) = image("a", None);
    let manifest = PutManifest {
        tags: vec!["1.0".parse().unwrap(), "latest".parse().unwrap()],
        ..put(&text, tag("1.0.0"))
    };
    let fake = Fake::start().await;
    fake.on((Method::PUT, "/manifests/sha256:"), 1, |seen| {
        assert_eq!(seen.uri.query(), Some("tag=1.0.0&tag=1.0&tag=latest"));
        Some(with_headers(201, &[("oci-tag", "1.0.0"), ("oci-tag", "latest")]))
    });
    fake.remote().put_manifest(&manifest).await.unwrap();
    let puts: Vec<_> = fake.log().iter().map(super::fake::Seen::line).collect();
    assert_eq!(puts.len(), 2);
    assert_eq!(puts[1], "PUT /v2/team/a/manifests/1.0", "the one tag left out");

    let old = Fake::start().await;
    old.remote().put_manifest(&manifest).await.unwrap();
    assert_eq!(old.count(&Method::PUT, "/manifests/"), 4);
    assert!(old.state.lock().unwrap().manifests.contains_key("team/a@latest"));
}

#[tokio::test]
async fn what_is_expected_of_a_tag_is_said_to_the_registry() {
    let (descriptor, text) = image("a", None);
    let digest = format!("\"{}\"", descriptor.digest);
    for (expected, if_match, if_none_match) in [
        (Expected::Anything, None, None),
        (Expected::Absent, None, Some("*")),
        (Expected::Digest(descriptor.digest.clone()), Some(digest.as_str()), None),
    ] {
        let fake = Fake::start().await;
        let tags = vec!["2".parse().unwrap()];
        let manifest = PutManifest { tags, expected: expected.clone(), ..put(&text, tag("1")) };
        fake.remote().put_manifest(&manifest).await.unwrap();
        let log = fake.log();
        let first =
            if expected == Expected::Anything { descriptor.digest.to_string() } else { "1".to_owned() };
        assert_eq!(log[0].line(), format!("PUT /v2/team/a/manifests/{first}"));
        assert_eq!((log[0].header("if-match"), log[0].header("if-none-match")), (if_match, if_none_match));
        assert!(
            log[1..].iter().all(|seen| seen.header("if-match").or(seen.header("if-none-match")).is_none())
        );
    }
}

#[tokio::test]
async fn a_layout_looks_at_its_tag_too() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::open_or_create(directory.path()).await.unwrap();
    let ((one, first), (two, second)) = (image("a", None), image("b", None));
    let put = |text: &str, expected| PutManifest { expected, ..put(text, tag("1")) };
    layout.put_manifest(&put(&first, Expected::Absent)).await.unwrap();
    for expected in [Expected::Absent, Expected::Digest(two.digest.clone())] {
        let other = image("c", None).1;
        let error = layout.put_manifest(&put(&other, expected)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(&one.digest.to_string()), "{error}");
    }
    layout.put_manifest(&put(&second, Expected::Digest(one.digest))).await.unwrap();
    assert_eq!(layout.resolve(&tag("1")).await.unwrap().digest, two.digest);
}

#[tokio::test]
async fn referrers_come_from_the_api_where_there_is_one() {
    let fake = Fake::start().await;
    fake.state.lock().unwrap().referrers_api = true;
    let remote = fake.remote();
    let (subject, text) = image("subject", None);
    remote.put_manifest(&put(&text, tag("1"))).await.unwrap();
    let (referrer, text) = image("referrer", Some(&subject));
    let receipt = remote.put_manifest(&put(&text, Reference::Digest(referrer.digest.clone()))).await.unwrap();
    assert_eq!(receipt.subject, Some(subject.digest.clone()));
    let found = remote.referrers(&subject.digest).await.unwrap();
    assert_eq!(found.iter().map(|found| &found.digest).collect::<Vec<_>>(), [&referrer.digest]);
    assert_eq!(fake.count(&Method::PUT, "/manifests/sha256-"), 0, "no tag stands in for the API");
}

#[tokio::test]
async fn referrers_fall_back_to_a_tag_and_are_kept_there() {
    let fake = Fake::start().await;
    let remote = fake.remote();
    let (subject, text) = image("subject", None);
    remote.put_manifest(&put(&text, tag("1"))).await.unwrap();
    assert_eq!(remote.referrers(&subject.digest).await.unwrap(), []);
    let mut expected = Vec::new();
    for name in ["signature", "sbom"] {
        let (referrer, text) = image(name, Some(&subject));
        for _ in 0..2 {
            let put = put(&text, Reference::Digest(referrer.digest.clone()));
            let receipt = remote.put_manifest(&put).await.unwrap();
            assert_eq!(receipt.subject, Some(subject.digest.clone()));
        }
        expected.push((referrer.digest, Some("x/y".to_owned()), name));
    }
    let found = remote.referrers(&subject.digest).await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|found| (found.digest.clone(), found.artifact_type.clone(), found.annotation("name").unwrap()))
        .collect();
    assert_eq!(seen, expected);
    let fallback = format!("team/a@{}", subject.digest.to_string().replace(':', "-"));
    assert!(fake.state.lock().unwrap().manifests.contains_key(&fallback));

    remote.delete(&Reference::Digest(expected[0].0.clone())).await.unwrap();
    let left = remote.referrers(&subject.digest).await.unwrap();
    assert_eq!(left.iter().map(|found| &found.digest).collect::<Vec<_>>(), [&expected[1].0]);
}

#[tokio::test]
async fn a_web_page_in_place_of_the_referrers_api_means_there_is_none() {
    let fake = Fake::start().await;
    let digest = Digest::sha256(b"x");
    fake.on((Method::GET, "/referrers/"), 1, |_| Some(axum::response::Html("<p>hello").into_response()));
    assert_eq!(fake.remote().referrers(&digest).await.unwrap(), []);
    fake.on((Method::GET, "/referrers/"), 1, |_| Some(with_headers(303, &[("location", "/page")])));
    assert_eq!(fake.remote().referrers(&digest).await.unwrap(), []);
    assert_eq!(fake.count(&Method::GET, "/page"), 0);
}

#[tokio::test]
async fn a_delete_says_what_the_registry_cannot_do() {
    let fake = Fake::start().await;
    let remote = fake.remote();
    let (_, text) = image("a", None);
    remote.put_manifest(&put(&text, tag("1"))).await.unwrap();
    remote.delete(&tag("1")).await.unwrap();
    assert_eq!(remote.delete(&tag("1")).await.unwrap_err().kind(), ErrorKind::NotFound);
    fake.on((Method::DELETE, "/manifests/"), 1, |_| status(405));
    let error = remote.delete(&tag("1")).await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("digest instead of the tag")));
}

fn tag_pages(fake: &Fake, link: &'static str) {
    fake.on((Method::GET, "/tags/list"), usize::MAX, move |seen| {
        let body = match parameter(seen, "page").as_deref() {
            None => json!({"name": "team/a", "tags": ["b", "c"]}),
            Some("2") => json!({"name": "team/a", "tags": ["a"]}),
            Some(_) => json!({"name": "team/a", "tags": null}),
        };
        let next =
            if parameter(seen, "page").is_none() { format!("<{link}>; rel=\"next\"") } else { String::new() };
        Some(([(header::LINK, next)], body.to_string()).into_response())
    });
}

#[tokio::test]
async fn tags_are_listed_page_after_page() {
    let fake = Fake::start().await;
    tag_pages(&fake, "/v2/team/a/tags/list?page=2");
    let remote = fake.remote();
    let all: BTreeSet<Tag> = all_tags(&remote).await.unwrap();
    assert_eq!(all.iter().map(Tag::as_str).collect::<Vec<_>>(), ["a", "b", "c"]);
    let request = PageRequest { limit: Some(2), start: PageStart::After("a+".to_owned()) };
    let first = remote.tags(&request).await.unwrap();
    assert_eq!(fake.log()[2].uri.query(), Some("n=2&last=a%2B"));
    let second = remote.tags(&request.next(first.next.unwrap())).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
}

#[tokio::test]
async fn pages_without_end_or_on_another_host_are_not_followed() {
    let fake = Fake::start().await;
    fake.on((Method::GET, "/tags/list"), 100, |_| {
        let link = r#"</v2/team/a/tags/list?last=a>; rel="next""#;
        Some(([(header::LINK, link)], r#"{"tags":["a"]}"#).into_response())
    });
    assert_eq!(all_tags(&fake.remote()).await.unwrap().len(), 1);
    assert_eq!(fake.count(&Method::GET, "/tags/list"), 2);
    fake.on((Method::GET, "/v2/_catalog"), 100, |_| {
        let link = r#"</v2/_catalog?last=a>; rel="next""#;
        Some(([(header::LINK, link)], r#"{"repositories":["a"]}"#).into_response())
    });
    assert_eq!(all_repositories(fake.remote().registry()).await.unwrap().len(), 1);

    let other = Fake::start().await;
    tag_pages(&other, "http://elsewhere.invalid/v2/");
    let error = all_tags(&other.remote()).await.unwrap_err();
    assert!(error.to_string().contains("`Link`"), "{error}");
}

#[tokio::test]
async fn repositories_are_listed_and_strange_answers_named() {
    let fake = Fake::start().await;
    let registry = Connector::new(options()).registry(&fake.host).unwrap();
    fake.on((Method::GET, "/_catalog"), 1, |_| Some(r#"{"repositories":["a","team/b"]}"#.into_response()));
    let page = registry.catalog(&PageRequest::default()).await.unwrap();
    assert_eq!(page.items.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "team/b"]);
    for strange in ["<html>", r#"{"repositories":["UPPER"]}"#, r#"{"repositories":"a"}"#] {
        fake.on((Method::GET, "/_catalog"), 1, move |_| Some(strange.into_response()));
        let error = registry.catalog(&PageRequest::default()).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error}");
    }
}
