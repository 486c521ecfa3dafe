use axum::Json;
use axum::response::{IntoResponse, Response};
use http::Uri;
use serde_json::json;

use super::cursor;
use crate::fleet::{Fleet, TagCursor, TagQuery};
use crate::server::page::{Query, linked};
use crate::server::problem::Problem;

/// Most tags of one page.
const PAGE_LIMIT: u32 = 1000;
/// Tags of one page where nobody asks for more.
const PAGE: u32 = 50;

/// GET `/api/v1/fleet/tags?repository=<name>&n=<limit>&after=<place>`: how far the agents of each tag are
///
/// Answers `{"tags": [...]}`, see [`crate::fleet::TagSummary`]; a `Link` leads to the next page.
pub(super) async fn list(fleet: &Fleet, uri: &Uri) -> Result<Response, Problem> {
    let query = Query::of(uri);
    let after: Option<(String, String)> = cursor::read(&query)?;
    let limit = if query.get("n").is_some() { query.page(PAGE_LIMIT)?.limit } else { PAGE };
    let filter = TagQuery {
        repository: query.get("repository").map(str::parse).transpose()?,
        after: after.map(|(repository, tag)| TagCursor { repository, tag }),
        limit,
    };
    let tags = fleet.tags(&filter).await.map_err(|error| Problem::internal(&error))?;
    let last = tags.last().filter(|_| tags.len() == filter.limit as usize);
    let next = last.map(|last| cursor::write(&(&last.repository, &last.tag)));
    Ok(linked(Json(json!({ "tags": tags })).into_response(), uri, next.as_deref()))
}
