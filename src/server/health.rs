use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use super::metrics::Metrics;
use crate::fleet::Fleet;
use crate::registry::Registry;
use crate::webhook::Webhooks;

/// `GET /healthz`: the process answers.
pub(super) fn healthz() -> Response {
    "ok\n".into_response()
}

/// `GET /readyz`: the store answers too.
pub(super) async fn readyz(registry: &Registry) -> Response {
    match registry.check().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response()
        }
    }
}

/// `GET /metrics`: all figures, for Prometheus.
pub(super) async fn metrics(metrics: &Metrics, fleet: &Fleet, webhooks: &Webhooks) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let figures = fleet.figures().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "how the fleet is doing is not known");
        Arc::default()
    });
    if let Err(error) = webhooks.measure().await {
        tracing::error!(%error, "cannot tell how many events webhooks have still to look at");
    }
    match metrics.encode(figures) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot encode metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
