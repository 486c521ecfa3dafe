//! Where no resource, redirect or registry leads an agent, and by what protocol it goes.

use http::Method;
use hwasm_registry::agent::{PullSecret, PullerOptions};
use hwasm_registry::policy::Pull;

use super::fake::with_headers;
use super::world::{World, module, options, pull};

#[tokio::test]
async fn a_url_of_a_metadata_service_is_not_asked() {
    let world = World::start().await;
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/x.wasm",
        "https://metadata.google.internal/x.wasm",
        "oci://169.254.169.254/a:1",
        "oci://100.100.100.200/a:1",
    ] {
        let error = world.pull(&pull(url)).await.unwrap_err().to_string();
        assert!(error.contains("the address is not asked"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_or_a_realm_does_not_lead_there_either() {
    let world = World::start().await;
    let away = |_: &super::fake::Seen| Some(with_headers(302, &[("location", "http://169.254.169.254/x")]));
    world.fake.on((Method::GET, "/other/"), 1, away);
    let url = format!("http://{}/other/p.wasm", world.fake.host);
    let error = world.pull(&pull(&url)).await.unwrap_err().to_string();
    assert!(error.contains("the address is not asked"), "{error}");

    world.serve("v1", &module("old"));
    let challenge = r#"Bearer realm="http://169.254.169.254/token",service="x""#;
    world
        .fake
        .on((Method::GET, "/v2/"), 1, move |_| Some(with_headers(401, &[("www-authenticate", challenge)])));
    let json = format!(r#"{{"auths":{{"{}":{{"username":"ada","password":"pw"}}}}}}"#, world.fake.host);
    let secret = PullSecret::parse("team", json.as_bytes()).unwrap();
    let asked: Pull = world.image(":v1");
    let error = world.puller.pull(&asked, Some(&secret)).await.unwrap_err().to_string();
    assert!(error.contains("a token server that is not asked"), "{error}");
}

#[tokio::test]
async fn plain_http_is_for_loopback_and_for_those_that_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let with_ca = PullerOptions { ca_file: Some(ca_file), ..options() };
    let world = World::with(with_ca.clone()).await;
    world.serve("v1", &module("old"));
    let error = world.pull(&world.image(":v1")).await.unwrap_err().to_string();
    assert!(error.contains("the server does not speak TLS"), "{error}");

    let plain_http = [world.fake.host.clone()].into();
    let world = world.restarted_with(PullerOptions { plain_http, ..with_ca });
    world.pull(&world.image(":v1")).await.unwrap();
}
