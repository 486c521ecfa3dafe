use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where and how the server listens: the `[server]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port. Default: `127.0.0.1:5000`, this machine only.
    pub listen: SocketAddr,
    /// Most connections at a time; further ones wait to be accepted. Default: 4096.
    pub max_connections: u32,
    /// How long a client may take to send a request's head. It counts from the answer before, so that a connection
    /// between two requests rests as long at most. Default: 10 seconds.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long a connection may move no byte in either direction. A moving transfer may take as long as it likes.
    /// Default: 60 seconds.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// How long running requests may go on after the signal to stop. Default: 60 seconds.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            max_connections: 4096,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            shutdown_grace: Duration::from_mins(1),
        }
    }
}
