//! What goes wrong is said, leaves nothing behind, and does not stop the next try.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::Method;
use hwasm_registry::agent::{PullError, PullerOptions};
use hwasm_registry::oci::{Digest, media_type};
use hwasm_registry::policy::Pull;

use super::fake::{broken_off, status, with_headers};
use super::world::{World, gzip, gzip_tar, module, options, tar};

/// An answer whose body never comes.
fn stalled() -> Response {
    let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    let body = futures_util::stream::iter([Ok(Bytes::from_static(b"{"))]).chain(never);
    Response::builder().header("content-length", 100).body(Body::from_stream(body)).unwrap()
}

async fn said(world: &World, pull: &Pull) -> String {
    let error = world.pull(pull).await.unwrap_err();
    assert_eq!(world.modules().len(), 0, "{error}");
    error.to_string()
}

#[tokio::test]
async fn what_a_registry_refuses_is_told_and_tried_again_the_next_time() {
    for (code, path, expected, requests) in [
        (404, "/manifests/", "404", "M"),
        (401, "/manifests/", "401", "M"),
        (403, "/manifests/", "403", "M"),
        (500, "/manifests/", "500", "MMM"),
        (429, "/manifests/", "429", "MMM"),
        (404, "/blobs/", "404", "MB"),
        (503, "/blobs/", "503", "MBBB"),
    ] {
        let world = World::start().await;
        world.serve("v1", &module("old"));
        let times = requests.matches(requests.chars().last().unwrap()).count();
        world.fake.on((Method::GET, path), times, move |_| status(code));
        let pull = world.image(":v1");
        let error = said(&world, &pull).await;
        assert!(error.contains(expected), "{error}");
        assert_eq!(world.requests(), requests, "{code} {path}");
        world.pull(&pull).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_is_given_the_time_it_asks_for_if_there_is_any() {
    let world = World::start().await;
    world.serve("v1", &module("old"));
    let wait = |seconds: &'static str| {
        move |_: &super::fake::Seen| Some(with_headers(503, &[("retry-after", seconds)]))
    };
    world.fake.on((Method::GET, "/manifests/"), 1, wait("3600"));
    let error = world.pull(&world.image(":v1")).await.unwrap_err();
    assert_eq!((world.requests().as_str(), error.retry_after()), ("M", Some(Duration::from_hours(1))));
    world.fake.on((Method::GET, "/manifests/"), 1, wait("0"));
    world.pull(&world.image(":v1")).await.unwrap();
    assert_eq!(world.requests(), "MMB");
}

#[tokio::test]
async fn a_layer_that_is_cut_is_taken_up_and_a_wrong_one_is_not_used() {
    let world = World::start().await;
    let layer = gzip_tar(&module("old"));
    world.serve("v1", &module("old"));
    let (half, length) = (layer[..layer.len() / 2].to_vec(), layer.len());
    world.fake.on((Method::GET, "/blobs/"), 1, move |_| Some(broken_off(200, &half, length)));
    let pulled = world.pull(&world.image(":v1")).await.unwrap();
    assert_eq!(std::fs::read(pulled.path).unwrap(), module("old"));
    assert_eq!(world.requests(), "MBB");

    let world = World::start().await;
    let digest = world.fake.hold_blob(&layer).digest;
    world.serve("v1", &module("old"));
    let mut other = layer;
    let last = other.len() - 1;
    other[last] ^= 1;
    world.fake.state.lock().unwrap().blobs.insert(digest.to_string(), other.into());
    let error = said(&world, &world.image(":v1")).await;
    assert!(error.contains("hashes to"), "the module itself is whole, its layer is not: {error}");
}

#[tokio::test]
async fn a_pull_ends_with_its_time() {
    for path in ["/manifests/", "/blobs/"] {
        let world = World::with(PullerOptions { timeout: Duration::from_millis(300), ..options() }).await;
        world.serve("v1", &module("old"));
        world.fake.on((Method::GET, path), 1, |_| Some(stalled()));
        let start = Instant::now();
        let error = world.pull(&world.image(":v1")).await.unwrap_err();
        assert!(matches!(error, PullError::TimedOut(_)), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(error.to_string(), "the pull was not done after 0.3 s");
        world.pull(&world.image(":v1")).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_never_cut() {
    let large = [module("old"), vec![0; 0]].concat();
    let padding = wasm_of(10_000);
    let limited = || World::with(PullerOptions { module_bytes: 2000, ..options() });
    for (layer, kind, requests, expected) in [
        (padding.clone(), "application/vnd.module.wasm.content.layer.v1+wasm", "M", "more than the 2000"),
        (gzip_tar(&padding), media_type::OCI_LAYER_TAR_GZIP, "MB", "unpacks to more than 2000 bytes"),
    ] {
        let world = limited().await;
        world.serve_layer("v1", &layer, kind);
        let error = said(&world, &world.image(":v1")).await;
        assert!(error.contains(expected), "{error}");
        assert_eq!(world.requests(), requests);
    }
    let world = limited().await;
    for (name, bytes) in [("large", padding.clone()), ("packed", gzip(&padding)), ("fits", large)] {
        world.serve_file(name, &bytes);
    }
    assert!(said(&world, &world.file("large")).await.contains("larger than 2000 bytes"));
    assert!(said(&world, &world.file("packed")).await.contains("more than 2000 bytes"));
    world.pull(&world.file("fits")).await.unwrap();
}

/// A module of at least so many bytes, which pack well.
fn wasm_of(bytes: usize) -> Vec<u8> {
    module(&"x".repeat(bytes))
}

#[tokio::test]
async fn what_is_no_module_never_gets_to_a_gateway() {
    let component = b"\0asm\x0d\0\x01\0".to_vec();
    let truncated = {
        let mut whole = module("old");
        whole.truncate(20);
        whole
    };
    let mut corrupt = gzip_tar(&module("old"));
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0xff;
    for (layer, expected) in [
        (gzip_tar(b"not wasm at all"), "does not begin with"),
        (gzip_tar(&component), "component"),
        (gzip_tar(&truncated), "no usable module"),
        (gzip(&tar("other.wasm", &module("old"))), "no `plugin.wasm`"),
        (corrupt, "cannot unpack the module"),
        (b"no gzip".to_vec(), "cannot unpack the module"),
    ] {
        let world = World::start().await;
        world.serve_layer("v1", &layer, media_type::OCI_LAYER_TAR_GZIP);
        let error = said(&world, &world.image(":v1")).await;
        assert!(error.contains(expected), "{error}");
        assert_eq!(world.requests(), "MB");
    }
    let world = World::start().await;
    world.serve_layer("v1", b"x", "text/plain");
    let error = said(&world, &world.image(":v1")).await;
    assert!(error.contains("image holds no module"), "{error}");
}

#[tokio::test]
async fn another_digest_than_was_asked_for_is_an_error_that_names_both() {
    let world = World::start().await;
    let found = world.serve("v1", &module("old"));
    let wrong = Digest::sha256(b"wrong");
    let error = said(&world, &Pull { sha256: Some(wrong.clone()), ..world.image(":v1") }).await;
    assert!(error.contains(&wrong.to_string()) && error.contains(&found.to_string()), "{error}");
    assert_eq!(world.requests(), "M", "no layer for a manifest that nobody wants");
}

#[tokio::test]
async fn one_bad_plugin_does_not_hold_up_another() {
    let world = World::start().await;
    world.serve("slow", &module("slow"));
    world.serve("v1", &module("old"));
    world.fake.on((Method::GET, "/manifests/slow"), 1, |_| Some(stalled()));
    let slow = Pull { resource: "ns.slow".to_owned(), ..world.image(":slow") };
    let quick = world.image(":v1");
    tokio::select! {
        _ = world.pull(&slow) => panic!("it cannot be done"),
        pulled = world.pull(&quick) => drop(pulled.unwrap()),
    }
}
