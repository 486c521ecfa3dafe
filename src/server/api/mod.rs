//! JSON beside the distribution API: what it has no words for.

mod events;
mod fleet;
mod openapi;
mod tag_history;
mod wasmplugins;
mod webhooks;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tokio_util::sync::CancellationToken;

use super::installation::Installation;
use super::problem::Problem;
use crate::fleet::Fleet;
use crate::oci::ErrorCode;
use crate::registry::Registry;
use crate::webhook::Webhooks;

/// Every path, as the 404 beside them names it. The `OpenAPI` document has the same ones, and each verb by its name.
pub const PATHS: &[&str] = &[
    "/api/v1/openapi.json",
    "/api/v1/events",
    "/api/v1/fleet",
    "/api/v1/fleet/tags",
    "/api/v1/impact",
    "/api/v1/agents/<id>/status",
    "/api/v1/repositories/<name>/tags/<tag>/history",
    "/api/v1/webhooks",
    "/api/v1/webhooks/<name>/dead-letters",
    "/api/v1/webhooks/<name>/dead-letters/<id>",
    "/api/v1/webhooks/<name>/dead-letters/<id>/retry",
    "/api/v1/wasmplugins",
    "/api/v1/wasmplugins/<verb>",
    "/api/v1/wasmplugins/<namespace>/<name>",
];

/// What is asked.
pub(super) struct Api<'a> {
    pub(super) registry: &'a Registry,
    pub(super) fleet: &'a Fleet,
    pub(super) webhooks: &'a Webhooks,
    pub(super) installation: &'a Installation,
    /// Ends answers that would go on for ever.
    pub(super) closing: &'a CancellationToken,
}

/// Answers a request whose path begins with `/api/`.
pub(super) async fn answer(api: Api<'_>, request: Request<Body>) -> Result<Response, Problem> {
    let Api { registry, fleet, webhooks, installation, closing } = api;
    let path = request.uri().path();
    if path == "/api/v1/openapi.json" {
        return openapi::answer(&request.into_parts().0);
    }
    if path == "/api/v1/events" {
        return events::answer(registry, closing, &request.into_parts().0).await;
    }
    if let Some(endpoint) = fleet::Endpoint::parse(path) {
        return endpoint.answer(fleet, request).await;
    }
    if path.starts_with("/api/v1/repositories/") {
        return tag_history::answer(registry, &request.into_parts().0).await;
    }
    if webhooks::owns(path) {
        return webhooks::answer(webhooks, &request.into_parts().0).await;
    }
    if let Some(verb) = path.strip_prefix("/api/v1/wasmplugins/") {
        let verb = wasmplugins::Verb::parse(verb)?;
        return verb.answer(registry, installation, request).await;
    }
    let message = format!("the path is none of {}", PATHS.join(", "));
    Err(Problem::not_found(ErrorCode::Unsupported, message))
}
