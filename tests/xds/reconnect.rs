//! An Envoy that comes back: it says what it has, and what it refused is remembered.

use hwasm_registry::agent::{ResourceState, Service, Variant};

use crate::harness::client::Client;
use crate::harness::{DIALECTS, Dialect, Server, plugin};

/// The stream ends, and the Envoy opens another one, on which it says what it has.
async fn again(server: &Server, client: Client, dialect: Dialect, names: &[&str]) -> Client {
    let version = client.version.clone();
    drop(client);
    let mut client = server.connect(dialect, "gateway-1").await;
    client.version.clone_from(&version);
    let versions: Vec<(&str, &str)> = names.iter().map(|name| (*name, version.as_str())).collect();
    client.subscribe_with(names, if version.is_empty() { &[] } else { &versions }).await;
    client
}

#[tokio::test]
async fn what_an_envoy_says_it_has_is_not_sent_again() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let first = client.take().await;
        server.status("n.a", |status| status.state == ResourceState::Accepted).await;
        let mut client = again(&server, client, dialect, &["n.a"]).await;
        if dialect == Dialect(Service::Ads, Variant::Sotw) {
            // The one version that it says could be that of another filter.
            assert_eq!(client.take().await.bytes(), first.bytes());
        }
        client.hears_nothing().await;
        let status = server.status("n.a", |status| status.state == ResourceState::Accepted).await;
        assert_eq!(*status.accepted.unwrap().version, *first.version);

        server.publisher.publish([plugin("a", 2)]);
        assert_ne!(client.take().await.version, first.version, "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn what_changed_while_it_was_away_is_sent() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let first = client.take().await;
        server.publisher.publish([plugin("a", 2)]);
        let mut client = again(&server, client, dialect, &["n.a"]).await;
        let second = client.take().await;
        assert_ne!(second.version, first.version, "{dialect:?}");
        // The mark that it may have does not make it another content.
        let mut client = again(&server, client, dialect, &["n.a"]).await;
        if dialect != Dialect(Service::Ads, Variant::Sotw) {
            client.hears_nothing().await;
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn what_it_refused_before_comes_back_in_other_bytes() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let bad = client.next().await;
        client.nack(&bad, "no").await;
        server.status("n.a", |status| status.state == ResourceState::Rejected).await;
        let mut client = again(&server, client, dialect, &["n.a"]).await;
        assert_ne!(client.next().await.bytes(), bad.bytes(), "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn versions_outlive_the_server() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let first = client.take().await;
        server.stop().await;

        let server = Server::start().await;
        let mut client = again(&server, client, dialect, &["n.a"]).await;
        client.hears_nothing().await;
        server.publisher.publish([plugin("a", 1)]);
        if dialect == Dialect(Service::Ads, Variant::Sotw) {
            // It could be one that the Envoy refused from the server before.
            let marked = client.take().await;
            assert!(marked.version.starts_with(&format!("{}-", first.version)), "{}", marked.version);
            let mut client = again(&server, client, dialect, &["n.a"]).await;
            assert_eq!(client.take().await.bytes(), first.bytes(), "of this server all is known");
            continue;
        }
        client.hears_nothing().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn an_envoy_that_was_started_anew_runs_nothing() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        client.take().await;
        server.status("n.a", |status| status.accepted.is_some()).await;
        client.version.clear();
        let mut client = again(&server, client, dialect, &["n.a"]).await;
        client.next().await;
        let status = server.status("n.a", |status| status.state == ResourceState::Sent).await;
        assert_eq!(status.accepted, None, "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn an_envoy_that_is_gone_is_remembered_for_a_while() {
    let server = Server::start().await;
    let dialect = DIALECTS[0];
    let client = server.connect(dialect, "gateway-1").await;
    server.publisher.publish([plugin("a", 1)]);
    let mut client = again(&server, client, dialect, &["n.a"]).await;
    client.take().await;
    assert_eq!((server.envoy().streams, server.envoys.connected()), (1, 1));
    drop(client);
    while server.envoys.connected() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let gone = server.envoy();
    assert_eq!((gone.streams, gone.gone_at.is_some(), gone.resources.len()), (0, true, 1));
    server.after(3599);
    server.envoy();
    server.after(1);
    assert_eq!(server.envoys.list(), []);
    server.stop().await;
}
