//! What no client may do to the server: each one is refused, and the others are served on.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use hwasm_registry::agent::{Limits, ResourceState, Service, Variant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tonic::Code;

use crate::harness::client::{Client, TYPE};
use crate::harness::{DIALECTS, Dialect, Server, plugin};

const ADS: Dialect = Dialect(Service::Ads, Variant::Sotw);
const ECDS_DELTA: Dialect = Dialect(Service::Ecds, Variant::Delta);

#[tokio::test]
async fn names_are_bounded_in_number_and_length() {
    for dialect in DIALECTS {
        let server = Server::with(Limits { max_names: 3, ..Limits::default() }).await;
        let mut client = server.connect(dialect, "many").await;
        client.subscribe(&["a", "b", "c"]).await;
        client.hears_nothing().await;
        client.subscribe(&["d"]).await;
        assert_eq!(client.end().await.unwrap().code(), Code::ResourceExhausted, "{dialect:?}");

        let mut client = server.connect(dialect, "long").await;
        client.subscribe(&[&"x".repeat(513)]).await;
        assert_eq!(client.end().await.unwrap().code(), Code::InvalidArgument, "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn all_streams_share_the_room_for_names_and_give_it_back() {
    let server = Server::with(Limits { max_subscribed_bytes: 20, ..Limits::default() }).await;
    let mut first = server.connect(ECDS_DELTA, "first").await;
    first.subscribe(&["0123456789abcdef"]).await;
    first.hears_nothing().await;
    let mut second = server.connect(ECDS_DELTA, "second").await;
    second.subscribe(&["01234"]).await;
    assert_eq!(second.end().await.unwrap().code(), Code::ResourceExhausted);
    first.unsubscribe("0123456789abcdef").await;
    first.hears_nothing().await;
    let mut third = server.connect(ECDS_DELTA, "third").await;
    third.subscribe(&["0123456789abcdef"]).await;
    third.hears_nothing().await;
    server.stop().await;
}

#[tokio::test]
async fn a_message_is_bounded() {
    let server = Server::start().await;
    let mut client = server.connect(ADS, "huge").await;
    client.subscribe(&[&"x".repeat(2 << 20)]).await;
    assert_eq!(client.end().await.unwrap().code(), Code::OutOfRange);
    server.stop().await;
}

#[tokio::test]
async fn streams_are_bounded() {
    let server = Server::with(Limits { max_streams: 2, ..Limits::default() }).await;
    let first = server.connect(ADS, "1").await;
    let _second = server.connect(ADS, "2").await;
    let refused = open(&server).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(first);
    for attempt in 0.. {
        match open(&server).await {
            Ok(()) => break,
            Err(status) => assert!(attempt < 100, "{status}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.stop().await;
}

async fn open(server: &Server) -> Result<(), tonic::Status> {
    use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
    let mut client = AggregatedDiscoveryServiceClient::new(server.channel().await);
    let requests = futures_util::stream::pending::<DiscoveryRequest>();
    client.stream_aggregated_resources(requests).await.map(drop)
}

#[tokio::test]
async fn a_type_that_is_not_served_is_answered_with_nothing_once() {
    let cluster = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    let server = Server::start().await;
    server.publisher.publish([plugin("a", 1)]);
    let mut client = server.connect(ADS, "gateway-1").await;
    let request = DiscoveryRequest { type_url: cluster.to_owned(), ..DiscoveryRequest::default() };
    client.send_raw_sotw(request.clone()).await;
    let answer = client.next().await;
    assert_eq!((answer.type_url.as_str(), answer.resources.len()), (cluster, 0));
    client.send_raw_sotw(DiscoveryRequest { response_nonce: answer.nonce, ..request }).await;
    client.hears_nothing().await;
    client.subscribe(&["n.a"]).await;
    assert_eq!(client.take().await.name(), "n.a");

    let mut client = server.connect(Dialect(Service::Ads, Variant::Delta), "gateway-2").await;
    let request = DeltaDiscoveryRequest { type_url: cluster.to_owned(), ..Default::default() };
    client.send_raw_delta(request).await;
    let answer = client.next().await;
    assert_eq!((answer.type_url.as_str(), answer.resources.len()), (cluster, 0));
    server.stop().await;
}

#[tokio::test]
async fn types_are_bounded_too() {
    let server = Server::start().await;
    let mut client = server.connect(ADS, "odd").await;
    for number in 0..16 {
        client
            .send_raw_sotw(DiscoveryRequest { type_url: format!("type/{number}"), ..Default::default() })
            .await;
        client.next().await;
    }
    client.send_raw_sotw(DiscoveryRequest { type_url: "type/16".to_owned(), ..Default::default() }).await;
    assert_eq!(client.end().await.unwrap().code(), Code::InvalidArgument);

    let mut client = server.connect(ADS, "none").await;
    client.send_raw_sotw(DiscoveryRequest::default()).await;
    assert_eq!(client.end().await.unwrap().code(), Code::InvalidArgument);

    let mut client = server.connect(Dialect(Service::Ecds, Variant::Sotw), "wrong").await;
    client.send_raw_sotw(DiscoveryRequest { type_url: "type/1".to_owned(), ..Default::default() }).await;
    assert_eq!(client.end().await.unwrap().code(), Code::InvalidArgument);
    server.stop().await;
}

#[tokio::test]
async fn nonces_of_another_time_change_nothing() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a"]).await;
        let first = client.take().await;
        let accepted = server.status("n.a", |status| status.accepted.is_some()).await.accepted;
        server.publisher.publish([plugin("a", 2)]);
        let second = client.next().await;
        for nonce in ["garbage", "-1", "18446744073709551616", "0", "999", &first.nonce] {
            let mut answer = first.clone();
            nonce.clone_into(&mut answer.nonce);
            client.nack(&answer, "too late").await;
            client.ack(&answer).await;
        }
        client.hears_nothing().await;
        let status = server.status("n.a", |_| true).await;
        assert_eq!((status.state, status.accepted, status.rejected), (ResourceState::Sent, accepted, None));
        client.ack(&second).await;
        // What comes with the same nonce after the answer is a change of names, not another answer.
        client.nack(&second, "again").await;
        let status = server.status("n.a", |status| status.state == ResourceState::Accepted).await;
        assert_eq!(*status.accepted.unwrap().version, *second.version, "{dialect:?}");
        client.hears_nothing().await;
        assert_eq!(server.status("n.a", |_| true).await.rejected, None);
        server.stop().await;
    }
}

#[tokio::test]
async fn what_a_node_says_of_itself_is_cut() {
    let server = Server::start().await;
    let mut client = server.connect(ECDS_DELTA, "unused").await;
    let node = Some(Node { id: "é".repeat(1000), cluster: "c".repeat(1000), ..Node::default() });
    let type_url = TYPE.to_owned();
    let versions = [("n.a".to_owned(), "v".repeat(100_000))].into();
    client
        .send_raw_delta(DeltaDiscoveryRequest {
            node,
            type_url,
            resource_names_subscribe: vec!["n.a".to_owned()],
            initial_resource_versions: versions,
            ..Default::default()
        })
        .await;
    server.publisher.publish([plugin("a", 1)]);
    assert_eq!(client.take().await.name(), "n.a");
    let envoy = server.envoy();
    assert_eq!((envoy.node_id, envoy.cluster), ("é".repeat(128), "c".repeat(256)));
    server.stop().await;
}

#[tokio::test]
async fn envoys_that_are_gone_are_bounded() {
    let server = Server::with(Limits { max_gone_envoys: 3, ..Limits::default() }).await;
    for number in 0..8 {
        let mut client = server.connect(ECDS_DELTA, &format!("gateway-{number}")).await;
        client.subscribe(&["n.a"]).await;
        client.hears_nothing().await;
        drop(client);
        while server.envoys.connected() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.after(1);
    }
    let known: Vec<_> = server.envoys.list().into_iter().map(|envoy| envoy.node_id).collect();
    assert_eq!(known, ["gateway-5", "gateway-6", "gateway-7"]);
    server.stop().await;
}

#[tokio::test]
async fn a_slow_envoy_gets_what_is_newest_when_it_has_answered() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        let big = |revision: u32| {
            let path = format!("/{revision}{}", "x".repeat(100_000));
            crate::harness::at(crate::harness::LINE, "a", &path)
        };
        server.publisher.publish([big(0)]);
        let mut client = server.connect(dialect, "slow").await;
        client.subscribe(&["n.a"]).await;
        let first = client.next().await;
        let mut newest = String::new();
        for revision in 1..=100 {
            server.publisher.publish([big(revision)]);
            newest = server.publisher.snapshot().find("n.a").unwrap().version().to_string();
            tokio::task::yield_now().await;
        }
        client.hears_nothing().await;
        client.ack(&first).await;
        assert_eq!(client.take().await.version, newest, "{dialect:?}");
        client.hears_nothing().await;
        server.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed() {
    let limits = Limits { first_request_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = Server::with(limits).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut read = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), silent.read_to_end(&mut read)).await;
    assert!(ended.is_ok(), "it is still open");
    // One that asked is left alone.
    let mut client = server.connect(ADS, "gateway-1").await;
    client.subscribe(&["n.a"]).await;
    client.hears_nothing().await;
    client.hears_nothing().await;
    server.publisher.publish([plugin("a", 1)]);
    client.take().await;
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_does_not_live_is_closed() {
    let limits = Limits {
        keepalive_interval: Duration::from_millis(100),
        keepalive_timeout: Duration::from_millis(100),
        first_request_timeout: Duration::from_mins(1),
        ..Limits::default()
    };
    let server = Server::with(limits).await;
    let mut dead = TcpStream::connect(server.address).await.unwrap();
    // The preface and empty settings; pings are not answered.
    let greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    tokio::io::AsyncWriteExt::write_all(&mut dead, greeting).await.unwrap();
    let mut read = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), dead.read_to_end(&mut read)).await;
    assert!(ended.is_ok(), "it is still open");
    server.stop().await;
}

#[tokio::test]
async fn stopping_ends_every_stream_and_every_connection() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1)]);
        let channel = server.channel().await;
        let mut streams = Vec::new();
        for number in 0..10 {
            let mut client = Client::open(channel.clone(), dialect, &format!("gateway-{number}")).await;
            client.subscribe(&["n.a"]).await;
            client.take().await;
            streams.push(client);
        }
        let silent = TcpStream::connect(server.address).await.unwrap();
        let (envoys, address) = (server.envoys.clone(), server.address);
        let stopping = std::time::Instant::now();
        server.stop().await;
        assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
        assert_eq!(envoys.connected(), 0, "{dialect:?}");
        for mut client in streams {
            assert_eq!(client.end().await.map(|status| status.to_string()), None);
        }
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
        drop(silent);
    }
}

#[tokio::test]
async fn an_answer_to_the_later_of_two_responses_frees_the_earlier_one() {
    for dialect in DIALECTS {
        let server = Server::start().await;
        server.publisher.publish([plugin("a", 1), plugin("b", 1)]);
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.a", "n.b"]).await;
        client.next().await;
        let later = client.next().await;
        client.ack(&later).await;
        server.publisher.publish([plugin("a", 2), plugin("b", 2)]);
        let names = [client.take().await.name().to_owned(), client.take().await.name().to_owned()];
        assert_eq!(names, ["n.a", "n.b"], "{dialect:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_nobody_up() {
    for dialect in DIALECTS {
        let server =
            Server::with(Limits { shutdown_grace: Duration::from_millis(300), ..Limits::default() }).await;
        let big = |number: usize| {
            let path = format!("/{number}{}", "x".repeat(100_000));
            crate::harness::at(crate::harness::LINE, &format!("p{number:03}"), &path)
        };
        server.publisher.publish((0..100).map(big));
        let names: Vec<String> = (0..100).map(|number| format!("n.p{number:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut deaf = server.connect(dialect, "deaf").await;
        deaf.subscribe(&names).await;
        let mut client = server.connect(dialect, "gateway-1").await;
        client.subscribe(&["n.p007"]).await;
        client.take().await;
        client.hears_nothing().await;
        let deaf_one = server.envoys.list().into_iter().find(|envoy| envoy.node_id == "deaf").unwrap();
        let sent = deaf_one.resources.len();
        assert!((1..50).contains(&sent), "{dialect:?}: {sent} of 10 MB were taken from it at once");
        let stopping = std::time::Instant::now();
        server.stop().await;
        assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
    }
}
