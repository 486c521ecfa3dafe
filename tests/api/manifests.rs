//! Manifests as they are kept and served: exact bytes, exact types, tags that move, digests that stay.

use crate::harness::{Image, Refusal, Server, Setup, bytes_of, header_text, sha512_of};
use hwasm_registry::oci::media_type;
use reqwest::{Method, header};
use serde_json::json;

/// Image types in the wild, and types that nobody has heard of.
fn images_of_many_types() -> Vec<Image> {
    let child = Image::new(1);
    let untyped = |media_type: &str, manifest: serde_json::Value| Image::of(media_type, &manifest);
    let mut list = Image::index(&[&child]);
    media_type::DOCKER_MANIFEST_LIST.clone_into(&mut list.media_type);
    list.bytes = String::from_utf8(list.bytes)
        .expect("JSON is UTF-8")
        .replace(media_type::OCI_INDEX, media_type::DOCKER_MANIFEST_LIST)
        .into_bytes();
    list.digest = crate::harness::digest_of(&list.bytes);
    vec![
        child.clone(),
        Image::docker(2),
        Image::index(&[&child]),
        list,
        untyped("application/vnd.example.thing.v1+json", json!({ "anything": [1, 2.5, null, "ü"] })),
        untyped("x/y", json!({})),
        untyped("application/wasm", json!({ "mediaType": "application/wasm" })),
    ]
}

#[tokio::test]
async fn every_type_comes_back_as_it_was_pushed() {
    let server = Server::start().await;
    server.push("plugins/a", "child", &Image::new(1)).await;
    for image in images_of_many_types() {
        server.push("plugins/a", "v1", &image).await;
        for reference in ["v1", &image.digest] {
            let response = server.get(&format!("/v2/plugins/a/manifests/{reference}")).await;
            let context = format!("{} by {reference}", image.media_type);
            assert_eq!(response.status(), 200, "{context}");
            assert_eq!(header_text(&response, "content-type"), image.media_type, "{context}");
            assert_eq!(header_text(&response, "docker-content-digest"), image.digest, "{context}");
            assert_eq!(header_text(&response, "content-length"), image.bytes.len().to_string(), "{context}");
            assert_eq!(response.bytes().await.unwrap(), image.bytes, "{context}");
        }
    }
}

#[tokio::test]
async fn an_accept_header_that_lacks_the_type_hides_nothing() {
    let server = Server::start().await;
    let image = Image::docker(1);
    server.push("a", "v1", &image).await;
    for accept in ["application/vnd.oci.image.manifest.v1+json", "text/html", "*/*;q=0", "nonsense", ""] {
        let response = server.get_with("/v2/a/manifests/v1", header::ACCEPT, accept).await;
        assert_eq!(response.status(), 200, "{accept}");
        assert_eq!(header_text(&response, "content-type"), media_type::DOCKER_MANIFEST, "{accept}");
        assert_eq!(response.bytes().await.unwrap(), image.bytes, "{accept}");
    }
}

#[tokio::test]
async fn parameters_of_the_pushed_type_are_not_kept() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v0", &image).await;
    let typed = format!("{}; charset=utf-8", image.media_type);
    let response = server.put_manifest("/v2/a/manifests/v1", &typed, image.bytes.clone()).await;
    assert_eq!(response.status(), 201);
    let response = server.get("/v2/a/manifests/v1").await;
    assert_eq!(header_text(&response, "content-type"), image.media_type);
}

#[tokio::test]
async fn a_push_without_a_type_takes_the_one_in_the_body() {
    let server = Server::start().await;
    let image = Image::docker(1);
    server.push("a", "v0", &image).await;
    assert_eq!(server.put("/v2/a/manifests/v1", image.bytes.clone()).await.status(), 201);
    let response = server.get("/v2/a/manifests/v1").await;
    assert_eq!(header_text(&response, "content-type"), media_type::DOCKER_MANIFEST);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v1", &image).await;
    let layer = crate::harness::digest_of(&image.blobs[1]);
    let paths = [
        "/v2/".to_owned(),
        "/healthz".to_owned(),
        "/v2/a/manifests/v1".to_owned(),
        format!("/v2/a/manifests/{}", image.digest),
        format!("/v2/a/blobs/{layer}"),
        "/v2/a/manifests/none".to_owned(),
        format!("/v2/a/blobs/{}", image.digest),
    ];
    for path in paths {
        let (get, head) = (server.get(&path).await, server.head(&path).await);
        assert_eq!(get.status(), head.status(), "{path}");
        let mut headers = [get.headers().clone(), head.headers().clone()];
        for headers in &mut headers {
            headers.remove("date");
            assert!(headers.remove("x-request-id").is_some(), "{path}");
        }
        assert_eq!(headers[0], headers[1], "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_base_says_exactly_200() {
    let server = Server::start().await;
    for path in ["/v2/", "/v2"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header_text(&response, "docker-distribution-api-version"), "registry/2.0");
        assert_eq!(response.text().await.unwrap(), "{}");
    }
}

#[tokio::test]
async fn a_digest_stays_pullable_after_its_tag_moved() {
    let server = Server::start().await;
    let (first, second) = (Image::new(1), Image::new(2));
    server.push("a", "v1", &first).await;
    server.push("a", "v1", &second).await;
    assert_eq!(server.get("/v2/a/manifests/v1").await.bytes().await.unwrap(), second.bytes);
    let by_digest = server.get(&format!("/v2/a/manifests/{}", first.digest)).await;
    assert_eq!(by_digest.bytes().await.unwrap(), first.bytes);
    let layer = server.get(&format!("/v2/a/blobs/{}", crate::harness::digest_of(&first.blobs[1]))).await;
    assert_eq!(layer.bytes().await.unwrap(), first.blobs[1]);
}

#[tokio::test]
async fn every_tag_keeps_its_history() {
    let server = Server::start().await;
    let (first, second) = (Image::new(1), Image::new(2));
    for image in [&first, &second, &second, &first] {
        server.push("a", "v1", image).await;
    }
    assert_eq!(server.delete("/v2/a/manifests/v1").await.status(), 202);
    let history =
        server.registry.tag_history(&"a".parse().unwrap(), &"v1".parse().unwrap(), 10).await.unwrap();
    let digests: Vec<_> =
        history.iter().map(|change| change.digest.as_ref().map(ToString::to_string)).collect();
    // Newest first; a push that moves nothing leaves no entry.
    let [first, second] = [first, second].map(|image| Some(image.digest));
    assert_eq!(digests, [None, first.clone(), second, first]);
    assert!(history.iter().all(|change| change.changed_by == "anonymous"));
    assert!(history.windows(2).all(|pair| pair[0].changed >= pair[1].changed));
}

#[tokio::test]
async fn deleting_a_manifest_ends_its_tags_and_their_history_says_so() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v1", &image).await;
    server.push("a", "v2", &image).await;
    assert_eq!(server.delete(&format!("/v2/a/manifests/{}", image.digest)).await.status(), 202);
    for tag in ["v1", "v2"] {
        assert_eq!(server.get(&format!("/v2/a/manifests/{tag}")).await.status(), 404);
        let history = server.registry.tag_history(&"a".parse().unwrap(), &tag.parse().unwrap(), 10).await;
        assert_eq!(history.unwrap()[0].digest, None, "{tag}");
    }
}

#[tokio::test]
async fn one_push_sets_many_tags_and_names_each() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "seed", &image).await;
    let path = format!("/v2/a/manifests/{}?tag=v1&tag=v1.2&tag=latest", image.digest);
    let response = server.put_manifest(&path, &image.media_type, image.bytes.clone()).await;
    assert_eq!(response.status(), 201);
    let named: Vec<_> =
        response.headers().get_all("oci-tag").iter().map(|tag| tag.to_str().unwrap()).collect();
    assert_eq!(named, ["v1", "v1.2", "latest"]);
    for tag in ["v1", "v1.2", "latest"] {
        let response = server.head(&format!("/v2/a/manifests/{tag}")).await;
        assert_eq!(header_text(&response, "docker-content-digest"), image.digest, "{tag}");
    }
}

#[tokio::test]
async fn one_bad_tag_among_many_means_that_none_is_set() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "seed", &image).await;
    let path = format!("/v2/a/manifests/{}?tag=good&tag=-bad", image.digest);
    let response = server.put_manifest(&path, &image.media_type, image.bytes.clone()).await;
    Refusal::of(response).await.says(400, "TAG_INVALID", "tag `-bad`", "a bad tag");
    assert_eq!(server.json("/v2/a/tags/list").await["tags"], json!(["seed"]));
}

#[tokio::test]
async fn one_push_sets_as_many_tags_as_the_limit_says() {
    let server = Setup::new().limits(|limits| limits.tags_per_push = 3).start().await;
    let image = Image::new(1);
    server.push("a", "seed", &image).await;
    let push = |tags: &str| {
        let path = format!("/v2/a/manifests/{}?{tags}", image.digest);
        server.request(Method::PUT, &path).header("content-type", &image.media_type).body(image.bytes.clone())
    };
    assert_eq!(push("tag=1&tag=2&tag=3").send().await.unwrap().status(), 201);
    let refusal = Refusal::of(push("tag=4&tag=5&tag=6&tag=7").send().await.unwrap()).await;
    refusal.says(414, "TAG_INVALID", "more than 3 tags", "four tags");
    assert_eq!(server.json("/v2/a/tags/list").await["tags"], json!(["1", "2", "3", "seed"]));
}

#[tokio::test]
async fn sha512_is_a_digest_like_any_other() {
    let server = Server::start().await;
    let layer = bytes_of(1, 5000);
    let (layer_digest, config_digest) = (sha512_of(&layer), sha512_of(b"{}"));
    for (bytes, digest) in [(&layer[..], &layer_digest), (b"{}", &config_digest)] {
        let path = format!("/v2/a/blobs/uploads/?digest={digest}");
        let response = server.post(&path, bytes.to_vec()).await;
        assert_eq!(response.status(), 201);
        assert_eq!(header_text(&response, "docker-content-digest"), digest);
    }
    let image = Image::with(1, |manifest| {
        manifest["config"]["digest"] = config_digest.as_str().into();
        manifest["layers"][0]["digest"] = layer_digest.as_str().into();
        manifest["layers"][0]["size"] = layer.len().into();
    });
    let digest = sha512_of(&image.bytes);
    let path = format!("/v2/a/manifests/{digest}?tag=v1");
    let response = server.put_manifest(&path, &image.media_type, image.bytes.clone()).await;
    assert_eq!(response.status(), 201);
    assert_eq!(header_text(&response, "docker-content-digest"), digest);
    for reference in ["v1", &digest] {
        let response = server.get(&format!("/v2/a/manifests/{reference}")).await;
        assert_eq!(header_text(&response, "docker-content-digest"), digest);
        assert_eq!(header_text(&response, "etag"), format!("\"{digest}\""));
        assert_eq!(response.bytes().await.unwrap(), image.bytes);
    }
    let blob = server.get(&format!("/v2/a/blobs/{layer_digest}")).await;
    assert_eq!(blob.bytes().await.unwrap(), layer);
    // The same bytes under the other algorithm are other content.
    assert_eq!(server.get(&format!("/v2/a/blobs/{}", crate::harness::digest_of(&layer))).await.status(), 404);
}

#[tokio::test]
async fn layers_that_may_not_be_distributed_need_not_be_here() {
    let server = Server::start().await;
    server.push_blob("a", b"{}").await;
    let types = [
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", 201),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", 201),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", 201),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 201),
        ("application/vnd.oci.image.layer.v1.tar+gzip", 400),
    ];
    for (layer_type, status) in types {
        let image = Image::with(9, |manifest| {
            manifest["layers"][0]["mediaType"] = layer_type.into();
            manifest["layers"][0]["urls"] = json!(["https://example.com/layer"]);
        });
        let response = server.put_manifest("/v2/a/manifests/v1", &image.media_type, image.bytes).await;
        assert_eq!(response.status(), status, "{layer_type}");
    }
}

#[tokio::test]
async fn content_of_another_repository_is_not_enough() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", "v1", &image).await;
    let response = server.put_manifest("/v2/b/manifests/v1", &image.media_type, image.bytes.clone()).await;
    let refusal = Refusal::of(response).await;
    refusal.says(400, "MANIFEST_BLOB_UNKNOWN", "push it first", "blobs elsewhere");
    assert!(refusal.message.contains(&crate::harness::digest_of(&image.blobs[1])), "{}", refusal.message);
    let index = Image::index(&[&image]);
    let response = server.put_manifest("/v2/b/manifests/v1", &index.media_type, index.bytes).await;
    let refusal = Refusal::of(response).await;
    refusal.says(400, "MANIFEST_BLOB_UNKNOWN", &image.digest, "children elsewhere");
    assert_eq!(server.get("/v2/b/tags/list").await.status(), 404, "the push left no repository");
}

#[tokio::test]
async fn the_configuration_must_be_there_whatever_its_type() {
    let server = Server::start().await;
    for config_type in ["application/vnd.wasm.config.v0+json", "application/vnd.oci.empty.v1+json", "x/y"] {
        let image = Image::with(1, |manifest| {
            manifest["config"]["mediaType"] = config_type.into();
            manifest["layers"] = json!([]);
        });
        let response = server.put_manifest("/v2/a/manifests/v1", &image.media_type, image.bytes).await;
        let refusal = Refusal::of(response).await;
        refusal.says(400, "MANIFEST_BLOB_UNKNOWN", &crate::harness::digest_of(b"{}"), config_type);
    }
}

#[tokio::test]
async fn locations_are_relative_and_lead_to_the_content() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("team/blobs/uploads", "v0", &image).await;
    let put = server
        .put_manifest("/v2/team/blobs/uploads/manifests/v1", &image.media_type, image.bytes.clone())
        .await;
    let location = header_text(&put, "location");
    assert!(location.starts_with("/v2/team/blobs/uploads/manifests/"), "{location}");
    assert_eq!(server.get(location).await.bytes().await.unwrap(), image.bytes);
}

#[tokio::test]
async fn repository_names_may_look_like_endpoints() {
    let server = Server::start().await;
    let image = Image::new(1);
    for name in ["v2", "manifests", "blobs/uploads", "tags/list", "a/manifests/latest", "referrers", "x"] {
        server.push(name, "list", &image).await;
        let tags = server.json(&format!("/v2/{name}/tags/list")).await;
        assert_eq!(tags, json!({ "name": name, "tags": ["list"] }));
        let manifest = server.get(&format!("/v2/{name}/manifests/list")).await;
        assert_eq!(manifest.bytes().await.unwrap(), image.bytes, "{name}");
    }
}

#[tokio::test]
async fn a_repository_or_digest_may_be_percent_encoded() {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("plugins/a", "v1", &image).await;
    let digest = image.digest.replace(':', "%3A");
    for path in [format!("/v2/plugins/a/manifests/{digest}"), "/v2/plugins%2Fa/manifests/v1".to_owned()] {
        assert_eq!(server.get(&path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn the_same_bytes_pushed_under_another_type_are_served_under_that() {
    let server = Server::start().await;
    let untyped = Image::with(1, |manifest| drop(manifest.as_object_mut().unwrap().remove("mediaType")));
    let path = format!("/v2/a/manifests/{}", untyped.digest);
    let put = |path: String, media_type: &'static str| {
        let bytes = untyped.bytes.clone();
        let server = &server;
        async move { server.put_manifest(&path, media_type, bytes).await.status() }
    };
    // Under a type that we do not know nothing is followed, so the blobs need not be here.
    assert_eq!(put("/v2/a/manifests/other".to_owned(), "application/vnd.example+json").await, 201);
    for reference in ["/v2/a/manifests/other", &path] {
        assert_eq!(header_text(&server.get(reference).await, "content-type"), "application/vnd.example+json");
    }
    assert_eq!(put("/v2/a/manifests/v1".to_owned(), media_type::OCI_MANIFEST).await, 400);
    for blob in &untyped.blobs {
        server.push_blob("a", blob).await;
    }
    assert_eq!(put("/v2/a/manifests/v1".to_owned(), media_type::OCI_MANIFEST).await, 201);
    for reference in ["/v2/a/manifests/v1", "/v2/a/manifests/other", &path] {
        assert_eq!(
            header_text(&server.get(reference).await, "content-type"),
            media_type::OCI_MANIFEST,
            "{reference}"
        );
    }
    let footprint = crate::harness::Footprint::of(server.data_dir()).await;
    assert_eq!(footprint.rows["manifests"], 1);
}
