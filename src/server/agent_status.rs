//! How an agent is doing, for people, probes and Prometheus.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::agent::{PullMetrics, StatusReader};

/// What the type of Prometheus' text format is called.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long running requests may go on after the signal to stop: somebody may never end his.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// What an agent tells of itself.
pub struct AgentPages {
    /// Plugins and Envoys.
    pub status: StatusReader,
    /// Pulls and the module cache.
    pub metrics: Arc<PullMetrics>,
}

/// Serves GET `/status` (JSON), `/metrics` (under Istio's names) and `/healthz` on `listener` until `shutdown` completes.
pub async fn serve_agent_status(
    listener: TcpListener,
    pages: AgentPages,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let AgentPages { status, metrics } = pages;
    let mut registry = Registry::with_prefix("istio_agent");
    metrics.register(&mut registry);
    let registry = Arc::new(registry);
    let routes = Router::new()
        .route("/status", get(move || std::future::ready(Json(status.read()))))
        .route("/metrics", get(move || std::future::ready(encode(&registry))))
        .route("/healthz", get(|| std::future::ready("ok\n")));
    let stopping = CancellationToken::new();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let grace_over = async {
        shutdown.await;
        stopping.cancel();
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        ended = serving => {
            if let Err(error) = ended {
                tracing::error!(%error, "cannot tell the agent's status any more");
            }
        }
        () = grace_over => {}
    }
}

fn encode(registry: &Registry) -> Response {
    let mut figures = String::new();
    match text::encode(&mut figures, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], figures).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
