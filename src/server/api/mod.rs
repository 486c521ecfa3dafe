//! JSON beside the distribution API: what it has no words for.

mod events;
mod fleet;
mod tag_history;
mod wasmplugins;
pub(super) mod webhooks;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use tokio_util::sync::CancellationToken;

pub(super) use fleet::answer as fleet;

use super::installation::Installation;
use super::problem::Problem;
use crate::oci::ErrorCode;
use crate::registry::Registry;

/// Answers a request whose path begins with `/api/`.
pub(super) async fn answer(
    registry: &Registry,
    installation: &Installation,
    closing: &CancellationToken,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let path = request.uri().path();
    if path == "/api/v1/events" {
        return events::answer(registry, closing, &request.into_parts().0).await;
    }
    if path.starts_with("/api/v1/repositories/") {
        return tag_history::answer(registry, &request.into_parts().0).await;
    }
    if let Some(verb) = path.strip_prefix("/api/v1/wasmplugins/") {
        let verb = wasmplugins::Verb::parse(verb)?;
        return verb.answer(registry, installation, request).await;
    }
    let message = "the path is none of /api/v1/events, /api/v1/fleet, /api/v1/webhooks, /api/v1/repositories/<name>/tags/<tag>/history and \
                   /api/v1/wasmplugins/<verb>";
    Err(Problem::not_found(ErrorCode::Unsupported, message))
}
