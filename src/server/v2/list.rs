use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::json;

use super::Call;
use crate::oci::{Digest, RepositoryName, media_type};
use crate::registry::Page;
use crate::server::header_fields::{OCI_FILTERS_APPLIED, value};
use crate::server::page::next_link;
use crate::server::problem::Problem;

/// GET `/v2/_catalog`
pub(super) async fn catalog(call: Call<'_>) -> Result<Response, Problem> {
    let page = call.query().page(call.registry.limits().page_size)?;
    let found = call.registry.repositories(&page).await?;
    let response = Json(json!({ "repositories": found.items })).into_response();
    Ok(linked(response, "/v2/_catalog", page.limit, &found))
}

/// `end-8`: GET /v2/<name>/tags/list
pub(super) async fn tags(call: Call<'_>, repository: &RepositoryName) -> Result<Response, Problem> {
    let page = call.query().page(call.registry.limits().page_size)?;
    let found = call.registry.tags(repository, &page).await?;
    let response = Json(json!({ "name": repository, "tags": found.items })).into_response();
    Ok(linked(response, &format!("/v2/{repository}/tags/list"), page.limit, &found))
}

/// `end-12`: GET /v2/<name>/referrers/<digest>
pub(super) async fn referrers(
    call: Call<'_>,
    repository: &RepositoryName,
    subject: &Digest,
) -> Result<Response, Problem> {
    let query = call.query();
    let page = query.page(call.registry.limits().page_size)?;
    let artifact_type = query.get("artifactType");
    let found = call.registry.referrers(repository, subject, artifact_type, &page).await?;
    let index =
        json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": found.manifests });
    let mut response = Json(index).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::OCI_INDEX));
    if artifact_type.is_some() {
        headers.insert(OCI_FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    if let Some(next) = &found.next {
        let (limit, last) = (page.limit.to_string(), next.to_string());
        let mut parameters = vec![("n", limit.as_str()), ("last", &last)];
        parameters.extend(artifact_type.map(|artifact_type| ("artifactType", artifact_type)));
        let path = format!("/v2/{repository}/referrers/{subject}");
        headers.insert(header::LINK, value(&next_link(&path, &parameters)));
    }
    Ok(response)
}

/// Adds the `Link` to the next page where there is one.
fn linked<T: ToString>(mut response: Response, path: &str, limit: u32, page: &Page<T>) -> Response {
    if let Some(last) = page.items.last().filter(|_| page.more) {
        let link = next_link(path, &[("n", &limit.to_string()), ("last", &last.to_string())]);
        response.headers_mut().insert(header::LINK, value(&link));
    }
    response
}
