use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use http::request::Parts;
use http::{Method, header};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::oci::ErrorCode;
use crate::registry::{self, Event, EventKind, EventRange, Registry};
use crate::server::page::{Query, excerpt};
use crate::server::problem::Problem;
use crate::server::router::named;

/// How many events a stream reads at a time.
const BATCH: u32 = 100;
/// How often a stream says that it is alive: well within the time after which a resting connection is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a client whose stream broke may come back.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// GET `/api/v1/events?after=<id>&n=<limit>&type=<type>`: what happened, oldest first; of some types where they are named
///
/// Answers `{"events": [{"id", "type", "time", "repository", "tag", "digest", "previous", "actor"}], "oldest", "newest"}`.
/// To a client that accepts `text/event-stream` it streams them (WHATWG HTML, server-sent events), those to come too:
/// from now on, or behind `Last-Event-ID`. The stream begins with `start`, whose id is where it begins, or with `gap`
/// where events behind the one asked for are kept no more.
pub(super) async fn answer(
    registry: &Registry,
    closing: &CancellationToken,
    request: &Parts,
) -> Result<Response, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method_not_allowed("GET"));
    }
    if accepts_stream(request) {
        named("events_stream", stream_answer(registry, closing, request).await)
    } else {
        named("events", page_answer(registry, request).await)
    }
}

async fn page_answer(registry: &Registry, request: &Parts) -> Result<Response, Problem> {
    let query = Query::of(&request.uri);
    let limit = query.page(registry.limits().page_size)?.limit;
    let after = query.get("after").map(event_id).transpose()?.unwrap_or(0);
    let EventRange { oldest, newest } = registry.event_range().await?;
    let kinds = asked_kinds(&query)?;
    let events = registry.events(&kinds, after, limit).await?;
    Ok(Json(json!({ "events": events, "oldest": oldest, "newest": newest })).into_response())
}

async fn stream_answer(
    registry: &Registry,
    closing: &CancellationToken,
    request: &Parts,
) -> Result<Response, Problem> {
    let kinds = asked_kinds(&Query::of(&request.uri))?;
    let bell = registry.watch_events(&kinds);
    let range = registry.event_range().await?;
    let after = asked_after(request)?;
    let feed = Feed {
        registry: registry.clone(),
        kinds,
        bell,
        closing: closing.clone(),
        after: after.unwrap_or(range.newest).min(range.newest),
        ready: VecDeque::from([opening(after, range)]),
    };
    Ok(Sse::new(feed.into_stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Where a stream begins. A number that was never given comes from another registry's life: it begins now.
fn opening(after: Option<u64>, range: EventRange) -> sse::Event {
    let EventRange { oldest, newest } = range;
    let (name, begins) = match after {
        Some(after) if after > newest || after + 1 < oldest => ("gap", newest.min(after)),
        Some(after) => ("start", after),
        None => ("start", newest),
    };
    let data = json!({ "oldest": oldest, "newest": newest }).to_string();
    sse::Event::default().id(begins.to_string()).event(name).retry(RECONNECT_AFTER).data(data)
}

/// A stream of events. It has no task and no queue: a slow reader is read for only when it has room.
struct Feed {
    registry: Registry,
    kinds: Vec<EventKind>,
    bell: watch::Receiver<()>,
    closing: CancellationToken,
    after: u64,
    ready: VecDeque<sse::Event>,
}

impl Feed {
    fn into_stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        stream::unfold(self, async |mut feed| feed.next().await.map(|event| (Ok(event), feed)))
    }

    /// The next event; none when the server stops, or its store fails: the client comes back then.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.bell.mark_unchanged();
            match self.read().await {
                Ok(()) if !self.ready.is_empty() => continue,
                Ok(()) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot read events");
                    return None;
                }
            }
            tokio::select! {
                () = self.closing.cancelled() => return None,
                changed = self.bell.changed() => changed.ok()?,
            }
        }
    }

    async fn read(&mut self) -> registry::Result<()> {
        for event in self.registry.events(&self.kinds, self.after, BATCH).await? {
            self.after = event.id;
            self.ready.push_back(message(&event));
        }
        Ok(())
    }
}

fn message(event: &Event) -> sse::Event {
    let data = serde_json::to_string(event).expect("an event is JSON");
    sse::Event::default().id(event.id.to_string()).event(event.kind.name()).data(data)
}

fn accepts_stream(request: &Parts) -> bool {
    let accepted = request.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|text| text.split(',')).any(|range| {
        range.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

/// The types that are asked for; all where none is.
fn asked_kinds(query: &Query<'_>) -> Result<Vec<EventKind>, Problem> {
    let unknown = |text: &str| {
        let names = EventKind::ALL.map(EventKind::name).join(", ");
        Problem::invalid_request(format!("`{}` is no type of event; the types are {names}", excerpt(text)))
    };
    let asked = query.all("type").map(|text| text.parse().map_err(|()| unknown(text)));
    let asked: Vec<EventKind> = asked.collect::<Result<_, _>>()?;
    Ok(if asked.is_empty() { EventKind::ALL.to_vec() } else { asked })
}

/// `Last-Event-ID`, which a client sends when it comes back, goes before what the URL said at first.
fn asked_after(request: &Parts) -> Result<Option<u64>, Problem> {
    let header = request.headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    let query = Query::of(&request.uri);
    header.filter(|text| !text.is_empty()).or(query.get("after")).map(event_id).transpose()
}

fn event_id(text: &str) -> Result<u64, Problem> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let message = format!("`{}` is not the id of an event, which is a number", excerpt(text));
        Problem::bad_request(ErrorCode::PaginationNumberInvalid, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_says_where_it_begins_and_what_is_lost() {
        let range = EventRange { oldest: 5, newest: 9 };
        let none = EventRange::default();
        for (after, range, expected) in [
            (None, range, "id: 9\nevent: start"),
            (Some(9), range, "id: 9\nevent: start"),
            (Some(4), range, "id: 4\nevent: start"),
            (Some(3), range, "id: 3\nevent: gap"),
            (Some(10), range, "id: 9\nevent: gap"),
            (None, none, "id: 0\nevent: start"),
            (Some(0), none, "id: 0\nevent: start"),
            (Some(u64::MAX), range, "id: 9\nevent: gap"),
        ] {
            let text = format!("{:?}", opening(after, range));
            let text = text.replace("\\n", "\n");
            assert!(text.contains(expected), "{after:?}: {text}");
        }
    }
}
