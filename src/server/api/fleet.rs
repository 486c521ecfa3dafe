use axum::Json;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use serde_json::json;

use crate::fleet::{Fleet, PullFilter};
use crate::oci::{ErrorCode, Reference};
use crate::server::page::{Query, excerpt, next_link};
use crate::server::problem::Problem;

/// Most rows of one page.
const PAGE_LIMIT: u32 = 1000;

/// GET `/api/v1/fleet?repository=<name>&reference=<tag or digest>&n=<limit>&after=<count>`: who pulled what
///
/// Answers `{"agents": [...]}`, a row for each agent and reference, see [`crate::fleet::FleetRow`]; a `Link` leads to the
/// next page.
pub(in crate::server) async fn answer(fleet: &Fleet, request: &Parts) -> Result<Response, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method_not_allowed("GET"));
    }
    let filter = filter(&Query::of(&request.uri))?;
    let rows = fleet.list(&filter).await.map_err(|error| Problem::internal(&error))?;
    let link = link(&filter, rows.len());
    let mut response = Json(json!({ "agents": rows })).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

fn filter(query: &Query<'_>) -> Result<PullFilter, Problem> {
    let reference: Option<Reference> = query.get("reference").map(str::parse).transpose()?;
    let after = query.get("after").map(|text| {
        text.parse().map_err(|_| {
            let message = format!("`after` is `{}`, not a number of rows", excerpt(text));
            Problem::bad_request(ErrorCode::PaginationNumberInvalid, message)
        })
    });
    Ok(PullFilter {
        repository: query.get("repository").map(str::parse).transpose()?,
        reference,
        after: after.transpose()?.unwrap_or(0),
        limit: query.page(PAGE_LIMIT)?.limit,
    })
}

/// Where the next page is, if this one is full.
fn link(filter: &PullFilter, rows: usize) -> Option<HeaderValue> {
    if rows == 0 || rows < filter.limit as usize {
        return None;
    }
    let (limit, after) = (filter.limit.to_string(), (filter.after + rows as u64).to_string());
    let repository = filter.repository.as_ref().map(ToString::to_string);
    let reference = filter.reference.as_ref().map(ToString::to_string);
    let mut parameters = vec![("n", limit.as_str()), ("after", after.as_str())];
    parameters.extend(repository.as_deref().map(|name| ("repository", name)));
    parameters.extend(reference.as_deref().map(|reference| ("reference", reference)));
    HeaderValue::from_str(&next_link("/api/v1/fleet", &parameters)).ok()
}
