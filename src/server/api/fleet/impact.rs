use axum::Json;
use axum::response::{IntoResponse, Response};
use http::Uri;

use crate::fleet::Fleet;
use crate::oci::{Digest, RepositoryName, Tag};
use crate::server::page::Query;
use crate::server::problem::Problem;

/// GET `/api/v1/impact?repository=<name>&tag=<tag>&digest=<digest>`: what moving a tag does to those who have it
///
/// Without `digest`, for something that nobody has yet. Answers [`crate::fleet::Impact`].
pub(super) async fn tell(fleet: &Fleet, uri: &Uri) -> Result<Response, Problem> {
    let query = Query::of(uri);
    let asked = |name: &str| {
        let missing = || Problem::invalid_request(format!("the parameter `{name}` is missing"));
        query.get(name).ok_or_else(missing)
    };
    let repository: RepositoryName = asked("repository")?.parse()?;
    let tag: Tag = asked("tag")?.parse()?;
    let digest: Option<Digest> = query.get("digest").map(str::parse).transpose()?;
    let impact = fleet.impact(&repository, &tag, digest.as_ref()).await;
    Ok(Json(impact.map_err(|error| Problem::internal(&error))?).into_response())
}
