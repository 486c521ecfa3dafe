use axum::Json;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::oci::{ErrorCode, RepositoryName, Tag};
use crate::registry::Registry;
use crate::server::page::Query;
use crate::server::problem::Problem;
use crate::server::router::named;

/// GET `/api/v1/repositories/<name>/tags/<tag>/history?n=<limit>`: every move of a tag, newest first
///
/// Answers `{"repository", "tag", "history": [{"digest", "changed", "changedBy"}]}`; `digest` is null where the tag was
/// deleted, and `changed` is RFC 3339 in UTC.
pub(super) async fn answer(registry: &Registry, request: &Parts) -> Result<Response, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method_not_allowed("GET"));
    }
    let (repository, tag) = parse(request.uri.path())?;
    named("tag_history", history(registry, &request.uri, (repository, tag)).await)
}

async fn history(
    registry: &Registry,
    uri: &Uri,
    (repository, tag): (RepositoryName, Tag),
) -> Result<Response, Problem> {
    let limit = Query::of(uri).page(registry.limits().page_size)?.limit;
    let history: Vec<_> = registry
        .tag_history(&repository, &tag, limit)
        .await?
        .into_iter()
        .map(|change| {
            json!({
                "digest": change.digest,
                "changed": change.changed.to_string(),
                "changedBy": change.changed_by,
            })
        })
        .collect();
    let body = json!({ "repository": repository, "tag": tag, "history": history });
    Ok(Json(body).into_response())
}

fn parse(path: &str) -> Result<(RepositoryName, Tag), Problem> {
    let nothing = || {
        let message = "the path is not /api/v1/repositories/<name>/tags/<tag>/history";
        Problem::not_found(ErrorCode::Unsupported, message)
    };
    let path = percent_decode_str(path).decode_utf8().map_err(|_| nothing())?;
    let rest = path.strip_prefix("/api/v1/repositories/").and_then(|rest| rest.strip_suffix("/history"));
    let (rest, tag) = rest.and_then(|rest| rest.rsplit_once('/')).ok_or_else(nothing)?;
    let name = rest.strip_suffix("/tags").ok_or_else(nothing)?;
    Ok((name.parse()?, tag.parse()?))
}
