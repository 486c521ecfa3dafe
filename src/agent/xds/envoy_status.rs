use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

/// What is known of an Envoy that is connected, or was not long ago.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyStatus {
    /// `node.id`; empty where the Envoy says none.
    pub node_id: String,
    /// `node.cluster`.
    pub cluster: String,
    /// Which service its newest stream uses.
    pub service: Service,
    /// Which variant of the protocol its newest stream speaks.
    pub variant: Variant,
    /// Its open streams.
    pub streams: usize,
    /// When it connected: the first of the streams that have been open without a gap.
    #[serde(with = "humantime_serde")]
    pub connected_at: SystemTime,
    /// When its last stream ended, if none is open.
    #[serde(with = "humantime_serde::option")]
    pub gone_at: Option<SystemTime>,
    /// What it was sent, by name.
    pub resources: Vec<ResourceStatus>,
}

/// The service that a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// `AggregatedDiscoveryService`: every type on one stream.
    Ads,
    /// `ExtensionConfigDiscoveryService`: Envoy opens a stream for each filter.
    Ecds,
}

/// A variant of the xDS protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// State of the world.
    Sotw,
    /// Incremental.
    Delta,
}

/// What an Envoy has of one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// The resource's name.
    #[serde(serialize_with = "text")]
    pub name: Arc<str>,
    /// What became of the newest version that it was sent.
    pub state: ResourceState,
    /// The newest version that it was sent.
    pub sent: Option<Transition>,
    /// The newest version that it accepted, which is what it runs, refusals since then or not.
    pub accepted: Option<Transition>,
    /// Its newest refusal.
    pub rejected: Option<Box<Rejection>>,
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceState {
    /// There is no answer yet.
    Sent,
    /// It was accepted (ACK).
    Accepted,
    /// It was refused (NACK).
    Rejected,
}

/// A version, and when it got there. The version may have a mark behind a dash: the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// The version.
    #[serde(serialize_with = "text")]
    pub version: Arc<str>,
    /// The moment.
    #[serde(with = "humantime_serde")]
    pub at: SystemTime,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The version.
    #[serde(serialize_with = "text")]
    pub version: Arc<str>,
    /// The moment.
    #[serde(with = "humantime_serde")]
    pub at: SystemTime,
    /// What Envoy says, cut to [`super::Limits::reason_bytes`].
    pub reason: String,
}

/// A shared text as a text.
fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
