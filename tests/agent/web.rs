//! Modules from web servers.

use http::Method;
use hwasm_registry::agent::PullError;
use hwasm_registry::oci::Digest;
use hwasm_registry::policy::Pull;

use super::fake::{broken_off, silence, status};
use super::world::{World, gzip, gzip_tar, module, tar};

#[tokio::test]
async fn the_innermost_module_is_what_counts() {
    let wasm = module("old");
    for (name, file) in [
        ("plain", wasm.clone()),
        ("gz", gzip(&wasm)),
        ("tar", tar("first/of/any.name", &wasm)),
        ("tar.gz", gzip_tar(&wasm)),
    ] {
        let world = World::start().await;
        world.serve_file(name, &file);
        let pull = Pull { sha256: Some(Digest::sha256(&wasm)), ..world.file(name) };
        let pulled = world.pull(&pull).await.unwrap();
        assert_eq!((std::fs::read(pulled.path).unwrap(), pulled.manifest), (wasm.clone(), pulled.module));
        let wrong = Pull { sha256: Some(Digest::sha256(b"x")), ..world.file(name) };
        let error = world.pull(&wrong).await.unwrap_err();
        assert!(matches!(error, PullError::Mismatch { .. }), "{error}");
        assert_eq!((world.requests().as_str(), world.modules().len()), ("GG", 1));
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_the_rest_is_not() {
    for (code, requests) in [
        (500, "GGG"),
        (502, "GGG"),
        (599, "GGG"),
        (429, "GGG"),
        (501, "G"),
        (505, "G"),
        (511, "G"),
        (404, "G"),
        (403, "G"),
        (204, "G"),
        (206, "G"),
        (304, "G"),
    ] {
        let world = World::start().await;
        // The rule that answers first is the one that was made first.
        let path = "/other/p.wasm";
        let answer = move |_: &super::fake::Seen| if code == 599 { silence() } else { status(code) };
        world.fake.on((Method::GET, path), usize::MAX, answer);
        let pull = super::world::pull(&format!("http://{}{path}", world.fake.host));
        world.pull(&pull).await.unwrap_err();
        assert_eq!(world.fake.count(&Method::GET, path), requests.len(), "{code}");
    }
}

#[tokio::test]
async fn a_file_that_is_cut_is_fetched_again_from_its_beginning() {
    let world = World::start().await;
    let wasm = module("old");
    let (half, length, whole) = (wasm[..20].to_vec(), wasm.len(), wasm.clone());
    let mut answers = vec![whole, half];
    world
        .fake
        .on((Method::GET, "/other/"), 2, move |_| Some(broken_or_whole(answers.pop().unwrap(), length)));
    let pull = super::world::pull(&format!("http://{}/other/p.wasm", world.fake.host));
    let pulled = world.pull(&pull).await.unwrap();
    assert_eq!(std::fs::read(pulled.path).unwrap(), wasm);
    assert_eq!(world.fake.count(&Method::GET, "/other/"), 2);
}

fn broken_or_whole(bytes: Vec<u8>, length: usize) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    if bytes.len() < length { broken_off(200, &bytes, length) } else { bytes.into_response() }
}
