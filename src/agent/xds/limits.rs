use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the discovery server bears from its clients. An Envoy stays far below all of it; whoever does not is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most connections at a time; further ones wait to be accepted. Default: 4096.
    pub max_connections: u32,
    /// Most streams at a time, over all connections. Envoy opens one for each filter, or one in all over the aggregated
    /// service. Further ones are refused. Default: 8192.
    pub max_streams: u32,
    /// Most streams on one connection. Default: 1024.
    pub max_streams_per_connection: u32,
    /// Largest request, in bytes. Envoy tells all its extensions in each one, which is some 60 KB. Default: 1 MiB.
    pub max_message_bytes: usize,
    /// Most names that one stream asks for. Default: 1024.
    pub max_names: usize,
    /// Longest name that can be asked for, in bytes. Default: 512.
    pub max_name_bytes: usize,
    /// Names that all streams ask for, in bytes together. Default: 64 MiB.
    pub max_subscribed_bytes: u32,
    /// Most types of resource that one stream asks for and that are answered with nothing. Default: 16.
    pub max_other_types: usize,
    /// What is kept of a node's id and of its cluster, in bytes each. Default: 256.
    pub node_bytes: usize,
    /// What is kept of the reason for a refusal, in bytes. Default: 512.
    pub reason_bytes: usize,
    /// Most Envoys that are remembered after they are gone. Default: 1024.
    pub max_gone_envoys: usize,
    /// How long an Envoy is remembered after it is gone. Default: 1 hour.
    #[serde(with = "humantime_serde")]
    pub remember: Duration,
    /// How long a connection may rest without a first request. Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub first_request_timeout: Duration,
    /// How often a connection is asked whether it lives; never, if 0. Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub keepalive_interval: Duration,
    /// How long it may take to answer that. Default: 20 seconds.
    #[serde(with = "humantime_serde")]
    pub keepalive_timeout: Duration,
    /// How long connections may take to end once the server stops. Default: 2 seconds.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_streams: 8192,
            max_streams_per_connection: 1024,
            max_message_bytes: 1 << 20,
            max_names: 1024,
            max_name_bytes: 512,
            max_subscribed_bytes: 64 << 20,
            max_other_types: 16,
            node_bytes: 256,
            reason_bytes: 512,
            max_gone_envoys: 1024,
            remember: Duration::from_hours(1),
            first_request_timeout: Duration::from_secs(30),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
            shutdown_grace: Duration::from_secs(2),
        }
    }
}

/// The beginning of `text`, at most `bytes` long, cut between characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, bytes, kept) in
            [("abc", 5, "abc"), ("abc", 2, "ab"), ("aé", 2, "a"), ("é", 0, ""), ("", 3, "")]
        {
            assert_eq!(cut(text, bytes), kept, "{text} at {bytes}");
        }
    }
}
