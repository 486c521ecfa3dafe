use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::fleet_metrics::{FiguresSlot, FleetMetrics};
use crate::fleet::{FleetFigures, LedgerCounts};
use crate::webhook::WebhookMetrics;

/// From half a millisecond, a cached manifest, to two minutes, a large blob.
const DURATION_BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0, 120.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    endpoint: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

/// What is counted of requests. One set per server, so that tests do not count each other's.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<EndpointLabels, Histogram>,
    sent: Family<EndpointLabels, Counter>,
    running: Gauge,
    figures: Arc<FiguresSlot>,
}

impl Metrics {
    pub(super) fn new(ledger: Arc<LedgerCounts>, webhooks: &WebhookMetrics) -> Arc<Self> {
        let mut registry = Registry::with_prefix("hwasm_registry");
        let requests = Family::default();
        let durations = Family::new_with_constructor(new_histogram as fn() -> Histogram);
        let sent = Family::default();
        let running = Gauge::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to the end of its answer",
            durations.clone(),
        );
        registry.register("http_response_body_bytes", "Bytes of answers' bodies", sent.clone());
        registry.register("http_requests_running", "Requests not yet answered in full", running.clone());
        webhooks.register(&mut registry);
        let figures = Arc::new(FiguresSlot::default());
        registry.register_collector(Box::new(FleetMetrics { ledger, figures: Arc::clone(&figures) }));
        Arc::new(Self { registry, requests, durations, sent, running, figures })
    }

    pub(super) fn began(&self) {
        self.running.inc();
    }

    pub(super) fn ended(&self, request: &Ended) {
        self.running.dec();
        let Ended { endpoint, .. } = *request;
        let labels =
            RequestLabels { method: known(&request.method), endpoint, status: request.status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&EndpointLabels { endpoint }).observe(request.duration.as_secs_f64());
        self.sent.get_or_create(&EndpointLabels { endpoint }).inc_by(request.sent_bytes);
    }

    /// All figures in the text form of `OpenMetrics`; the fleet's are those given.
    pub(super) fn encode(&self, fleet: Arc<FleetFigures>) -> Result<String, std::fmt::Error> {
        self.figures.put(fleet);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A request whose answer has been sent, or broke off.
pub(super) struct Ended {
    pub(super) method: Method,
    pub(super) endpoint: &'static str,
    pub(super) status: StatusCode,
    pub(super) duration: Duration,
    pub(super) sent_bytes: u64,
}

fn new_histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS)
}

/// Clients may invent methods; a label may not grow without bound.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
