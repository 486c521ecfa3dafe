//! HTTP in, HTTP out. `v2` is the OCI distribution API, `plugins` serves modules as files, `api` tells
//! what the distribution API has no words for, `debug` shows what a gateway gets, `health` answers probes.
//!
//! Only this room knows HTTP status codes. Every answer carries a request id, every request leaves one access line,
//! and no 5xx shows a path or a cause.

mod access;
mod agent_status;
mod api;
mod bounded_body;
mod bounded_json;
mod config;
mod connection;
mod content;
mod debug;
mod fleet_metrics;
mod header_fields;
mod health;
mod idle;
mod installation;
mod linger;
mod listener;
mod metrics;
mod page;
mod plugins;
mod problem;
mod pull_note;
mod request_body;
mod request_id;
mod router;
mod v2;
mod wasmplugin_directory;
mod workshop;

use std::future::Future;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use agent_status::{AgentPages, serve_agent_status};
pub use api::PATHS as API_PATHS;
pub use config::Config;
pub use wasmplugin_directory::{Applied, LeftOut, WasmPluginDirectory};

use crate::fleet::Fleet;
use crate::gateway;
use crate::registry::Registry;
use crate::webhook::Webhooks;

/// What requests are answered from.
#[derive(Clone)]
pub struct Rooms {
    /// The content.
    pub registry: Registry,
    /// The Higress installation that is meant.
    pub gateway: gateway::Config,
    /// Who pulls.
    pub fleet: Fleet,
    /// Who is told of what happens to content.
    pub webhooks: Webhooks,
}

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error("cannot listen on `{address}`: {source}")]
    Bind {
        /// The configured address.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Binds the configured address. A separate step, so that a caller knows the port before it serves.
pub async fn bind(config: &Config) -> Result<TcpListener, Error> {
    let address = config.listen.to_string();
    TcpListener::bind(config.listen).await.map_err(|source| Error::Bind { address, source })
}

/// Serves `rooms` on `listener` until `shutdown` completes; then finishes running requests, within the configured
/// grace, and closes the registry's store.
pub async fn serve(listener: TcpListener, config: &Config, rooms: Rooms, shutdown: impl Future<Output = ()>) {
    let registry = rooms.registry.clone();
    let (closing, stopped) = (CancellationToken::new(), CancellationToken::new());
    let (ledger, writer) = rooms.fleet.ledger();
    let webhooks = rooms.webhooks.clone();
    let service = router::service(rooms, ledger, closing.clone());
    let housekeeping = tokio::spawn(keep_house(registry.clone(), stopped.clone()));
    let writing = tokio::spawn(writer.run(stopped.clone().cancelled_owned()));
    let delivering = tokio::spawn(webhooks.run(stopped.clone()));
    let shutdown = async {
        shutdown.await;
        closing.cancel();
    };
    listener::run(listener, config, service, shutdown).await;
    stopped.cancel();
    // They only fail by a panic, which has been reported.
    let _ = (housekeeping.await, writing.await, delivering.await);
    registry.close().await;
}

async fn keep_house(registry: Registry, stopped: CancellationToken) {
    let mut due = tokio::time::interval(Registry::HOUSEKEEPING_INTERVAL);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopped.cancelled() => return,
            _ = due.tick() => {}
            () = registry.housekeeping_due() => {}
        }
        match registry.keep_house().await {
            Ok(0) => {}
            Ok(expired) => tracing::info!(expired, "forgot abandoned uploads"),
            Err(error) => tracing::error!(%error, "housekeeping failed"),
        }
    }
}
