use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::fleet::{Fleet, Report, ReportError};
use crate::oci::ErrorCode;
use crate::server::bounded_body;
use crate::server::problem::Problem;

/// The largest report.
const MOST_BYTES: usize = 4 << 20;

/// POST `/api/v1/agents/<id>/status`: what an agent wants, runs and refuses, for as long as its lease says
///
/// The body is [`crate::fleet::Report`]. Answers `{"plugins": <how many of them are from here>, "leaseSecs"}`.
pub(super) async fn take(fleet: &Fleet, agent: &str, body: Body) -> Result<Response, Problem> {
    let bytes = bounded_body::receive(body, MOST_BYTES).await?;
    let report: Report = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::invalid_request(format!("the body is no report: {error}")))?;
    let lease_secs = report.lease_secs.min(Report::LONGEST_LEASE_SECS);
    match fleet.report(agent, report).await {
        Ok(Ok(plugins)) => Ok(Json(json!({ "plugins": plugins, "leaseSecs": lease_secs })).into_response()),
        Ok(Err(error)) => Err(refusal(error)),
        Err(error) => Err(Problem::internal(&error)),
    }
}

fn refusal(error: ReportError) -> Problem {
    let (status, code) = match error {
        ReportError::Disabled => (StatusCode::FORBIDDEN, ErrorCode::Denied),
        ReportError::Full => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Denied),
        ReportError::TooMany => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
        ReportError::Id => (StatusCode::BAD_REQUEST, ErrorCode::RequestInvalid),
    };
    Problem::new(status, code, error.to_string())
}
