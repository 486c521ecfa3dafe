//! What every client can rely on, whichever service and variant it speaks.

use std::collections::BTreeSet;

use hwasm_registry::agent::{Resource, ResourceState, Variant};

use crate::harness::client::{Answer, TYPE};
use crate::harness::{DIALECTS, LINE, Server, plugin};

#[tokio::test]
async fn a_plugin_is_sent_to_who_asks_for_it() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let answer = client.take().await;
        assert_eq!((answer.name(), answer.type_url.as_str()), ("n.a", TYPE), "{dialect:?}");
        assert_eq!(answer.filter_type(), "Wasm");
        client.hears_nothing().await;

        let envoy = server.envoy();
        assert_eq!((envoy.node_id.as_str(), envoy.cluster.as_str()), ("gateway-1", "gateways"));
        assert_eq!((envoy.service, envoy.variant, envoy.streams), (dialect.0, dialect.1, 1));
        let status = server.status("n.a", |status| status.state == ResourceState::Accepted).await;
        assert_eq!(*status.accepted.unwrap().version, *answer.version);
        assert_eq!(status.rejected, None);
        server.stop().await;
    }
}

#[tokio::test]
async fn each_resource_comes_in_a_response_of_its_own() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1), plugin("c", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a", "n.b", "n.c"]).await;
        let mut names = BTreeSet::new();
        let mut nonces = BTreeSet::new();
        for _ in 0..3 {
            let answer = client.take().await;
            names.insert(answer.name().to_owned());
            nonces.insert(answer.nonce);
        }
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["n.a", "n.b", "n.c"], "{dialect:?}");
        assert_eq!(nonces.len(), 3);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_change_is_sent_and_nothing_else_is() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a", "n.b"]).await;
        let first = [client.take().await, client.take().await];
        assert!(!server.publisher.publish([plugin("b", 1), plugin("a", 1)]), "nothing changed");
        client.hears_nothing().await;

        assert!(server.publisher.publish([plugin("a", 2), plugin("b", 1)]));
        let changed = client.take().await;
        assert_eq!(changed.name(), "n.a", "{dialect:?}");
        assert!(first.iter().all(|answer| answer.version != changed.version));
        assert!(changed.version.len() == 16, "a first attempt has no mark: {}", changed.version);
        client.hears_nothing().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn names_that_join_are_answered_alone() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        assert_eq!(client.take().await.name(), "n.a");
        client.subscribe(&["n.b"]).await;
        assert_eq!(client.take().await.name(), "n.b", "{dialect:?}");
        client.hears_nothing().await;

        // The delta variant can ask for a name once more, and gets it; the other lists its names all the time.
        client.subscribe(&["n.a"]).await;
        match dialect.1 {
            Variant::Delta => assert_eq!(client.take().await.name(), "n.a"),
            Variant::Sotw => client.hears_nothing().await,
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_name_that_leaves_is_forgotten_and_answered_when_it_comes_back() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a", "n.b"]).await;
        client.take().await;
        client.take().await;
        client.unsubscribe("n.a").await;
        client.hears_nothing().await;
        let names: Vec<_> =
            server.envoy().resources.into_iter().map(|resource| resource.name.to_string()).collect();
        assert_eq!(names, ["n.b"], "{dialect:?}");
        server.publisher.publish([plugin("a", 2), plugin("b", 1)]);
        client.hears_nothing().await;
        client.subscribe(&["n.a"]).await;
        assert_eq!(client.take().await.name(), "n.a", "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_name_that_was_never_published_is_answered_once_it_is() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        client.hears_nothing().await;
        server.publisher.publish([plugin("b", 1)]);
        client.hears_nothing().await;
        assert_eq!(server.envoy().resources, []);
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        assert_eq!(client.take().await.name(), "n.a", "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_refusal_is_remembered_and_what_was_accepted_still_runs() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let good = client.take().await;
        server.after(60);
        server.publisher.publish([plugin("a", 2)]);
        let bad = client.next().await;
        let reason = format!("Unable to create Wasm plugin {}", "é".repeat(1000));
        client.nack(&bad, &reason).await;
        let status = server.status("n.a", |status| status.state == ResourceState::Rejected).await;
        assert_eq!(*status.sent.unwrap().version, *bad.version, "{dialect:?}");
        assert_eq!(*status.accepted.unwrap().version, *good.version, "it still runs");
        let rejected = status.rejected.unwrap();
        assert_eq!(*rejected.version, *bad.version);
        assert_eq!(humantime::format_rfc3339(rejected.at).to_string(), "1970-01-01T00:17:40Z");
        assert!(reason.starts_with(&rejected.reason));
        assert!((500..=512).contains(&rejected.reason.len()), "{}", rejected.reason.len());
        client.hears_nothing().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn what_was_refused_comes_back_in_other_bytes_to_who_refused_it() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut refusing = server.connect(dialect, "gateway-1").await;
        refusing.subscribe(&["n.a"]).await;
        let mut content = server.connect(dialect, "gateway-2").await;
        content.subscribe(&["n.a"]).await;
        let plain = content.take().await;

        let mut sent = vec![refusing.next().await];
        assert_eq!(sent[0].bytes(), plain.bytes());
        for _ in 0..3 {
            refusing.nack(sent.last().unwrap(), "no").await;
            refusing.hears_nothing().await;
            assert!(server.publisher.retry("n.a"));
            let again = refusing.next().await;
            assert!(again.version.starts_with(&format!("{}-", plain.version)), "{}", again.version);
            sent.push(again);
        }
        let different: BTreeSet<&[u8]> = sent.iter().map(Answer::bytes).collect();
        assert_eq!(different.len(), 4, "{dialect:?}");
        refusing.ack(sent.last().unwrap()).await;
        content.hears_nothing().await;
        assert!(!server.publisher.retry("n.unknown"));
        server.stop().await;
    }
}

#[tokio::test]
async fn a_version_that_was_refused_before_comes_back_in_other_bytes_too() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let good = client.take().await;
        server.publisher.publish([plugin("a", 2)]);
        let bad = client.next().await;
        client.nack(&bad, "no").await;
        server.publisher.publish([plugin("a", 1)]);
        assert_eq!(client.take().await.version, good.version);
        server.publisher.publish([plugin("a", 2)]);
        let again = client.take().await;
        assert_ne!(again.bytes(), bad.bytes(), "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_removed_plugin_is_replaced_by_a_filter_that_does_nothing() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a", "n.b"]).await;
        client.take().await;
        client.take().await;
        server.publisher.publish([plugin("b", 1)]);
        let stand_in = client.take().await;
        assert_eq!((stand_in.name(), stand_in.filter_type().as_str()), ("n.a", "RBAC"), "{dialect:?}");
        client.hears_nothing().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        let back = client.take().await;
        assert_eq!((back.name(), back.filter_type().as_str()), ("n.a", "Wasm"));
        let deny = Resource::deny_all("n.a", LINE).unwrap();
        server.publisher.publish([deny, plugin("b", 1)]);
        let deny = client.take().await;
        assert_ne!(deny.version, stand_in.version);
        assert_eq!(deny.filter_type(), "RBAC");
        server.stop().await;
    }
}
