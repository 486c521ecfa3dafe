use axum::Json;
use axum::response::{IntoResponse, Response};
use http::Uri;
use serde_json::json;

use super::cursor;
use crate::fleet::{Fleet, PullCursor, PullFilter};
use crate::oci::Reference;
use crate::server::page::{Query, linked};
use crate::server::problem::Problem;

/// Most rows of one page.
const PAGE_LIMIT: u32 = 1000;

type Place = (String, String, i64, String, String);

/// GET `/api/v1/fleet?repository=<name>&reference=<tag or digest>&n=<limit>&after=<place>`: who pulled what
///
/// Answers `{"agents": [...]}`, a row for each agent and reference, see [`crate::fleet::FleetRow`]; a `Link` leads to the
/// next page.
pub(super) async fn list(fleet: &Fleet, uri: &Uri) -> Result<Response, Problem> {
    let query = Query::of(uri);
    let filter = filter(&query)?;
    let rows = fleet.list(&filter).await.map_err(|error| Problem::internal(&error))?;
    let next = rows.last().filter(|_| rows.len() == filter.limit as usize).map(|last| {
        let PullCursor { repository, reference, agent, namespace, name } = &last.cursor;
        cursor::write(&(repository, reference, agent, namespace, name))
    });
    Ok(linked(Json(json!({ "agents": rows })).into_response(), uri, next.as_deref()))
}

fn filter(query: &Query<'_>) -> Result<PullFilter, Problem> {
    let reference: Option<Reference> = query.get("reference").map(str::parse).transpose()?;
    let after: Option<Place> = cursor::read(query)?;
    let after = after.map(|(repository, reference, agent, namespace, name)| PullCursor {
        repository,
        reference,
        agent,
        namespace,
        name,
    });
    let repository = query.get("repository").map(str::parse).transpose()?;
    Ok(PullFilter { repository, reference, after, limit: query.page(PAGE_LIMIT)?.limit })
}
