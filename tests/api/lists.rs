//! Lists in pages: tags, repositories and referrers, with `n`, `last`, `Link` and filters.

use crate::harness::{Image, Refusal, Server, Setup, header_text};
use serde_json::{Value, json};

/// A server whose repository `a` has these tags.
async fn server_with_tags(tags: &[&str]) -> Server {
    let server = Server::start().await;
    let image = Image::new(1);
    server.push("a", tags[0], &image).await;
    let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    let path = format!("/v2/a/manifests/{}?{}", image.digest, query.join("&"));
    assert_eq!(server.put_manifest(&path, &image.media_type, image.bytes).await.status(), 201);
    server
}

/// One row: the query, the entries it gives, and where the next page is.
type PageCase = (&'static str, Value, Option<&'static str>);

async fn pages_are(server: &Server, path: &str, field: &str, cases: Vec<PageCase>) {
    for (query, expected, next) in cases {
        let response = server.get(&format!("{path}?{query}")).await;
        assert_eq!(response.status(), 200, "{query}");
        let link =
            response.headers().get("link").map(|link| link.to_str().expect("printable text").to_owned());
        assert_eq!(link, next.map(|next| format!("<{path}?{next}>; rel=\"next\"")), "{query}");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body[field], expected, "{query}");
    }
}

#[tokio::test]
async fn tags_come_in_byte_order_and_in_pages() {
    let server = server_with_tags(&["b", "a", "C", "10", "9", "_x"]).await;
    let all = json!(["10", "9", "C", "_x", "a", "b"]);
    let cases: Vec<PageCase> = vec![
        ("", all.clone(), None),
        ("n=6", all.clone(), None),
        ("n=5", json!(["10", "9", "C", "_x", "a"]), Some("n=5&last=a")),
        ("n=2", json!(["10", "9"]), Some("n=2&last=9")),
        ("n=2&last=9", json!(["C", "_x"]), Some("n=2&last=_x")),
        ("n=2&last=_x", json!(["a", "b"]), None),
        ("last=b", json!([]), None),
        ("last=Zebra-that-never-was", json!(["_x", "a", "b"]), None),
        ("last=%00", all.clone(), None),
        ("n=0", json!([]), None),
        ("n=4294967296", all.clone(), None),
        ("n=99999999999999999999999", all.clone(), None),
        ("n=2&n=3", json!(["10", "9"]), Some("n=2&last=9")),
        ("unknown=1", all.clone(), None),
    ];
    pages_are(&server, "/v2/a/tags/list", "tags", cases).await;
}

#[tokio::test]
async fn repositories_come_in_byte_order_and_in_pages() {
    let server = Server::start().await;
    assert_eq!(server.json("/v2/_catalog").await, json!({ "repositories": [] }));
    for name in ["b", "a/x", "a", "a-b", "0"] {
        server.push(name, "v1", &Image::new(1)).await;
    }
    let cases: Vec<PageCase> = vec![
        ("", json!(["0", "a", "a-b", "a/x", "b"]), None),
        ("n=2", json!(["0", "a"]), Some("n=2&last=a")),
        ("n=2&last=a", json!(["a-b", "a/x"]), Some("n=2&last=a%2Fx")),
        ("n=2&last=a%2Fx", json!(["b"]), None),
        ("last=a.unknown", json!(["a/x", "b"]), None),
        ("n=0", json!([]), None),
    ];
    pages_are(&server, "/v2/_catalog", "repositories", cases).await;
}

#[tokio::test]
async fn numbers_that_are_none_are_refused() {
    let server = server_with_tags(&["v1"]).await;
    let digest = Image::new(1).digest;
    let lists =
        ["/v2/_catalog".to_owned(), "/v2/a/tags/list".to_owned(), format!("/v2/a/referrers/{digest}")];
    for path in lists {
        for n in ["-1", "x", "", "1.5", "%2B1", "1e3", "0x10", "%20", "1%00", "%D9%A3"] {
            let refusal = Refusal::of(server.get(&format!("{path}?n={n}")).await).await;
            refusal.says(
                400,
                "PAGINATION_NUMBER_INVALID",
                "not a number of entries",
                &format!("{path} n={n}"),
            );
        }
        let refusal = Refusal::of(server.get(&format!("{path}?last={}", "a".repeat(256))).await).await;
        refusal.says(400, "PAGINATION_NUMBER_INVALID", "longer than 255 bytes", &path);
    }
}

#[tokio::test]
async fn a_page_never_exceeds_the_limit() {
    let server = Setup::new().limits(|limits| limits.page_size = 2).start().await;
    let image = Image::new(1);
    for tag in ["1", "2", "3"] {
        server.push("a", tag, &image).await;
    }
    let cases: Vec<PageCase> = vec![
        ("", json!(["1", "2"]), Some("n=2&last=2")),
        ("n=100", json!(["1", "2"]), Some("n=2&last=2")),
        ("n=1", json!(["1"]), Some("n=1&last=1")),
    ];
    pages_are(&server, "/v2/a/tags/list", "tags", cases).await;
    let pages = server.pages("/v2/a/tags/list").await;
    assert_eq!(
        pages.iter().map(|page| page["tags"].clone()).collect::<Vec<_>>(),
        [json!(["1", "2"]), json!(["3"])]
    );
}

#[tokio::test]
async fn the_links_lead_through_every_tag_once() {
    let names: Vec<_> = (0..32).map(|number| format!("v{number:02}")).collect();
    let server = server_with_tags(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for size in [1, 3, 5, 31, 32, 33] {
        let pages = server.pages(&format!("/v2/a/tags/list?n={size}")).await;
        let seen: Vec<_> = pages.iter().flat_map(|page| page["tags"].as_array().unwrap().clone()).collect();
        assert_eq!(seen, names, "pages of {size}");
        assert_eq!(pages.len(), names.len().div_ceil(size), "pages of {size}");
    }
}

#[tokio::test]
async fn the_tags_of_a_repository_that_never_was_are_unknown() {
    let server = Server::start().await;
    let refusal = Refusal::of(server.get("/v2/plugins/none/tags/list").await).await;
    refusal.says(404, "NAME_UNKNOWN", "repository `plugins/none` is not known", "no repository");
}

#[tokio::test]
async fn a_repository_whose_tags_are_all_deleted_has_none() {
    let server = server_with_tags(&["v1"]).await;
    assert_eq!(server.delete("/v2/a/manifests/v1").await.status(), 202);
    assert_eq!(server.json("/v2/a/tags/list").await, json!({ "name": "a", "tags": [] }));
}

/// A server with an image and `count` referrers of two types; the subject.
async fn server_with_referrers(count: usize) -> (Server, Image) {
    let server = Server::start().await;
    let subject = Image::new(1);
    server.push("a", "v1", &subject).await;
    for number in 0..count {
        let artifact_type = if number % 3 == 0 { "application/x.sbom" } else { "application/x.signature" };
        let referrer = Image::referrer(&subject, artifact_type, &format!("referrer {number}"));
        let path = format!("/v2/a/manifests/{}", referrer.digest);
        let response = server.put_manifest(&path, &referrer.media_type, referrer.bytes).await;
        assert_eq!(response.status(), 201);
        assert_eq!(header_text(&response, "oci-subject"), subject.digest);
    }
    (server, subject)
}

/// The names of all referrers on these pages, sorted.
fn names_on(pages: &[Value]) -> Vec<String> {
    let descriptors = pages.iter().flat_map(|page| page["manifests"].as_array().expect("a list"));
    let mut names: Vec<_> =
        descriptors.map(|found| found["annotations"]["name"].as_str().expect("text").to_owned()).collect();
    names.sort_by_key(|name| name.trim_start_matches("referrer ").parse::<u32>().expect("a number"));
    names
}

#[tokio::test]
async fn the_links_lead_through_every_referrer_once() {
    let (server, subject) = server_with_referrers(20).await;
    let all: Vec<_> = (0..20).map(|number| format!("referrer {number}")).collect();
    for size in [1, 7, 20, 100] {
        let pages = server.pages(&format!("/v2/a/referrers/{}?n={size}", subject.digest)).await;
        assert_eq!(names_on(&pages), all, "pages of {size}");
        assert_eq!(pages.len(), 20_usize.div_ceil(size), "pages of {size}");
        for page in &pages {
            assert_eq!(page["schemaVersion"], 2);
            assert_eq!(page["mediaType"], "application/vnd.oci.image.index.v1+json");
        }
    }
}

#[tokio::test]
async fn a_filter_holds_on_every_page() {
    let (server, subject) = server_with_referrers(20).await;
    let path = format!("/v2/a/referrers/{}?artifactType=application%2Fx.sbom&n=2", subject.digest);
    let response = server.get(&path).await;
    assert_eq!(header_text(&response, "oci-filters-applied"), "artifactType");
    assert_eq!(header_text(&response, "content-type"), "application/vnd.oci.image.index.v1+json");
    let pages = server.pages(&path).await;
    let expected: Vec<_> = (0..20).step_by(3).map(|number| format!("referrer {number}")).collect();
    assert_eq!(names_on(&pages), expected);
    assert_eq!(pages.len(), 4);
    let none = server.pages(&format!("/v2/a/referrers/{}?artifactType=x%2Fnone", subject.digest)).await;
    assert_eq!(none[0]["manifests"], json!([]));
}

#[tokio::test]
async fn a_referrer_is_listed_with_all_that_clients_choose_by() {
    let (server, subject) = server_with_referrers(1).await;
    let pages = server.pages(&format!("/v2/a/referrers/{}", subject.digest)).await;
    let referrer = Image::referrer(&subject, "application/x.sbom", "referrer 0");
    let expected = json!([{
        "mediaType": referrer.media_type,
        "digest": referrer.digest,
        "size": referrer.bytes.len(),
        "artifactType": "application/x.sbom",
        "annotations": { "name": "referrer 0" },
    }]);
    assert_eq!(pages[0]["manifests"], expected);
}

#[tokio::test]
async fn a_page_of_large_annotations_ends_before_a_client_chokes() {
    let server = Server::start().await;
    let subject = Image::new(1);
    server.push("a", "v1", &subject).await;
    for number in 0..5 {
        let referrer = Image::with(1, |manifest| {
            manifest["subject"] = crate::harness::descriptor_of(&subject);
            manifest["annotations"] =
                json!({ "name": format!("referrer {number}"), "x": "x".repeat(1 << 20) });
        });
        let path = format!("/v2/a/manifests/{}", referrer.digest);
        assert_eq!(server.put_manifest(&path, &referrer.media_type, referrer.bytes).await.status(), 201);
    }
    let pages = server.pages(&format!("/v2/a/referrers/{}", subject.digest)).await;
    assert_eq!(names_on(&pages).len(), 5);
    for page in pages {
        assert!(page.to_string().len() <= 4 << 20, "clients read 4 MiB");
    }
}

#[tokio::test]
async fn the_referrers_of_what_nobody_pushed_are_none() {
    let server = Server::start().await;
    let path = format!("/v2/never/pushed/referrers/{}", Image::new(1).digest);
    let response = server.get(&path).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header_text(&response, "content-type"), "application/vnd.oci.image.index.v1+json");
    let index: Value = response.json().await.unwrap();
    assert_eq!(index["manifests"], json!([]));
}

#[tokio::test]
async fn a_deleted_referrer_is_listed_no_more() {
    let (server, subject) = server_with_referrers(2).await;
    let referrer = Image::referrer(&subject, "application/x.sbom", "referrer 0");
    assert_eq!(server.delete(&format!("/v2/a/manifests/{}", referrer.digest)).await.status(), 202);
    let pages = server.pages(&format!("/v2/a/referrers/{}", subject.digest)).await;
    assert_eq!(names_on(&pages), ["referrer 1"]);
}
