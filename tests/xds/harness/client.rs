//! A client of either service in either variant, with one set of words for all four.

use std::collections::HashMap;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{Node, TypedExtensionConfig};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_client::ExtensionConfigDiscoveryServiceClient;
use envoy_types::pb::google::protobuf::Any;
use envoy_types::pb::google::rpc;
use futures_util::{Stream, stream};
use hwasm_registry::agent::{Service, Variant};
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::Dialect;

pub(crate) const TYPE: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
/// How long an answer may take, and how long silence is waited for.
const ANSWER: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(150);

/// A stream, as an Envoy has it.
pub(crate) struct Client {
    dialect: Dialect,
    node: Option<Node>,
    names: Vec<String>,
    /// What the Envoy took last, over all its streams.
    pub(crate) version: String,
    nonce: String,
    wire: Wire,
}

enum Wire {
    Sotw(mpsc::Sender<DiscoveryRequest>, Streaming<DiscoveryResponse>),
    Delta(mpsc::Sender<DeltaDiscoveryRequest>, Streaming<DeltaDiscoveryResponse>),
}

/// One response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) type_url: String,
    pub(crate) nonce: String,
    pub(crate) version: String,
    /// The version as a client has to say it again.
    wire_version: String,
    /// Name and bytes of each resource.
    pub(crate) resources: Vec<(String, Any)>,
}

impl Client {
    pub(crate) async fn open(channel: Channel, dialect: Dialect, node: &str) -> Self {
        let mut ecds = ExtensionConfigDiscoveryServiceClient::new(channel.clone());
        let mut ads = AggregatedDiscoveryServiceClient::new(channel);
        let wire = match dialect.1 {
            Variant::Sotw => {
                let (sender, requests) = requests();
                let answers = match dialect.0 {
                    Service::Ecds => ecds.stream_extension_configs(requests).await,
                    Service::Ads => ads.stream_aggregated_resources(requests).await,
                };
                Wire::Sotw(sender, answers.unwrap().into_inner())
            }
            Variant::Delta => {
                let (sender, requests) = requests();
                let answers = match dialect.0 {
                    Service::Ecds => ecds.delta_extension_configs(requests).await,
                    Service::Ads => ads.delta_aggregated_resources(requests).await,
                };
                Wire::Delta(sender, answers.unwrap().into_inner())
            }
        };
        let node = Node { id: node.to_owned(), cluster: "gateways".to_owned(), ..Node::default() };
        let (names, version, nonce) = (Vec::new(), String::new(), String::new());
        Self { dialect, node: Some(node), names, version, nonce, wire }
    }

    /// Asks for `names`, besides those that it asks for already.
    pub(crate) async fn subscribe(&mut self, names: &[&str]) {
        self.subscribe_with(names, &[]).await;
    }

    /// Asks for `names` and says which versions it has: by name in the delta variant, else the last one.
    pub(crate) async fn subscribe_with(&mut self, names: &[&str], versions: &[(&str, &str)]) {
        self.names.extend(names.iter().map(|name| (*name).to_owned()));
        match self.dialect.1 {
            Variant::Sotw => self.send_sotw(None).await,
            Variant::Delta => {
                let versions = versions.iter().map(|(name, version)| ((*name).into(), (*version).into()));
                self.send_delta(DeltaDiscoveryRequest {
                    resource_names_subscribe: names.iter().map(|name| (*name).to_owned()).collect(),
                    initial_resource_versions: versions.collect::<HashMap<String, String>>(),
                    ..DeltaDiscoveryRequest::default()
                })
                .await;
            }
        }
    }

    pub(crate) async fn unsubscribe(&mut self, name: &str) {
        self.names.retain(|known| known != name);
        match self.dialect.1 {
            Variant::Sotw => self.send_sotw(None).await,
            Variant::Delta => {
                let resource_names_unsubscribe = vec![name.to_owned()];
                self.send_delta(DeltaDiscoveryRequest { resource_names_unsubscribe, ..Default::default() })
                    .await;
            }
        }
    }

    pub(crate) async fn ack(&mut self, answer: &Answer) {
        self.version.clone_from(&answer.wire_version);
        self.nonce.clone_from(&answer.nonce);
        self.answer(None).await;
    }

    pub(crate) async fn nack(&mut self, answer: &Answer, reason: &str) {
        self.nonce.clone_from(&answer.nonce);
        self.answer(Some(rpc::Status { code: 13, message: reason.to_owned(), details: Vec::new() })).await;
    }

    async fn answer(&mut self, error_detail: Option<rpc::Status>) {
        match self.dialect.1 {
            Variant::Sotw => self.send_sotw(error_detail).await,
            Variant::Delta => {
                let response_nonce = self.nonce.clone();
                self.send_delta(DeltaDiscoveryRequest { response_nonce, error_detail, ..Default::default() })
                    .await;
            }
        }
    }

    async fn send_sotw(&mut self, error_detail: Option<rpc::Status>) {
        let request = DiscoveryRequest {
            version_info: self.version.clone(),
            node: self.node.clone(),
            resource_names: self.names.clone(),
            type_url: TYPE.to_owned(),
            response_nonce: self.nonce.clone(),
            error_detail,
            ..DiscoveryRequest::default()
        };
        self.send_raw_sotw(request).await;
    }

    async fn send_delta(&mut self, request: DeltaDiscoveryRequest) {
        let request = DeltaDiscoveryRequest { node: self.node.take(), type_url: TYPE.to_owned(), ..request };
        self.send_raw_delta(request).await;
    }

    pub(crate) async fn send_raw_sotw(&mut self, request: DiscoveryRequest) {
        let Wire::Sotw(sender, _) = &self.wire else { panic!("not that variant") };
        // A stream that the server has ended is noticed by what it answers.
        let _ = sender.send(request).await;
    }

    pub(crate) async fn send_raw_delta(&mut self, request: DeltaDiscoveryRequest) {
        let Wire::Delta(sender, _) = &self.wire else { panic!("not that variant") };
        let _ = sender.send(request).await;
    }

    /// The next answer.
    pub(crate) async fn next(&mut self) -> Answer {
        timeout(ANSWER, self.message()).await.expect("an answer in time").unwrap().expect("an answer")
    }

    /// The next answer, acknowledged.
    pub(crate) async fn take(&mut self) -> Answer {
        let answer = self.next().await;
        self.ack(&answer).await;
        answer
    }

    /// Why the server ended the stream; `None` if it just ended.
    pub(crate) async fn end(&mut self) -> Option<Status> {
        match timeout(ANSWER, self.message()).await.expect("an end in time") {
            Ok(None) => None,
            Ok(Some(answer)) => panic!("it goes on with {answer:?}"),
            Err(status) => Some(status),
        }
    }

    /// Asserts that nothing comes.
    pub(crate) async fn hears_nothing(&mut self) {
        if let Ok(answer) = timeout(SILENCE, self.message()).await {
            panic!("expected silence, got {answer:?}");
        }
    }

    async fn message(&mut self) -> Result<Option<Answer>, Status> {
        match &mut self.wire {
            Wire::Sotw(_, answers) => Ok(answers.message().await?.map(Answer::from)),
            Wire::Delta(_, answers) => Ok(answers.message().await?.map(Answer::from)),
        }
    }
}

/// Where requests go in, and the stream that the client sends.
fn requests<Q: Send + 'static>() -> (mpsc::Sender<Q>, impl Stream<Item = Q> + Send + 'static) {
    let (sender, receiver) = mpsc::channel(64);
    let requests = stream::unfold(receiver, |mut receiver| async move {
        let request = receiver.recv().await?;
        Some((request, receiver))
    });
    (sender, requests)
}

impl Answer {
    /// The name of its only resource.
    pub(crate) fn name(&self) -> &str {
        assert_eq!(self.resources.len(), 1, "one resource in each response: {self:?}");
        &self.resources[0].0
    }

    /// The bytes of its only resource.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.name();
        &self.resources[0].1.value
    }

    /// Its only resource, decoded.
    pub(crate) fn extension(&self) -> TypedExtensionConfig {
        assert_eq!(self.resources[0].1.type_url, TYPE);
        TypedExtensionConfig::decode(self.bytes()).unwrap()
    }

    /// The type of the filter in its only resource.
    pub(crate) fn filter_type(&self) -> String {
        let type_url = self.extension().typed_config.unwrap().type_url;
        type_url.rsplit('.').next().unwrap().to_owned()
    }
}

impl From<DiscoveryResponse> for Answer {
    fn from(response: DiscoveryResponse) -> Self {
        let named = |any: Any| (TypedExtensionConfig::decode(any.value.as_slice()).unwrap().name, any);
        Self {
            type_url: response.type_url,
            nonce: response.nonce,
            version: response.version_info.split('@').next().unwrap().to_owned(),
            wire_version: response.version_info,
            resources: response.resources.into_iter().map(named).collect(),
        }
    }
}

impl From<DeltaDiscoveryResponse> for Answer {
    fn from(response: DeltaDiscoveryResponse) -> Self {
        assert!(response.removed_resources.is_empty(), "{response:?}");
        let mut version = String::new();
        let mut resources = Vec::new();
        for resource in response.resources {
            version = resource.version;
            let any = resource.resource.unwrap();
            let inside = TypedExtensionConfig::decode(any.value.as_slice()).unwrap().name;
            assert_eq!(inside, resource.name);
            resources.push((resource.name, any));
        }
        let wire_version = version.clone();
        Self { type_url: response.type_url, nonce: response.nonce, version, wire_version, resources }
    }
}
