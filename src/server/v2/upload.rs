use axum::body::BodyDataStream;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use super::Call;
use crate::oci::{Algorithm, Digest, ErrorCode, RepositoryName};
use crate::registry::UploadId;
use crate::registry::{Chunk, StartedUpload};
use crate::server::header_fields::{DOCKER_CONTENT_DIGEST, DOCKER_UPLOAD_UUID, text, value};
use crate::server::page::Query;
use crate::server::problem::Problem;

/// `end-4a`, `end-4b`, `end-4c`, `end-11`: POST /v2/<name>/blobs/uploads/
pub(super) async fn start(call: Call<'_>, name: &RepositoryName) -> Result<Response, Problem> {
    let query = call.query();
    if let Some(mounted) = query.get("mount") {
        let (from, digest) = (query.get("from").map(str::parse).transpose()?, mounted.parse()?);
        if call.registry.mount_blob(name, from.as_ref(), &digest).await? {
            return Ok(created(name, &digest));
        }
    } else if let Some(promised) = query.get("digest") {
        let digest = promised.parse()?;
        let chunk = chunk(&call.head.headers, call.body)?;
        call.registry.put_blob(name, chunk, &digest).await?;
        return Ok(created(name, &digest));
    }
    let upload = call.registry.start_upload(name, algorithm(&query)?).await?;
    Ok(session(StatusCode::ACCEPTED, name, upload))
}

/// `end-13`: GET /v2/<name>/blobs/uploads/<id>
pub(super) async fn status(call: Call<'_>, name: &RepositoryName, id: UploadId) -> Result<Response, Problem> {
    let upload = call.registry.upload_status(name, id).await?;
    Ok(session(StatusCode::NO_CONTENT, name, upload))
}

/// `end-5`: PATCH /v2/<name>/blobs/uploads/<id>
pub(super) async fn append(call: Call<'_>, name: &RepositoryName, id: UploadId) -> Result<Response, Problem> {
    let chunk = chunk(&call.head.headers, call.body)?;
    let upload = call.registry.append_upload(name, id, chunk).await?;
    Ok(session(StatusCode::ACCEPTED, name, upload))
}

/// `end-6`: PUT /v2/<name>/blobs/uploads/<id>?digest=<digest>
pub(super) async fn finish(call: Call<'_>, name: &RepositoryName, id: UploadId) -> Result<Response, Problem> {
    let query = call.query();
    let promised = query.get("digest").ok_or_else(|| {
        Problem::bad_request(
            ErrorCode::DigestInvalid,
            "the closing PUT needs `?digest=` and the blob's digest",
        )
    })?;
    let digest = promised.parse()?;
    let chunk = chunk(&call.head.headers, call.body)?;
    call.registry.finish_upload((name, id), chunk, &digest).await?;
    Ok(created(name, &digest))
}

/// `end-14`: DELETE /v2/<name>/blobs/uploads/<id>
pub(super) async fn cancel(call: Call<'_>, name: &RepositoryName, id: UploadId) -> Result<Response, Problem> {
    call.registry.cancel_upload(name, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn algorithm(query: &Query<'_>) -> Result<Algorithm, Problem> {
    Ok(query.get("digest-algorithm").map(str::parse).transpose()?.unwrap_or_default())
}

fn chunk(headers: &HeaderMap, body: axum::body::Body) -> Result<Chunk<BodyDataStream>, Problem> {
    let range = headers.get(header::CONTENT_RANGE).map(|range| range.to_str().unwrap_or_default().parse());
    let range = range.transpose().map_err(|error: crate::oci::RangeError| {
        Problem::bad_request(ErrorCode::BlobUploadInvalid, error.to_string())
    })?;
    let length = text(headers, &header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    Ok(Chunk { body: body.into_data_stream(), range, length })
}

fn created(name: &RepositoryName, digest: &Digest) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    response.headers_mut().insert(header::LOCATION, value(&format!("/v2/{name}/blobs/{digest}")));
    response.headers_mut().insert(DOCKER_CONTENT_DIGEST, value(&digest));
    response
}

/// An answer that says where the session is and how far it came. A session without bytes says `0-0`, as clients
/// expect.
fn session(status: StatusCode, name: &RepositoryName, upload: StartedUpload) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, value(&format!("/v2/{name}/blobs/uploads/{}", upload.id)));
    headers.insert(header::RANGE, value(&format!("0-{}", upload.offset.saturating_sub(1))));
    headers.insert(DOCKER_UPLOAD_UUID, value(&upload.id));
    response
}
