use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{ANONYMOUS, Call, condition};
use crate::fleet::Fleet;
use crate::oci::{ErrorCode, MediaType, Reference, RepositoryName, Tag};
use crate::registry::{ManifestPush, MovedTag, PushedManifest};
use crate::server::content;
use crate::server::header_fields::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, etag, text, value};
use crate::server::problem::Problem;

/// `end-3`: GET or HEAD /v2/<name>/manifests/<reference>
///
/// The type it was pushed under is the type it is served under, whatever `Accept` says: clients that list too few
/// types would otherwise see nothing.
pub(super) async fn get(
    call: Call<'_>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Response, Problem> {
    let manifest = call.registry.manifest(repository, reference).await?;
    let etag = etag(&manifest.digest);
    if content::is_known_to_client(&call.head.headers, &etag) {
        return Ok(content::not_modified(etag));
    }
    let mut response = Response::new(Body::from(manifest.bytes.clone()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, value(&manifest.media_type));
    headers.insert(DOCKER_CONTENT_DIGEST, value(&manifest.digest));
    headers.insert(header::ETAG, etag);
    Ok(response)
}

/// `end-7a`, `end-7b`: PUT /v2/<name>/manifests/<reference>
///
/// Beyond the specification: `If-Match` and `If-None-Match` say what the tag has to name for it to be moved.
pub(super) async fn put(
    call: Call<'_>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Response, Problem> {
    let tags = tags(&call)?;
    let expected = condition::expectation(&call.head.headers, reference)?;
    let limit = call.registry.limits().manifest_size;
    let bytes = read(call.body, limit.as_u64()).await?;
    let push = ManifestPush {
        media_type: media_type(&call.head.headers, &bytes)?,
        actor: ANONYMOUS.to_owned(),
        repository: repository.clone(),
        reference: reference.clone(),
        tags,
        expected,
        bytes,
    };
    let location = format!("/v2/{}/manifests/{}", push.repository, push.reference);
    let tags = push.tags.clone();
    let mut pushed = call.registry.put_manifest(push).await?;
    let behind = left_behind(call.fleet, repository, &pushed).await;
    pushed.warnings.extend(behind);
    Ok(created(&location, &tags, &pushed))
}

/// Who does not follow the tags that have just moved, a sentence for each tag. The push is done, whatever is known of that.
async fn left_behind(fleet: &Fleet, repository: &RepositoryName, pushed: &PushedManifest) -> Vec<String> {
    let mut sentences = Vec::new();
    for MovedTag { tag, previous } in &pushed.moved {
        match fleet.impact(repository, tag, Some(&pushed.digest)).await {
            Ok(impact) if impact.behind() > 0 => sentences.push(format!(
                "`{repository}:{tag}` has moved from {previous}, and {}; `hwasm-registry fleet` shows which",
                impact.counts
            )),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "who stays behind a moved tag is not known"),
        }
    }
    sentences
}

/// `end-9`: DELETE /v2/<name>/manifests/<reference>
pub(super) async fn delete(
    call: Call<'_>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Response, Problem> {
    call.registry.delete_manifest(repository, reference, ANONYMOUS).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

fn tags(call: &Call<'_>) -> Result<Vec<Tag>, Problem> {
    Ok(call.query().all("tag").map(str::parse).collect::<Result<_, _>>()?)
}

async fn read(body: Body, limit: u64) -> Result<Bytes, Problem> {
    match Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::SizeInvalid,
            format!("manifest is larger than {limit} bytes, the limit here"),
        )),
        Err(error) => Err(Problem::bad_request(
            ErrorCode::ManifestInvalid,
            format!("the request body ended early: {error}"),
        )),
    }
}

/// The type of a pushed manifest: the header's, else the one its body names.
fn media_type(headers: &HeaderMap, bytes: &[u8]) -> Result<MediaType, Problem> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: MediaType,
    }
    let invalid = |message: String| Problem::bad_request(ErrorCode::ManifestInvalid, message);
    if !headers.contains_key(header::CONTENT_TYPE) {
        let typed: Result<Typed, _> = serde_json::from_slice(bytes);
        return typed.map(|typed| typed.media_type).map_err(|_| {
            invalid(
                "neither a `Content-Type` header nor a `mediaType` field says what the manifest is"
                    .to_owned(),
            )
        });
    }
    let named = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    // Parameters such as `charset` say nothing about a manifest; agents compare the type without them.
    let essence = named.split(';').next().unwrap_or_default().trim();
    Ok(essence.parse()?)
}

fn created(location: &str, tags: &[Tag], pushed: &PushedManifest) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, value(&location));
    headers.insert(DOCKER_CONTENT_DIGEST, value(&pushed.digest));
    for tag in tags {
        headers.append(OCI_TAG, value(&tag));
    }
    if let Some(subject) = &pushed.subject {
        headers.insert(OCI_SUBJECT, value(&subject));
    }
    for warning in &pushed.warnings {
        headers.append(header::WARNING, crate::server::header_fields::warning(warning));
    }
    response
}
