use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, header};
use tokio_util::sync::CancellationToken;

use super::access::{AccessRecord, EndpointName};
use super::installation::Installation;
use super::metrics::Metrics;
use super::problem::Problem;
use super::request_body::BodyRead;
use super::request_id::{RequestId, X_REQUEST_ID};
use super::{Rooms, api, debug, health, plugins, v2};
use crate::fleet::{Fleet, Ledger};
use crate::oci::ErrorCode;
use crate::registry::Registry;
use crate::webhook::Webhooks;

/// Answers requests. Cheap to clone; the clones share everything.
#[derive(Clone)]
pub(super) struct HttpService {
    registry: Registry,
    installation: Arc<Installation>,
    metrics: Arc<Metrics>,
    /// Takes note of who reads.
    ledger: Ledger,
    fleet: Fleet,
    webhooks: Webhooks,
    /// Ends answers that would go on for ever.
    closing: CancellationToken,
}

/// A service whose endless answers end with `closing`.
pub(super) fn service(rooms: Rooms, ledger: Ledger, closing: CancellationToken) -> HttpService {
    let Rooms { registry, gateway, fleet, webhooks } = rooms;
    let installation = Arc::new(Installation::new(gateway));
    let metrics = Metrics::new(Arc::clone(ledger.counts()), webhooks.metrics());
    HttpService { registry, installation, metrics, ledger, fleet, webhooks, closing }
}

impl HttpService {
    /// Answers one request, whatever happens, with a request id and an access line.
    pub(super) async fn answer(self, request: Request<Body>) -> Response {
        let request_id = RequestId::of(request.headers());
        let record = AccessRecord::begin(
            &request,
            request_id.clone(),
            (Arc::clone(&self.metrics), self.ledger.clone()),
        );
        let (body_read, request) = BodyRead::watch(request);
        let answering = AssertUnwindSafe(self.route(request)).catch_unwind();
        let outcome = answering.await.unwrap_or_else(|_| Err(Problem::internal(&"a handler panicked")));
        let mut response = outcome.unwrap_or_else(|problem| problem.into_response(&request_id));
        response.headers_mut().insert(X_REQUEST_ID, request_id.header());
        if !body_read.to_its_end() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        record.follow(response)
    }

    async fn route(&self, request: Request<Body>) -> Result<Response, Problem> {
        let path = request.uri().path();
        if path == "/v2" || path.starts_with("/v2/") {
            return v2::answer(&self.registry, (&self.fleet, &self.ledger), request).await;
        }
        if path.starts_with("/api/") {
            let Self { registry, fleet, webhooks, installation, closing, .. } = &self;
            let api = api::Api { registry, fleet, webhooks, installation, closing };
            return api::answer(api, request).await;
        }
        if path.starts_with("/plugins/") {
            return plugins::answer(&self.registry, &self.ledger, &request.into_parts().0).await;
        }
        if path == "/debug/configz" {
            let answer = debug::configz(&self.installation, &request.into_parts().0).await;
            return named("configz", answer);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Problem::method_not_allowed("GET, HEAD"));
        }
        let (name, response) = match path {
            "/healthz" => ("healthz", health::healthz()),
            "/readyz" => ("readyz", health::readyz(&self.registry).await),
            "/metrics" => ("metrics", health::metrics(&self.metrics, &self.fleet, &self.webhooks).await),
            _ => return Err(Problem::not_found(ErrorCode::Unsupported, "there is nothing at this path")),
        };
        named(name, Ok(response))
    }
}

/// Notes for the metrics which endpoint answered, or refused.
pub(super) fn named(name: &'static str, outcome: Result<Response, Problem>) -> Result<Response, Problem> {
    let mut response = outcome.map_err(|problem| problem.at(name))?;
    response.extensions_mut().insert(EndpointName(name));
    Ok(response)
}
