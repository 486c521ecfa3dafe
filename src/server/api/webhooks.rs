use axum::Json;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::oci::ErrorCode;
use crate::server::page::{Query, excerpt, next_link};
use crate::server::problem::Problem;
use crate::server::router::named;
use crate::webhook::{DeadLetter, Error, Undelivered, Webhooks};

const PATH: &str = "/api/v1/webhooks";
/// Most dead letters of one page.
const PAGE_LIMIT: u32 = 100;

/// What a path below `/api/v1/webhooks` names.
#[derive(Debug, PartialEq, Eq)]
enum Resource<'a> {
    List,
    DeadLetters(&'a str),
    DeadLetter(&'a str, u64),
    Retry(&'a str, u64),
}

/// Answers a request whose path is `/api/v1/webhooks` or below it:
///
/// - GET `/api/v1/webhooks`: `{"webhooks": [...]}`, see [`crate::webhook::WebhookStatus`]
/// - GET `/api/v1/webhooks/<name>/dead-letters?n=<limit>&after=<id>`: `{"deadLetters": [{"id", "event", "lost", "attempts",
///   "lastError", "time"}]}`, oldest first; `event` is null where `lost` events were kept no more
/// - POST `/api/v1/webhooks/<name>/dead-letters/<id>/retry`: `{"outcome": "delivered"}`, or `"failed"` with `lastError`
/// - DELETE `/api/v1/webhooks/<name>/dead-letters/<id>`: 204
pub(super) async fn answer(webhooks: &Webhooks, request: &Parts) -> Result<Response, Problem> {
    named("webhooks", act(webhooks, request).await)
}

async fn act(webhooks: &Webhooks, request: &Parts) -> Result<Response, Problem> {
    let resource = Resource::parse(request.uri.path())?;
    let allowed = resource.method();
    if request.method.as_str() != allowed {
        return Err(Problem::method_not_allowed(allowed));
    }
    match resource {
        Resource::List => list(webhooks).await,
        Resource::DeadLetters(name) => dead_letters(webhooks, name, &Query::of(&request.uri)).await,
        Resource::DeadLetter(name, id) => forget(webhooks, name, id).await,
        Resource::Retry(name, id) => retry(webhooks, name, id).await,
    }
}

/// Whether a path is this endpoint's.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn list(webhooks: &Webhooks) -> Result<Response, Problem> {
    let list = webhooks.list().await.map_err(|error| Problem::internal(&error))?;
    Ok(Json(json!({ "webhooks": list })).into_response())
}

async fn dead_letters(webhooks: &Webhooks, name: &str, query: &Query<'_>) -> Result<Response, Problem> {
    let limit = query.page(PAGE_LIMIT)?.limit;
    let after = query.get("after").map_or(Ok(0), |text| {
        number(text).ok_or_else(|| {
            let message = format!("`after` is `{}`, not the id of a dead letter", excerpt(text));
            Problem::bad_request(ErrorCode::PaginationNumberInvalid, message)
        })
    })?;
    let letters = webhooks.dead_letters(name, after, limit).await.map_err(|error| problem(name, &error))?;
    let link = link(name, &letters, limit);
    let letters: Vec<_> = letters.iter().map(render).collect();
    let mut response = Json(json!({ "deadLetters": letters })).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

async fn forget(webhooks: &Webhooks, name: &str, id: u64) -> Result<Response, Problem> {
    webhooks.forget(name, id).await.map_err(|error| problem(name, &error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn retry(webhooks: &Webhooks, name: &str, id: u64) -> Result<Response, Problem> {
    let outcome = webhooks.retry(name, id).await.map_err(|error| problem(name, &error))?;
    let body = match outcome {
        Ok(()) => json!({ "outcome": "delivered" }),
        Err(failure) => json!({ "outcome": "failed", "lastError": failure.to_string() }),
    };
    Ok(Json(body).into_response())
}

impl<'a> Resource<'a> {
    fn parse(path: &'a str) -> Result<Self, Problem> {
        let rest = path.strip_prefix(PATH).unwrap_or_default();
        let parts: Vec<_> = rest.split('/').skip(1).collect();
        let found = match *parts {
            [] => Some(Self::List),
            [name, "dead-letters"] => Some(Self::DeadLetters(name)),
            [name, "dead-letters", id] => number(id).map(|id| Self::DeadLetter(name, id)),
            [name, "dead-letters", id, "retry"] => number(id).map(|id| Self::Retry(name, id)),
            _ => None,
        };
        found.ok_or_else(|| {
            let message = "the path is none of /api/v1/webhooks, and below it <name>/dead-letters, \
                           <name>/dead-letters/<id> and <name>/dead-letters/<id>/retry";
            Problem::not_found(ErrorCode::Unsupported, message)
        })
    }

    fn method(&self) -> &'static str {
        match self {
            Self::List | Self::DeadLetters(_) => "GET",
            Self::DeadLetter(..) => "DELETE",
            Self::Retry(..) => "POST",
        }
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn problem(name: &str, error: &Error) -> Problem {
    match error {
        Error::WebhookUnknown => {
            let message = format!("there is no webhook `{}` in the configuration", excerpt(name));
            Problem::not_found(ErrorCode::NameUnknown, message)
        }
        Error::DeadLetterUnknown(_) => Problem::not_found(ErrorCode::Unsupported, error.to_string()),
        Error::NothingToDeliver(_) => {
            Problem::new(StatusCode::CONFLICT, ErrorCode::Unsupported, error.to_string())
        }
        Error::Store(error) => Problem::internal(error),
    }
}

fn render(letter: &DeadLetter) -> Value {
    let DeadLetter { id, letter } = letter;
    let (event, lost) = match &letter.content {
        Undelivered::Event(event) => (Some(event), 0),
        Undelivered::Lost { count, .. } => (None, *count),
    };
    json!({
        "id": id,
        "event": event,
        "lost": lost,
        "attempts": letter.attempts,
        "lastError": letter.error,
        "time": letter.died,
    })
}

/// Where the next page is, if this one is full.
fn link(name: &str, letters: &[DeadLetter], limit: u32) -> Option<HeaderValue> {
    let last = letters.last().filter(|_| letters.len() >= limit as usize)?;
    let (limit, after) = (limit.to_string(), last.id.to_string());
    let path = format!("{PATH}/{name}/dead-letters");
    HeaderValue::from_str(&next_link(&path, &[("n", &limit), ("after", &after)])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_thing_or_nothing() {
        for (rest, expected) in [
            ("", Some(Resource::List)),
            ("/x/dead-letters", Some(Resource::DeadLetters("x"))),
            ("/x/dead-letters/7", Some(Resource::DeadLetter("x", 7))),
            ("/x/dead-letters/7/retry", Some(Resource::Retry("x", 7))),
            ("/", None),
            ("/x", None),
            ("/x/dead-letters/", None),
            ("/x/dead-letters/+7", None),
            ("/x/dead-letters/7/retry/", None),
        ] {
            assert_eq!(Resource::parse(&format!("{PATH}{rest}")).ok(), expected, "{rest}");
        }
        assert!(owns(PATH) && owns("/api/v1/webhooks/x") && !owns("/api/v1/webhooksx"));
    }
}
