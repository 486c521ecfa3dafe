//! The OCI distribution API, distribution-spec 1.1.1 and the parts of its draft that clients use.

mod blob;
mod condition;
mod endpoint;
mod list;
mod manifest;
mod upload;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request};

use super::page::Query;
use super::problem::Problem;
use super::pull_note::PullNote;
use super::router::named;
use crate::fleet::{Fleet, Ledger};
use crate::registry::Registry;
use endpoint::Endpoint;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Who pushes where nobody logs in, in the record of tag changes.
const ANONYMOUS: &str = "anonymous";

/// One request, and what it is asked of.
struct Call<'a> {
    registry: &'a Registry,
    fleet: &'a Fleet,
    head: &'a Parts,
    body: Body,
}

impl Call<'_> {
    fn query(&self) -> Query<'_> {
        Query::of(&self.head.uri)
    }

    /// Whether only the head of the answer is wanted.
    fn is_head(&self) -> bool {
        self.head.method == Method::HEAD
    }
}

/// Answers a request whose path begins with `/v2`.
pub(super) async fn answer(
    registry: &Registry,
    (fleet, ledger): (&Fleet, &Ledger),
    request: Request<Body>,
) -> Result<Response, Problem> {
    let endpoint = Endpoint::parse(request.uri().path())?;
    let name = endpoint.name();
    let (head, body) = request.into_parts();
    let note = if ledger.is_enabled() { note(&endpoint, &head) } else { None };
    let mut outcome = named(name, dispatch(&endpoint, Call { registry, fleet, head: &head, body }).await);
    match (note, &mut outcome) {
        (Some(note), Ok(response)) => note.settle(ledger, response),
        (Some(note), Err(problem)) => note.refused(ledger, problem.status),
        (None, _) => {}
    }
    let mut response = outcome?;
    response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    Ok(response)
}

/// What the ledger is to know of a read.
fn note<'a>(endpoint: &'a Endpoint, head: &'a Parts) -> Option<PullNote<'a>> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return None;
    }
    match endpoint {
        Endpoint::Manifest(repository, reference) => Some(PullNote::manifest(head, repository, reference)),
        Endpoint::Blob(repository, digest) => Some(PullNote::layer(head, repository, digest)),
        _ => None,
    }
}

async fn dispatch(endpoint: &Endpoint, call: Call<'_>) -> Result<Response, Problem> {
    let method = call.head.method.clone();
    match (endpoint, method) {
        (Endpoint::Base, Method::GET | Method::HEAD) => Ok(axum::Json(serde_json::json!({})).into_response()),
        (Endpoint::Base, _) => Err(Problem::method_not_allowed("GET, HEAD")),

        (Endpoint::Catalog, Method::GET | Method::HEAD) => list::catalog(call).await,
        (Endpoint::Tags(repository), Method::GET | Method::HEAD) => list::tags(call, repository).await,
        (Endpoint::Referrers(repository, subject), Method::GET | Method::HEAD) => {
            list::referrers(call, repository, subject).await
        }
        (Endpoint::Catalog | Endpoint::Tags(_) | Endpoint::Referrers(..), _) => {
            Err(Problem::method_not_allowed("GET, HEAD"))
        }

        (Endpoint::Manifest(repository, reference), Method::GET | Method::HEAD) => {
            manifest::get(call, repository, reference).await
        }
        (Endpoint::Manifest(repository, reference), Method::PUT) => {
            manifest::put(call, repository, reference).await
        }
        (Endpoint::Manifest(repository, reference), Method::DELETE) => {
            manifest::delete(call, repository, reference).await
        }
        (Endpoint::Manifest(..), _) => Err(Problem::method_not_allowed("GET, HEAD, PUT, DELETE")),

        (Endpoint::Blob(repository, digest), Method::GET | Method::HEAD) => {
            blob::get(call, repository, digest).await
        }
        (Endpoint::Blob(repository, digest), Method::DELETE) => blob::delete(call, repository, digest).await,
        (Endpoint::Blob(..), _) => Err(Problem::method_not_allowed("GET, HEAD, DELETE")),

        (Endpoint::Uploads(repository), Method::POST) => upload::start(call, repository).await,
        (Endpoint::Uploads(_), _) => Err(Problem::method_not_allowed("POST")),
        (Endpoint::Upload(repository, id), Method::GET) => upload::status(call, repository, *id).await,
        (Endpoint::Upload(repository, id), Method::PATCH) => upload::append(call, repository, *id).await,
        (Endpoint::Upload(repository, id), Method::PUT) => upload::finish(call, repository, *id).await,
        (Endpoint::Upload(repository, id), Method::DELETE) => upload::cancel(call, repository, *id).await,
        (Endpoint::Upload(..), _) => Err(Problem::method_not_allowed("GET, PATCH, PUT, DELETE")),
    }
}
