use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, header};

use crate::server::problem::Problem;
use crate::server::router::named;

/// Written by hand, and held against the server by the tests.
const DOCUMENT: &str = include_str!("../openapi.json");

/// GET `/api/v1/openapi.json`: what is here, for programs (`OpenAPI` 3.1)
pub(super) fn answer(request: &Parts) -> Result<Response, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method_not_allowed("GET"));
    }
    named("openapi", Ok(([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()))
}
