use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is kept of who reads: the `[fleet]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether anything is kept. Default: true.
    pub enabled: bool,
    /// How much of an address tells agents apart that name no node: `full`, `network` (IPv4 /24, IPv6 /48) or `off`.
    /// Default: `full`.
    pub addresses: AddressDetail,
    /// How long an agent is remembered that reads nothing any more. Default: 90 days.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// Most agents that are remembered; those go first that were silent longest. Default: 20,000.
    pub max_agents: u32,
    /// Most references that are remembered of all agents together; those go first that were asked for longest ago.
    /// Default: 200,000.
    pub max_pulls: u32,
    /// Reads that wait to be written down; further ones are counted and dropped. Default: 16,384.
    pub queue: u32,
    /// The names by which gateways reach this registry, as `host` or `host:port`: a WasmPlugin whose URL names another
    /// host is not about it. Default: none, and any host counts.
    pub hosts: BTreeSet<String>,
    /// Most `WasmPlugin`s that are kept of those that the API is told of. Default: 10,000.
    pub max_plugins: u32,
}

/// How much of an address is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressDetail {
    /// All of it.
    Full,
    /// The network: IPv4 to 24 bits, IPv6 to 48.
    Network,
    /// Nothing.
    Off,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            addresses: AddressDetail::Full,
            retention: Duration::from_hours(90 * 24),
            max_agents: 20_000,
            max_pulls: 200_000,
            queue: 16_384,
            hosts: BTreeSet::new(),
            max_plugins: 10_000,
        }
    }
}
