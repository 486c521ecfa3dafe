//! Modules as plain files, layout checks at push, and the history of tags: what the distribution API has no words for.

use crate::harness::{Footprint, Image, Refusal, Server, Setup, digest_of, header_text, module, packed};
use futures_util::future::join_all;
use hwasm_registry::artifact::{Agent, Layout};
use hwasm_registry::oci::hex;
use hwasm_registry::registry::{OnUnloadable, PluginRule};
use reqwest::Method;
use reqwest::header::{IF_NONE_MATCH, RANGE};
use serde_json::json;

const FILE: &str = "/plugins/key-auth/1.0.0/plugin.wasm";

fn sha256(bytes: &[u8]) -> String {
    digest_of(bytes).trim_start_matches("sha256:").to_owned()
}

/// A server with the module as `plugins/key-auth:1.0.0`, in the usual layout.
async fn server_with(module: &[u8]) -> Server {
    let server = Server::start().await;
    server.push("plugins/key-auth", "1.0.0", &packed(module, Layout::Compat)).await;
    server
}

#[tokio::test]
async fn every_layout_gives_the_module_itself() {
    for (seed, layout) in (0..).zip(Layout::ALL) {
        let (server, module) = (Server::start().await, module(seed));
        server.push("plugins/key-auth", "1.0.0", &packed(&module, layout)).await;
        let response = server.get(FILE).await;
        assert_eq!(response.status(), 200, "{layout}");
        assert_eq!(header_text(&response, "content-type"), "application/wasm", "{layout}");
        assert_eq!(header_text(&response, "content-length"), module.len().to_string(), "{layout}");
        assert_eq!(header_text(&response, "etag"), format!("\"{}\"", sha256(&module)), "{layout}");
        assert_eq!(header_text(&response, "cache-control"), "no-cache", "{layout}");
        assert_eq!(response.bytes().await.unwrap(), module, "{layout}");
    }
}

#[tokio::test]
async fn the_file_has_conditions_ranges_and_a_head() {
    let module = module(1);
    let server = server_with(&module).await;
    let etag = format!("\"{}\"", sha256(&module));
    for held in [etag.as_str(), "*", &format!("W/{etag}")] {
        assert_eq!(server.get_with(FILE, IF_NONE_MATCH, held).await.status(), 304, "{held}");
    }
    assert_eq!(server.get_with(FILE, IF_NONE_MATCH, "\"other\"").await.status(), 200);
    let part = server.get_with(FILE, RANGE, "bytes=0-3").await;
    assert_eq!(part.status(), 206);
    assert_eq!(header_text(&part, "content-type"), "application/wasm");
    assert_eq!(part.bytes().await.unwrap().as_ref(), b"\0asm");
    assert_eq!(server.get_with(FILE, RANGE, "bytes=99999999-").await.status(), 416);
    let head = server.head(FILE).await;
    assert_eq!(header_text(&head, "content-length"), module.len().to_string());
    assert_eq!(header_text(&head, "etag"), etag);
}

#[tokio::test]
async fn metadata_is_text_in_six_lines() {
    let module = module(1);
    let server = server_with(&module).await;
    let response = server.get("/plugins/key-auth/1.0.0/metadata.txt").await;
    assert!(header_text(&response, "content-type").starts_with("text/plain"));
    let text = response.text().await.unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(lines[0], "Plugin Name: key-auth:1.0.0");
    assert_eq!(lines[1], format!("Size: {} bytes", module.len()));
    assert!(lines[2].starts_with("Last Modified: 20") && lines[2].ends_with('Z'), "{text}");
    assert_eq!(lines[4], format!("MD5: {}", hex(&<md5::Md5 as md5::Digest>::digest(&module))));
    assert_eq!(lines[5], format!("SHA256: {}", sha256(&module)));
}

#[tokio::test]
async fn an_index_gives_its_linux_amd64_child() {
    let (server, module) = (Server::start().await, module(1));
    let image = packed(&module, Layout::Compat);
    server.push("plugins/key-auth", "child", &image).await;
    let mut index: serde_json::Value = serde_json::from_slice(&Image::index(&[&image]).bytes).unwrap();
    index["manifests"][0]["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    server
        .push("plugins/key-auth", "1.0.0", &Image::of("application/vnd.oci.image.index.v1+json", &index))
        .await;
    assert_eq!(server.get(FILE).await.bytes().await.unwrap(), module);
}

#[tokio::test]
async fn a_module_is_unpacked_once_however_many_ask() {
    let module = module(1);
    let server = server_with(&module).await;
    let before = Footprint::of(server.data_dir()).await;
    for answer in join_all((0..8).map(|_| server.get(FILE))).await {
        assert_eq!(answer.bytes().await.unwrap(), module);
    }
    let after = Footprint::of(server.data_dir()).await;
    assert_eq!((before.rows["modules"], after.rows["modules"]), (0, 1));
    assert_eq!(after.blob_files(), before.blob_files() + 1);
    assert_eq!(after.upload_files(), 0);
    // An unpacked module is no blob of the repository.
    let blob = server.get(&format!("/v2/plugins/key-auth/blobs/{}", digest_of(&module))).await;
    assert_eq!(blob.status(), 404);
}

#[tokio::test]
async fn a_tag_that_moves_gives_the_new_module_at_once() {
    let (first, second) = (module(1), module(2));
    let server = server_with(&first).await;
    assert_eq!(server.get(FILE).await.bytes().await.unwrap(), first);
    server.push("plugins/key-auth", "1.0.0", &packed(&second, Layout::Artifact)).await;
    let held = format!("\"{}\"", sha256(&first));
    let response = server.get_with(FILE, IF_NONE_MATCH, &held).await;
    assert_eq!(response.bytes().await.unwrap(), second);
}

#[tokio::test]
async fn a_module_goes_with_its_last_manifest() {
    let module = module(1);
    let server = server_with(&module).await;
    let image = packed(&module, Layout::Compat);
    server.push("plugins/copy", "1.0.0", &image).await;
    let packed_only = Footprint::of(server.data_dir()).await.blob_files();
    for name in ["key-auth", "copy"] {
        let path = format!("/plugins/{name}/1.0.0/plugin.wasm");
        assert_eq!(server.get(&path).await.bytes().await.unwrap(), module, "{name}");
    }
    assert_eq!(
        server.delete(&format!("/v2/plugins/key-auth/manifests/{}", image.digest)).await.status(),
        202
    );
    assert_eq!(server.get(FILE).await.status(), 404);
    assert_eq!(server.get("/plugins/copy/1.0.0/plugin.wasm").await.bytes().await.unwrap(), module);
    assert_eq!(server.delete(&format!("/v2/plugins/copy/manifests/{}", image.digest)).await.status(), 202);
    assert_eq!(Footprint::of(server.data_dir()).await.blob_files(), packed_only);
}

#[tokio::test]
async fn what_is_no_plugin_is_404_and_says_why() {
    let server = server_with(&module(1)).await;
    server.push("plugins/image", "1.0.0", &Image::new(1)).await;
    server.push("plugins/index", "1.0.0", &Image::index(&[])).await;
    let before = Footprint::of(server.data_dir()).await;
    let cases = [
        ("/plugins/key-auth/2.0.0/plugin.wasm", 404, "MANIFEST_UNKNOWN", "has no manifest `2.0.0`"),
        ("/plugins/none/1.0.0/plugin.wasm", 404, "MANIFEST_UNKNOWN", "repository `plugins/none`"),
        ("/plugins/image/1.0.0/plugin.wasm", 404, "MANIFEST_UNKNOWN", "the image holds no Wasm module"),
        ("/plugins/image/1.0.0/metadata.txt", 404, "MANIFEST_UNKNOWN", "the image holds no Wasm module"),
        ("/plugins/index/1.0.0/plugin.wasm", 404, "MANIFEST_UNKNOWN", "no child for linux/amd64"),
        ("/plugins/key-auth/1.0.0/other.txt", 404, "UNSUPPORTED", "/plugins/<name>/<version>/plugin.wasm"),
        ("/plugins/key-auth/plugin.wasm", 404, "UNSUPPORTED", "/plugins/<name>/<version>/plugin.wasm"),
        ("/plugins/", 404, "UNSUPPORTED", "/plugins/<name>/<version>/plugin.wasm"),
        ("/plugins/Key/1.0.0/plugin.wasm", 400, "NAME_INVALID", "lower-case letters and digits"),
        ("/plugins/key-auth/-1/plugin.wasm", 400, "TAG_INVALID", "tag `-1`"),
        ("/plugins/a%2F..%2Fb/1.0.0/plugin.wasm", 400, "NAME_INVALID", "lower-case letters and digits"),
    ];
    for (path, status, code, message) in cases {
        Refusal::of(server.get(path).await).await.says(status, code, message, path);
    }
    let refusal = Refusal::of(server.put(FILE, "x").await).await;
    refusal.says(405, "UNSUPPORTED", "GET, HEAD", "PUT");
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn a_module_whose_layer_is_gone_is_not_found() {
    let module = module(1);
    let server = server_with(&module).await;
    for blob in packed(&module, Layout::Compat).blobs {
        server.delete(&format!("/v2/plugins/key-auth/blobs/{}", digest_of(&blob))).await;
    }
    Refusal::of(server.get(FILE).await).await.says(404, "BLOB_UNKNOWN", "has no blob", "no layer");
}

/// The warnings of a push.
async fn warnings_of(server: &Server, repository: &str, image: &Image) -> Vec<String> {
    for blob in &image.blobs {
        server.push_blob(repository, blob).await;
    }
    let path = format!("/v2/{repository}/manifests/v1");
    let response = server.put_manifest(&path, &image.media_type, image.bytes.clone()).await;
    assert_eq!(response.status(), 201);
    response
        .headers()
        .get_all("warning")
        .iter()
        .map(|text| text.to_str().expect("printable text").to_owned())
        .collect()
}

#[tokio::test]
async fn a_push_that_agents_cannot_load_is_warned_of() {
    let server = Server::start().await;
    assert_eq!(warnings_of(&server, "a", &packed(&module(1), Layout::Compat)).await, Vec::<String>::new());
    let warnings = warnings_of(&server, "a", &packed(&module(1), Layout::Wasm)).await;
    assert!(!warnings.is_empty(), "no gateway loads this layout");
    for warning in &warnings {
        assert!(warning.starts_with("299 - \"") && warning.ends_with('"'), "{warning}");
        assert!(warning.contains("cannot load this image: "), "{warning}");
    }
    assert!(warnings.iter().any(|warning| warning.contains("Higress 2.x")), "{warnings:?}");
}

#[tokio::test]
async fn what_holds_no_module_passes_without_a_word() {
    let server = Server::start().await;
    let child = Image::new(1);
    let others = [
        child.clone(),
        Image::docker(2),
        Image::referrer(&child, "application/x.sbom", "sbom"),
        Image::index(&[&child]),
        Image::of("application/vnd.example+json", &json!({})),
    ];
    for image in others {
        assert_eq!(warnings_of(&server, "a", &image).await, Vec::<String>::new(), "{}", image.media_type);
    }
}

#[tokio::test]
async fn a_repository_may_refuse_what_agents_cannot_load() {
    let rule = |repository: &str, on_unloadable| PluginRule {
        repository: repository.to_owned().try_into().unwrap(),
        on_unloadable,
    };
    let setup = Setup::new().plugins(|plugins| {
        plugins.rules = vec![rule("lab/**", OnUnloadable::Ignore), rule("plugins/**", OnUnloadable::Refuse)];
    });
    let server = setup.start().await;
    let (loads, fails) = (packed(&module(1), Layout::Compat), packed(&module(1), Layout::Wasm));
    assert_eq!(warnings_of(&server, "lab/a", &fails).await, Vec::<String>::new());
    assert!(!warnings_of(&server, "other", &fails).await.is_empty());
    assert_eq!(warnings_of(&server, "plugins/a", &loads).await, Vec::<String>::new());
    for blob in &fails.blobs {
        server.push_blob("plugins/a", blob).await;
    }
    let before = Footprint::of(server.data_dir()).await;
    let response =
        server.put_manifest("/v2/plugins/a/manifests/v2", &fails.media_type, fails.bytes.clone()).await;
    Refusal::of(response).await.says(400, "MANIFEST_INVALID", "cannot load this image", "refused");
    assert_eq!(Footprint::of(server.data_dir()).await, before);
}

#[tokio::test]
async fn only_the_agents_that_matter_are_asked() {
    let setup = Setup::new().plugins(|plugins| plugins.agents = vec![Agent::WkgRunwasi]);
    let server = setup.start().await;
    assert_eq!(warnings_of(&server, "a", &packed(&module(1), Layout::Wasm)).await, Vec::<String>::new());
    let warnings = warnings_of(&server, "a", &packed(&module(1), Layout::Compat)).await;
    assert!(warnings[0].contains("wkg/runwasi cannot load this image"), "{warnings:?}");
}

#[tokio::test]
async fn the_history_of_a_tag_is_told_newest_first() {
    let server = Server::start().await;
    let (first, second) = (Image::new(1), Image::new(2));
    server.push("team/a", "v1", &first).await;
    server.push("team/a", "v1", &second).await;
    assert_eq!(server.delete("/v2/team/a/manifests/v1").await.status(), 202);
    let path = "/api/v1/repositories/team/a/tags/v1/history";
    let told = server.json(path).await;
    assert_eq!((&told["repository"], &told["tag"]), (&json!("team/a"), &json!("v1")));
    let history = told["history"].as_array().unwrap();
    let digests: Vec<_> = history.iter().map(|change| change["digest"].clone()).collect();
    assert_eq!(digests, [json!(null), json!(second.digest), json!(first.digest)]);
    assert!(history.iter().all(|change| change["changedBy"] == "anonymous"), "{told}");
    assert!(history.iter().all(|change| change["changed"].as_str().unwrap().ends_with('Z')), "{told}");
    assert_eq!(server.json(&format!("{path}?n=1")).await["history"].as_array().unwrap().len(), 1);
    assert_eq!(server.json("/api/v1/repositories/team%2Fa/tags/%761/history").await, told);
}

#[tokio::test]
async fn the_history_of_what_never_was_is_refused() {
    let server = Server::start().await;
    server.push("a", "v1", &Image::new(1)).await;
    let cases = [
        ("/api/v1/repositories/a/tags/v2/history", 404, "MANIFEST_UNKNOWN", "has no tag `v2`"),
        ("/api/v1/repositories/b/tags/v1/history", 404, "MANIFEST_UNKNOWN", "repository `b` has no tag"),
        ("/api/v1/repositories/A/tags/v1/history", 400, "NAME_INVALID", "lower-case letters and digits"),
        ("/api/v1/repositories/a/tags/-/history", 400, "TAG_INVALID", "tag `-`"),
        ("/api/v1/repositories/a/tags/v1/history?n=x", 400, "PAGINATION_NUMBER_INVALID", "not a number"),
        ("/api/v1/repositories/a/tags/v1", 404, "UNSUPPORTED", "/history"),
        ("/api/v1/repositories/%ff/tags/v1/history", 404, "UNSUPPORTED", "/history"),
        ("/api/v1/", 404, "UNSUPPORTED", "/history"),
    ];
    for (path, status, code, message) in cases {
        Refusal::of(server.get(path).await).await.says(status, code, message, path);
    }
    let put = server.request(Method::PUT, "/api/v1/repositories/a/tags/v1/history").send().await.unwrap();
    assert_eq!(header_text(&put, "allow"), "GET");
    assert_eq!(put.status(), 405);
}
