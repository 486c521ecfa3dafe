//! Envoys, as far as their discovery server sees them: one connection each, with one stream of the aggregated service in
//! its delta variant, as `agent bootstrap` configures it.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, Result};
use envoy_types::pb::envoy::config::core::v3::{Extension, Node};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use futures_util::stream;
use tokio::sync::mpsc;
use tonic::Streaming;
use tonic::transport::Endpoint;

const TYPE: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
/// An Envoy says in its first request which extensions it has: some 60 KB.
const EXTENSIONS: usize = 450;

/// A stream whose every response is acknowledged.
pub(crate) struct Stream {
    number: usize,
    requests: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

/// A response that came.
pub(crate) struct Heard {
    pub(crate) stream: usize,
    pub(crate) at: Instant,
    /// The resource.
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Stream {
    /// The Envoy number `number`, which asks for `names`.
    pub(crate) async fn open(agent: SocketAddr, number: usize, names: &[String]) -> Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{agent}"))?.connect().await?;
        let (requests, receiver) = mpsc::channel(8);
        let sent = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        let first = DeltaDiscoveryRequest {
            node: Some(node(number)),
            resource_names_subscribe: names.to_vec(),
            ..request()
        };
        requests.send(first).await?;
        let mut client = AggregatedDiscoveryServiceClient::new(channel);
        let responses = client.delta_aggregated_resources(sent).await?.into_inner();
        Ok(Self { number, requests, responses })
    }

    /// Tells of every response, for as long as somebody listens.
    pub(crate) async fn tell(mut self, heard: mpsc::UnboundedSender<Heard>) -> Result<()> {
        loop {
            let response = self.responses.message().await?.context("the agent ended a stream")?;
            let at = Instant::now();
            self.requests.send(DeltaDiscoveryRequest { response_nonce: response.nonce, ..request() }).await?;
            for resource in response.resources {
                let (name, version) = (resource.name, resource.version);
                if heard.send(Heard { stream: self.number, at, name, version }).is_err() {
                    return Ok(());
                }
            }
        }
    }
}

fn request() -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest { type_url: TYPE.to_owned(), ..DeltaDiscoveryRequest::default() }
}

fn node(number: usize) -> Node {
    let extension = |n: usize| Extension {
        name: format!("envoy.filters.http.extension_number_{n}"),
        category: "envoy.filters.http".to_owned(),
        type_urls: vec![format!("envoy.extensions.filters.http.extension_number_{n}.v3.Configuration")],
        ..Extension::default()
    };
    Node {
        id: format!("bench-{number}"),
        cluster: "gateway".to_owned(),
        extensions: (0..EXTENSIONS).map(extension).collect(),
        ..Node::default()
    }
}
