use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderName, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::Registry;
use super::call::Call;
use super::scope::Scope;
use super::transport::Reply;
use crate::client::{Error, Request};
use crate::oci::{Digest, RepositoryName, Tag};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENTS: &str = "api/v1/events";
const EVENT_STREAM: &str = "text/event-stream";
/// The longest line of a stream. Ours are below 2 KiB.
const LINE_LIMIT_BYTES: usize = 64 * 1024;
/// How many events are asked for at a time, and the longest answer to that.
const PAGE_EVENTS: u32 = 1000;
const PAGE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
const WHAT: &str = "events";
const TAG_MOVED: &str = "tag-moved";

/// What happens to a registry's content, as it happens: for registries that are like ours.
///
/// It ends with the connection. [`Events::last_id`] is where the next one has to begin, so that nothing is missed.
pub struct Events {
    lines: BoxStream<'static, Result<String, Error>>,
    last_id: Option<u64>,
}

/// What a stream of events tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The stream has begun. What happened before that, and is not told, can be seen by now.
    Started,
    /// The same, and some of the events that were asked for are kept no more.
    StartedLate,
    /// Something happened.
    Event(Event),
    /// Something that cannot be read.
    Unknown,
}

/// Something that happened to content. What a registry leaves out is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number: greater than those of all before it.
    #[serde(default)]
    pub id: u64,
    /// What happened: `manifest-pushed`, `tag-moved`, `tag-deleted`, `manifest-deleted`, or what a later version knows.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// When, in RFC 3339 and UTC.
    #[serde(default)]
    pub time: String,
    /// Where.
    pub repository: RepositoryName,
    /// Which tag, where it is about one.
    pub tag: Option<Tag>,
    /// What was pushed, or what the tag names from then on.
    pub digest: Option<Digest>,
    /// What the tag named before, or what was deleted.
    pub previous: Option<Digest>,
    /// Who did it.
    #[serde(default)]
    pub actor: String,
}

/// Some of the events that a registry keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The id of the oldest that is kept; 0 where there are none.
    pub oldest: u64,
    /// The id of the newest.
    pub newest: u64,
}

impl Event {
    /// The tag that names another manifest from then on, and that manifest; none where something else happened.
    pub fn tag_move(&self) -> Option<(&Tag, &Digest)> {
        self.tag.as_ref().zip(self.digest.as_ref()).filter(|_| self.kind == TAG_MOVED)
    }
}

#[derive(Default)]
struct Message {
    id: Option<u64>,
    kind: String,
    data: String,
}

impl Registry {
    /// The registry's events from now on, or those behind `after`.
    ///
    /// # Errors
    /// [`Error::Lacks`] where the registry has none.
    pub async fn events(&self, after: Option<u64>, types: &[&str]) -> Result<Events, Error> {
        let mut call = Call::new(Method::GET, self.url(EVENTS)).with_header(header::ACCEPT, EVENT_STREAM);
        if !types.is_empty() {
            call.url.query_pairs_mut().extend_pairs(types.iter().map(|name| ("type", name)));
        }
        if let Some(after) = after {
            call = call.with_header(LAST_EVENT_ID, &after.to_string());
        }
        let reply = self.stream(&call).await.map_err(|error| self.lacking(WHAT, error))?;
        Ok(Events { lines: lines(reply, call.describe()), last_id: after })
    }

    async fn stream(&self, call: &Call) -> Result<Reply, Error> {
        let reply = self.send_unrepeated(call, &Scope::default()).await?.expect(&[StatusCode::OK]).await?;
        let kind = reply.header(&header::CONTENT_TYPE).unwrap_or_default();
        if kind.starts_with(EVENT_STREAM) { Ok(reply) } else { Err(self.lacks(WHAT)) }
    }

    /// Events that the registry keeps, those behind `after`; none at the end.
    ///
    /// # Errors
    /// [`Error::Lacks`] where the registry has none.
    pub async fn event_page(&self, after: u64) -> Result<EventPage, Error> {
        let mut call = Call::new(Method::GET, self.url(EVENTS));
        let (after, limit) = (after.to_string(), PAGE_EVENTS.to_string());
        call.url.query_pairs_mut().extend_pairs([("after", &after), ("n", &limit)]);
        let answer = self.fetch(&call, &Scope::default(), ("a page of events", PAGE_LIMIT_BYTES)).await;
        let (_, bytes) = answer.map_err(|error| self.lacking(WHAT, error))?;
        serde_json::from_slice(&bytes).map_err(|_| self.lacks(WHAT))
    }
}

impl Events {
    /// The number of the last event.
    pub fn last_id(&self) -> Option<u64> {
        self.last_id
    }

    /// What comes next; nothing at the stream's end. Cancel safe but for what the event being read would have said.
    ///
    /// # Errors
    /// The connection broke, or what comes are no events.
    pub async fn next(&mut self) -> Result<Option<Notice>, Error> {
        let mut message = Message::default();
        while let Some(line) = self.lines.try_next().await? {
            if !line.is_empty() {
                message.read(&line);
            } else if let Some(notice) = message.notice() {
                self.last_id = message.id.or(self.last_id);
                return Ok(Some(notice));
            } else {
                message = Message::default();
            }
        }
        Ok(None)
    }
}

/// The lines of an answer, of which none may be so long that it fills the memory.
fn lines(reply: Reply, request: Request) -> BoxStream<'static, Result<String, Error>> {
    let content = StreamReader::<_, Bytes>::new(reply.into_stream().map_err(std::io::Error::other));
    let lines = FramedRead::new(content, LinesCodec::new_with_max_length(LINE_LIMIT_BYTES));
    lines.map_err(move |error| broken(error, &request)).boxed()
}

/// What our own transport said, or that the lines are none.
fn broken(error: LinesCodecError, request: &Request) -> Error {
    let strange = |problem: String| Error::Protocol { request: Box::new(request.clone()), problem };
    match error {
        LinesCodecError::Io(error) => {
            error.downcast().unwrap_or_else(|error| strange(format!("its events are no text: {error}")))
        }
        LinesCodecError::MaxLineLengthExceeded => strange("a line of its events is too long".to_owned()),
    }
}

impl Message {
    /// One line (WHATWG HTML 9.2.6). Comments and fields of no interest are passed over; ours have one line of data.
    fn read(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = value.parse().ok(),
            "event" => value.clone_into(&mut self.kind),
            "data" => value.clone_into(&mut self.data),
            _ => {}
        }
    }

    /// What it says; nothing where it is only a sign of life.
    fn notice(&self) -> Option<Notice> {
        match self.kind.as_str() {
            "" => None,
            "start" => Some(Notice::Started),
            "gap" => Some(Notice::StartedLate),
            kind => Some(self.event(kind).map_or(Notice::Unknown, Notice::Event)),
        }
    }

    /// The event in the data, of the kind and number that the message says.
    fn event(&self, kind: &str) -> Option<Event> {
        let event: Event = serde_json::from_str(&self.data).ok()?;
        Some(Event { id: self.id.unwrap_or(event.id), kind: kind.to_owned(), ..event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> (Option<u64>, Option<Notice>) {
        let mut message = Message::default();
        for line in lines {
            message.read(line);
        }
        (message.id, message.notice())
    }

    #[test]
    fn messages_are_read_and_what_is_strange_is_no_event() {
        let digest = Digest::sha256(b"x");
        let event = |kind: &str| Event {
            id: 7,
            kind: kind.to_owned(),
            time: "2026-01-01T00:00:00Z".to_owned(),
            repository: "a/b".parse().unwrap(),
            tag: Some("v1".parse().unwrap()),
            digest: Some(digest.clone()),
            previous: None,
            actor: "x".to_owned(),
        };
        for kind in ["tag-moved", "tag-blessed"] {
            let data = format!("data: {}", serde_json::to_string(&event(kind)).unwrap());
            let read = read(&["id: 7", &format!("event: {kind}"), &data]);
            assert_eq!(read, (Some(7), Some(Notice::Event(event(kind)))));
        }
        let least = read(&["id: 8", "event: tag-moved", "data: {\"repository\":\"a/b\"}"]).1;
        assert!(
            matches!(least, Some(Notice::Event(Event { id: 8, kind, tag: None, .. })) if kind == TAG_MOVED)
        );
        assert_eq!(read(&["id:9", "event:gap", "data: {}"]), (Some(9), Some(Notice::StartedLate)));
        assert_eq!(read(&["id: 9", "event: start", "data: {}"]), (Some(9), Some(Notice::Started)));
        assert_eq!(read(&["event: tag-moved", "data: {\"tag\":null}"]), (None, Some(Notice::Unknown)));
        assert_eq!(read(&[": alive"]), (None, None));
    }

    #[test]
    fn only_a_tag_that_moved_is_a_move() {
        let data = r#"{"id":1,"type":"tag-moved","time":"","repository":"a","tag":"v1","digest":null,"previous":null,"actor":""}"#;
        let mut event: Event = serde_json::from_str(data).unwrap();
        assert_eq!(event.tag_move(), None);
        let digest = Digest::sha256(b"x");
        event.digest = Some(digest.clone());
        assert_eq!(event.tag_move(), Some((&"v1".parse().unwrap(), &digest)));
        event.kind = "manifest-pushed".to_owned();
        assert_eq!(event.tag_move(), None);
    }
}
