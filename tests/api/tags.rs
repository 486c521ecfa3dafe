//! Tags that stay what they are, and tags that move only where they name what the client expects.

use futures_util::future::join_all;
use http::{Method, header};
use serde_json::json;

use crate::harness::{Footprint, Image, Refusal, Server, Setup, descriptor_of};

const TAG: &str = "/v2/plugins/a/manifests/1.0.0";

/// A server whose versions below `plugins` stay.
async fn with_immutable_versions() -> Server {
    Setup::new().immutable("plugins/**", "semver").start().await
}

async fn put(server: &Server, path: &str, image: &Image, condition: &[(header::HeaderName, &str)]) -> u16 {
    request(server, path, image, condition).await.status().as_u16()
}

async fn request(
    server: &Server,
    path: &str,
    image: &Image,
    condition: &[(header::HeaderName, &str)],
) -> reqwest::Response {
    let mut request = server.request(Method::PUT, path).header(header::CONTENT_TYPE, &image.media_type);
    for (name, value) in condition {
        request = request.header(name, *value);
    }
    request.body(image.bytes.clone()).send().await.expect("an answer")
}

/// Pushes the blobs of an image, so that its manifest can follow.
async fn prepare(server: &Server, repository: &str, image: &Image) {
    for blob in &image.blobs {
        server.push_blob(repository, blob).await;
    }
}

async fn names(server: &Server, path: &str) -> Option<String> {
    let response = server.get(path).await;
    let digest = response.headers().get("docker-content-digest")?;
    Some(digest.to_str().expect("a digest").to_owned())
}

#[tokio::test]
async fn an_immutable_tag_is_made_and_never_moves() {
    let server = with_immutable_versions().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "1.0.0", &one).await;
    prepare(&server, "plugins/a", &two).await;
    let before = Footprint::of(server.data_dir()).await;
    for path in [
        TAG.to_owned(),
        format!("/v2/plugins/a/manifests/{}?tag=latest&tag=1.0.0", two.digest),
        format!("{}?tag=1.0.0", "/v2/plugins/a/manifests/2.0.0"),
    ] {
        let refusal = Refusal::of(request(&server, &path, &two, &[]).await).await;
        refusal.says(409, "DENIED", &one.digest, &path);
        refusal.says(409, "DENIED", r#"`repository = "plugins/**", tags = "semver"`"#, &path);
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before, "nothing was stored");
    assert_eq!(names(&server, TAG).await, Some(one.digest.clone()));
    server.push_manifest("plugins/a", "1.0.0", &one).await;
    server.push_manifest("plugins/a", "1.0", &one).await;
    server.push_manifest("plugins/a", "1.0", &two).await;
    server.push("library/a", "1.0.0", &one).await;
    server.push("library/a", "1.0.0", &two).await;
}

#[tokio::test]
async fn a_refusal_says_in_json_what_is_there() {
    let server = with_immutable_versions().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "1.0.0", &one).await;
    prepare(&server, "plugins/a", &two).await;
    let body: serde_json::Value = request(&server, TAG, &two, &[]).await.json().await.unwrap();
    assert_eq!(body["errors"][0]["detail"], json!({ "tag": "1.0.0", "digest": one.digest }));
    let absent = [(header::IF_NONE_MATCH, "*")];
    let body: serde_json::Value = request(&server, TAG, &two, &absent).await.json().await.unwrap();
    assert_eq!(body["errors"][0]["detail"], json!({ "tag": "1.0.0", "digest": one.digest }));
}

#[tokio::test]
async fn an_immutable_tag_is_not_deleted_and_neither_is_its_manifest() {
    let server = with_immutable_versions().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "1.0.0", &one).await;
    server.push_manifest("plugins/a", "latest", &one).await;
    server.push("plugins/a", "1.0", &two).await;
    let before = Footprint::of(server.data_dir()).await;
    for reference in ["1.0.0", &one.digest] {
        let refusal = Refusal::of(server.delete(&format!("/v2/plugins/a/manifests/{reference}")).await).await;
        refusal.says(409, "DENIED", &one.digest, reference);
        refusal.says(409, "DENIED", "tag `1.0.0`", reference);
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before);
    for (reference, status) in [("2.0.0", 404), ("latest", 202), (&two.digest, 202), ("1.0", 404)] {
        let response = server.delete(&format!("/v2/plugins/a/manifests/{reference}")).await;
        assert_eq!(response.status(), status, "{reference}");
    }
    assert_eq!(server.delete(&format!("/v2/plugins/b/manifests/{}", one.digest)).await.status(), 404);
}

#[tokio::test]
async fn a_tag_that_was_there_before_the_rule_stays_too() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "1.0.0", &one).await;
    let server = Setup::over(server.stopped().await).immutable("**", "1.*").start().await;
    prepare(&server, "plugins/a", &two).await;
    assert_eq!(put(&server, TAG, &two, &[]).await, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_push_one_version_at_once_one_wins() {
    let server = with_immutable_versions().await;
    let images: Vec<_> = (0..12).map(Image::new).collect();
    for image in &images {
        prepare(&server, "plugins/a", image).await;
    }
    for round in 0..5 {
        let path = format!("/v2/plugins/a/manifests/1.0.{round}");
        let statuses = join_all(images.iter().map(|image| put(&server, &path, image, &[]))).await;
        let won: Vec<_> = statuses.iter().zip(&images).filter(|(status, _)| **status == 201).collect();
        assert_eq!(won.len(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
        assert_eq!(names(&server, &path).await.as_ref(), Some(&won[0].1.digest));
        let tag = format!("1.0.{round}").parse().unwrap();
        let history = server.registry.tag_history(&"plugins/a".parse().unwrap(), &tag, 100).await.unwrap();
        assert_eq!(history.len(), 1);
    }
}

#[tokio::test]
async fn a_conditional_push_is_done_only_where_the_condition_holds() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "1.0.0", &one).await;
    prepare(&server, "plugins/a", &two).await;
    let before = Footprint::of(server.data_dir()).await;
    let quoted = |digest: &str| format!("\"{digest}\"");
    let (named, other) = (quoted(&one.digest), quoted(&descriptor_of(&Image::new(9))["digest"].to_string()));
    let fails = [
        (TAG, vec![(header::IF_NONE_MATCH, "*")], one.digest.as_str()),
        (TAG, vec![(header::IF_MATCH, "\"sha256:0\"")], &one.digest),
        (TAG, vec![(header::IF_MATCH, other.trim_matches('"'))], "double quotes"),
        (TAG, vec![(header::IF_NONE_MATCH, &named)], &one.digest),
        (TAG, vec![(header::IF_MATCH, &named), (header::IF_NONE_MATCH, &named)], &one.digest),
        ("/v2/plugins/a/manifests/new", vec![(header::IF_MATCH, "*")], "does not exist"),
        ("/v2/plugins/a/manifests/new", vec![(header::IF_MATCH, &named)], "does not exist"),
        ("/v2/plugins/new/manifests/1", vec![(header::IF_MATCH, &named)], "does not exist"),
    ];
    for (path, condition, says) in fails {
        let refusal = Refusal::of(request(&server, path, &two, &condition).await).await;
        let (status, code) = if says == "double quotes" { (400, "REQUEST_INVALID") } else { (412, "DENIED") };
        refusal.says(status, code, says, &format!("{path} {condition:?}"));
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before, "nothing was stored");
    assert_eq!(put(&server, TAG, &two, &[(header::IF_MATCH, &named)]).await, 201);
    assert_eq!(names(&server, TAG).await, Some(two.digest.clone()));
    let new = "/v2/plugins/a/manifests/new";
    assert_eq!(put(&server, new, &two, &[(header::IF_NONE_MATCH, "*")]).await, 201);
    assert_eq!(put(&server, new, &two, &[(header::IF_MATCH, "*")]).await, 201);
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_may_be_sent_again() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("plugins/a", "1.0.0", &one).await;
    prepare(&server, "plugins/a", &two).await;
    let condition = format!("\"{}\"", one.digest);
    for _ in 0..2 {
        assert_eq!(put(&server, TAG, &two, &[(header::IF_MATCH, &condition)]).await, 201);
    }
    let history = server.json("/api/v1/repositories/plugins/a/tags/1.0.0/history").await;
    assert_eq!(history["history"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn conditions_are_for_pushes_by_tag() {
    let server = Server::start().await;
    let image = Image::new(1);
    prepare(&server, "a", &image).await;
    let path = format!("/v2/a/manifests/{}", image.digest);
    let refusal = Refusal::of(request(&server, &path, &image, &[(header::IF_NONE_MATCH, "*")]).await).await;
    refusal.says(400, "REQUEST_INVALID", "not by tag", "by digest");
    assert_eq!(put(&server, &path, &image, &[]).await, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_push_is_lost_among_those_who_compare_before_they_swap() {
    const WRITERS: u64 = 6;
    const TURNS: u64 = 5;
    let server = Server::start().await;
    let first = Image::new(0);
    server.push("a", "v1", &first).await;
    let image =
        |seed: u64| Image::with(0, |manifest| manifest["annotations"] = json!({ "n": seed.to_string() }));
    join_all((0..WRITERS).map(|writer| {
        let server = &server;
        async move {
            for turn in 0..TURNS {
                let next = image(writer * TURNS + turn);
                loop {
                    let current = format!("\"{}\"", names(server, "/v2/a/manifests/v1").await.unwrap());
                    match put(server, "/v2/a/manifests/v1", &next, &[(header::IF_MATCH, &current)]).await {
                        201 => break,
                        status => assert_eq!(status, 412),
                    }
                }
            }
        }
    }))
    .await;
    let history = server.json("/api/v1/repositories/a/tags/v1/history").await;
    assert_eq!(history["history"].as_array().unwrap().len() as u64, WRITERS * TURNS + 1);
}
