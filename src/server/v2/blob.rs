use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::Call;
use crate::oci::{Digest, RepositoryName, media_type};
use crate::server::content;
use crate::server::header_fields::{DOCKER_CONTENT_DIGEST, etag, value};
use crate::server::problem::Problem;

/// `end-2`: GET or HEAD /v2/<name>/blobs/<digest>
pub(super) async fn get(
    call: Call<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Response, Problem> {
    let blob = call.registry.blob(repository, digest).await?;
    let etag = etag(digest);
    let mut response = if content::is_known_to_client(&call.head.headers, &etag) {
        return Ok(content::not_modified(etag));
    } else if call.is_head() {
        content::blob_head(&blob)
    } else {
        content::blob(&call.head.headers, &blob, &etag)?
    };
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(media_type::OCTET_STREAM));
    headers.insert(DOCKER_CONTENT_DIGEST, value(digest));
    headers.insert(header::ETAG, etag);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// `end-10`: DELETE /v2/<name>/blobs/<digest>
pub(super) async fn delete(
    call: Call<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Response, Problem> {
    call.registry.delete_blob(repository, digest).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
