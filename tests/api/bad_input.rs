//! Malformed requests, in tables: each is refused with its status, its code and the expectation, and leaves nothing.

use crate::harness::{Footprint, Image, Refusal, Server, digest_of, header_text};
use hwasm_registry::oci::media_type;
use reqwest::{Method, header};

/// Method, path, status, code, and a part of the message.
type PathCase<'a> = (&'a str, String, u16, &'a str, &'a str);

/// A server, and what it holds before anything bad comes.
async fn server() -> (Server, Footprint) {
    let server = Server::start().await;
    server.push("a", "v1", &Image::new(1)).await;
    let footprint = Footprint::of(server.data_dir()).await;
    (server, footprint)
}

async fn refuses_paths(cases: Vec<PathCase<'_>>) {
    let (server, before) = server().await;
    for (methods, path, status, code, message) in cases {
        for method in methods.split(' ') {
            let method: Method = method.parse().expect("well-formed");
            let request =
                server.request(method.clone(), &path).header("content-type", media_type::OCI_MANIFEST);
            let refusal = Refusal::of(request.body("{}").send().await.expect("an answer")).await;
            refusal.says(status, code, message, &format!("{method} {path}"));
        }
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before, "something was stored");
}

#[tokio::test]
async fn malformed_names_are_refused_everywhere() {
    const GRAMMAR: &str = "is not lower-case letters and digits";
    let digest = digest_of(b"x");
    let long = "a".repeat(256);
    let names = [
        ("A", GRAMMAR),
        ("a..b", GRAMMAR),
        ("a___b", GRAMMAR),
        ("a//b", GRAMMAR),
        ("-a", GRAMMAR),
        ("a-", GRAMMAR),
        ("a%20b", GRAMMAR),
        ("a%00b", GRAMMAR),
        ("a%2F..%2Fb", GRAMMAR),
        ("%C3%A4", GRAMMAR),
        ("a:b", GRAMMAR),
        ("_catalog", GRAMMAR),
        ("%FF", "not percent-encoded UTF-8"),
        (&long, "has 256 bytes; at most 255 are allowed"),
    ];
    let mut cases = Vec::new();
    for (name, message) in names {
        let endpoints = [
            ("GET PUT DELETE", format!("/v2/{name}/manifests/v1")),
            ("GET DELETE", format!("/v2/{name}/blobs/{digest}")),
            ("POST", format!("/v2/{name}/blobs/uploads/")),
            ("POST", format!("/v2/{name}/blobs/uploads/?digest={digest}")),
            ("GET", format!("/v2/{name}/tags/list")),
            ("GET", format!("/v2/{name}/referrers/{digest}")),
        ];
        cases.extend(endpoints.map(|(methods, path)| (methods, path, 400, "NAME_INVALID", message)));
    }
    cases.push(("POST", format!("/v2/b/blobs/uploads/?mount={digest}&from=A"), 400, "NAME_INVALID", GRAMMAR));
    refuses_paths(cases).await;
}

#[tokio::test]
async fn malformed_tags_and_digests_are_refused_everywhere() {
    const TAG: &str = "is not 1 to 128 letters, digits, `_`, `.` or `-`";
    const DIGEST: &str = "is not `sha256:` and 64, or `sha512:` and 128, lower-case hex digits";
    let (long, hex) = ("v".repeat(129), "0".repeat(64));
    let mut cases = Vec::new();
    for tag in ["-v1", ".v1", "v+1", "v%201", "v%00", "%C3%BC", long.as_str(), ""] {
        cases.push(("GET PUT DELETE", format!("/v2/a/manifests/{tag}"), 400, "TAG_INVALID", TAG));
    }
    for tag in ["-v1", "a/b", "", "a:b"] {
        let path = format!("/v2/a/manifests/{}?tag={tag}", digest_of(b"{}"));
        cases.push(("PUT", path, 400, "TAG_INVALID", TAG));
    }
    let digests = [
        ("sha256:bad".to_owned(), DIGEST),
        ("sha256:".to_owned(), DIGEST),
        (format!("sha256:{}", hex.to_uppercase().replace('0', "A")), DIGEST),
        (format!("sha256:{hex}0"), DIGEST),
        (format!("sha512:{hex}"), DIGEST),
        (format!("sha256:{}g", &hex[1..]), DIGEST),
        (format!("sha256:{hex}%00"), DIGEST),
        (format!("md5:{}", &hex[..32]), "digest algorithm `md5` is not supported; use sha256 or sha512"),
        (format!("SHA256:{hex}"), "digest algorithm `SHA256` is not supported"),
        (format!(":{hex}"), "is not supported; use sha256 or sha512"),
    ];
    for (digest, message) in &digests {
        let endpoints = [
            ("GET PUT DELETE", format!("/v2/a/manifests/{digest}")),
            ("GET DELETE", format!("/v2/a/blobs/{digest}")),
            ("GET", format!("/v2/a/referrers/{digest}")),
            ("POST", format!("/v2/a/blobs/uploads/?digest={digest}")),
            ("POST", format!("/v2/a/blobs/uploads/?mount={digest}&from=a")),
        ];
        cases.extend(endpoints.map(|(methods, path)| (methods, path, 400, "DIGEST_INVALID", *message)));
    }
    cases.push(("GET DELETE", "/v2/a/blobs/nodigest".to_owned(), 400, "DIGEST_INVALID", DIGEST));
    cases.push(("POST", "/v2/a/blobs/uploads/?digest=".to_owned(), 400, "DIGEST_INVALID", DIGEST));
    let unknown = "/v2/a/blobs/uploads/?digest-algorithm=md5".to_owned();
    cases.push(("POST", unknown, 400, "DIGEST_INVALID", "digest algorithm `md5` is not supported"));
    refuses_paths(cases).await;
}

#[tokio::test]
async fn paths_and_content_that_are_not_there_are_404() {
    let (digest, id) = (digest_of(b"none"), "0191e0a6-7f8e-4c6e-8a53-3c86c1c1a5a1");
    let upload = |id: &str| format!("/v2/a/blobs/uploads/{id}");
    refuses_paths(vec![
        ("GET", "/v2/a".to_owned(), 404, "UNSUPPORTED", "none of the distribution API's"),
        ("GET", "/v2/a/tags/list/".to_owned(), 404, "UNSUPPORTED", "none of the distribution API's"),
        ("GET", "/v2/_catalog/".to_owned(), 404, "UNSUPPORTED", "none of the distribution API's"),
        ("GET", "/v1/_ping".to_owned(), 404, "UNSUPPORTED", "nothing at this path"),
        ("GET", "/v2a/".to_owned(), 404, "UNSUPPORTED", "nothing at this path"),
        ("GET", "/".to_owned(), 404, "UNSUPPORTED", "nothing at this path"),
        ("GET DELETE", "/v2/a/manifests/none".to_owned(), 404, "MANIFEST_UNKNOWN", "has no manifest `none`"),
        (
            "GET DELETE",
            format!("/v2/a/manifests/{digest}"),
            404,
            "MANIFEST_UNKNOWN",
            "has no manifest `sha256:",
        ),
        ("GET DELETE", "/v2/none/manifests/v1".to_owned(), 404, "MANIFEST_UNKNOWN", "repository `none`"),
        ("GET DELETE", format!("/v2/a/blobs/{digest}"), 404, "BLOB_UNKNOWN", "has no blob `sha256:"),
        ("GET PATCH DELETE", upload(id), 404, "BLOB_UPLOAD_UNKNOWN", "begin one with POST"),
        ("PUT", format!("{}?digest={digest}", upload(id)), 404, "BLOB_UPLOAD_UNKNOWN", "begin one with POST"),
        ("GET PATCH PUT DELETE", upload("x"), 404, "BLOB_UPLOAD_UNKNOWN", "none that we gave"),
        ("GET", upload("..%2f..%2fregistry.db"), 404, "UNSUPPORTED", "none of the distribution API's"),
    ])
    .await;
}

#[tokio::test]
async fn methods_that_do_not_fit_are_405_and_say_which_do() {
    let (server, before) = server().await;
    let upload = server.begin_upload("a").await;
    let digest = digest_of(b"x");
    let cases = [
        ("/v2/", "GET, HEAD", "PUT POST PATCH DELETE OPTIONS"),
        ("/v2/_catalog", "GET, HEAD", "PUT POST PATCH DELETE"),
        ("/v2/a/tags/list", "GET, HEAD", "PUT POST PATCH DELETE"),
        (&format!("/v2/a/referrers/{digest}"), "GET, HEAD", "PUT POST PATCH DELETE"),
        ("/v2/a/manifests/v1", "GET, HEAD, PUT, DELETE", "POST PATCH OPTIONS"),
        (&format!("/v2/a/blobs/{digest}"), "GET, HEAD, DELETE", "PUT POST PATCH"),
        ("/v2/a/blobs/uploads/", "POST", "GET PUT PATCH DELETE"),
        (&upload, "GET, PATCH, PUT, DELETE", "POST OPTIONS"),
        ("/healthz", "GET, HEAD", "POST PUT DELETE"),
        ("/readyz", "GET, HEAD", "POST PUT DELETE"),
        ("/metrics", "GET, HEAD", "POST BREW"),
    ];
    for (path, allowed, methods) in cases {
        for method in methods.split(' ') {
            let response = server.request(method.parse().unwrap(), path).send().await.unwrap();
            assert_eq!(header_text(&response, "allow"), allowed, "{method} {path}");
            Refusal::of(response).await.says(405, "UNSUPPORTED", allowed, &format!("{method} {path}"));
        }
    }
    assert_eq!(server.delete(&upload).await.status(), 204);
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn a_closing_put_without_a_digest_is_refused_and_the_session_lives() {
    let server = Server::start().await;
    let location = server.begin_upload("a").await;
    assert_eq!(server.patch_at(&location, 0, b"content").await.status(), 202);
    let refusal = Refusal::of(server.put(&location, "").await).await;
    refusal.says(400, "DIGEST_INVALID", "the closing PUT needs `?digest=`", "no digest");
    let done = server.put(&format!("{location}?digest={}", digest_of(b"content")), "").await;
    assert_eq!(done.status(), 201);
}

#[tokio::test]
async fn malformed_content_ranges_are_refused_and_the_session_lives() {
    let server = Server::start().await;
    let location = server.begin_upload("a").await;
    let cases = [
        "",
        "x",
        "5",
        "5-4",
        "bytes 0-6/7",
        "bytes=0-6",
        "-6",
        "0-",
        "0-6/7",
        "+0-6",
        "0-99999999999999999999",
        "ü",
    ];
    for range in cases {
        let request = server.request(Method::PATCH, &location);
        let request =
            request.header(header::CONTENT_RANGE, header::HeaderValue::from_bytes(range.as_bytes()).unwrap());
        let refusal = Refusal::of(request.body("content").send().await.unwrap()).await;
        refusal.says(400, "BLOB_UPLOAD_INVALID", "is not `first-last`", range);
    }
    assert_eq!(server.patch_at(&location, 0, b"content").await.status(), 202);
}

#[tokio::test]
async fn a_chunk_whose_range_and_length_disagree_is_refused() {
    let server = Server::start().await;
    for range in ["0-5", "0-7", "0-18446744073709551615"] {
        let location = server.begin_upload("a").await;
        let request = server.request(Method::PATCH, &location).header(header::CONTENT_RANGE, range);
        let refusal = Refusal::of(request.body("content").send().await.unwrap()).await;
        refusal.says(400, "SIZE_INVALID", "chunk has 7 bytes, but its `Content-Range` says", range);
        assert_eq!(header_text(&server.get(&location).await, "range"), "0-0", "{range}: no byte was kept");
        assert_eq!(server.patch_at(&location, 0, b"content").await.status(), 202, "{range}");
    }
}

#[tokio::test]
async fn a_chunk_of_unknown_length_that_its_range_belies_ends_the_upload() {
    let server = Server::start().await;
    for (range, actual) in [("0-5", "chunk has 7 bytes"), ("0-7", "chunk has 7 bytes")] {
        let location = server.begin_upload("a").await;
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>("content")]);
        let request = server.request(Method::PATCH, &location).header(header::CONTENT_RANGE, range);
        let refusal = Refusal::of(request.body(reqwest::Body::wrap_stream(body)).send().await.unwrap()).await;
        refusal.says(400, "SIZE_INVALID", actual, range);
        assert_eq!(server.get(&location).await.status(), 404, "{range}: which bytes it holds is unclear");
    }
    assert_eq!(Footprint::of(server.data_dir()).await.upload_files(), 0);
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_refused() {
    let (server, before) = server().await;
    let (promised, actual) = (digest_of(b"promised"), digest_of(b"actual"));
    let says = format!("content hashes to `{actual}`, not to `{promised}`");
    let blob = server.post(&format!("/v2/a/blobs/uploads/?digest={promised}"), "actual").await;
    Refusal::of(blob).await.says(400, "DIGEST_INVALID", &says, "blob");
    let path = format!("/v2/a/manifests/{promised}");
    let manifest = server.put_manifest(&path, media_type::OCI_MANIFEST, "actual").await;
    Refusal::of(manifest).await.says(400, "DIGEST_INVALID", &says, "manifest");
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn a_blob_is_no_manifest_and_a_manifest_no_blob() {
    let (server, _) = server().await;
    let image = Image::new(1);
    let layer = digest_of(&image.blobs[1]);
    assert_eq!(server.get(&format!("/v2/a/manifests/{layer}")).await.status(), 404);
    assert_eq!(server.get(&format!("/v2/a/blobs/{}", image.digest)).await.status(), 404);
}

#[tokio::test]
async fn messages_carry_little_of_what_was_sent() {
    let server = Server::start().await;
    let long = "A".repeat(8000);
    for path in
        [format!("/v2/{long}/tags/list"), format!("/v2/a/manifests/{long}"), format!("/v2/a/blobs/{long}")]
    {
        let refusal = Refusal::of(server.get(&path).await).await;
        assert_eq!(refusal.status, 400);
        assert!(refusal.message.len() < 400, "{}", refusal.message);
    }
}
