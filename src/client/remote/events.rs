use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderName, Method, StatusCode, header};
use serde::Deserialize;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::Registry;
use super::call::Call;
use super::scope::Scope;
use super::transport::Reply;
use crate::client::{Error, Request};
use crate::oci::{Digest, RepositoryName, Tag};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: &str = "text/event-stream";
/// The longest line of a stream. Ours are below 2 KiB.
const LINE_LIMIT_BYTES: usize = 64 * 1024;

/// What happens to a registry's content, as it happens: for registries that are like ours.
///
/// It ends with the connection. [`Events::last_id`] is where the next one has to begin, so that nothing is missed.
pub struct Events {
    lines: BoxStream<'static, Result<String, Error>>,
    last_id: Option<u64>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The stream has begun. What happened before that, and is not told, can be seen by now.
    Started,
    /// A tag names another manifest from now on.
    TagMoved {
        /// Its repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// What it names.
        digest: Digest,
    },
    /// Anything else.
    Other,
}

#[derive(Default)]
struct Message {
    id: Option<u64>,
    kind: String,
    data: String,
}

#[derive(Deserialize)]
struct TagMove {
    repository: RepositoryName,
    tag: Tag,
    digest: Digest,
}

impl Registry {
    /// The registry's events from now on, or those behind `after`.
    ///
    /// # Errors
    /// [`Error::Refused`] or [`Error::Protocol`] where the registry has none.
    pub async fn events(&self, after: Option<u64>) -> Result<Events, Error> {
        let mut call =
            Call::new(Method::GET, self.url("api/v1/events")).with_header(header::ACCEPT, EVENT_STREAM);
        if let Some(after) = after {
            call = call.with_header(LAST_EVENT_ID, &after.to_string());
        }
        let reply = self.send_unrepeated(&call, &Scope::default()).await?.expect(&[StatusCode::OK]).await?;
        let kind = reply.header(&header::CONTENT_TYPE).unwrap_or_default();
        if !kind.starts_with(EVENT_STREAM) {
            return Err(
                reply.protocol_error(format!("its events are of type `{kind}`, not `{EVENT_STREAM}`"))
            );
        }
        Ok(Events { lines: lines(reply, call.describe()), last_id: after })
    }
}

impl Events {
    /// The number of the last event.
    pub fn last_id(&self) -> Option<u64> {
        self.last_id
    }

    /// The next event; none at the stream's end. Cancel safe but for what the event being read would have said.
    ///
    /// # Errors
    /// The connection broke, or what comes are no events.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        let mut message = Message::default();
        while let Some(line) = self.lines.try_next().await? {
            if !line.is_empty() {
                message.read(&line);
            } else if let Some(event) = message.event() {
                self.last_id = message.id.or(self.last_id);
                return Ok(Some(event));
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
    let broken = move |error: LinesCodecError| Error::Protocol {
        request: Box::new(request.clone()),
        problem: format!("its events broke off: {error}"),
    };
    lines.map_err(broken).boxed()
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
    fn event(&self) -> Option<Event> {
        match self.kind.as_str() {
            "" => None,
            "start" | "gap" => Some(Event::Started),
            "tag-moved" => match serde_json::from_str(&self.data) {
                Ok(TagMove { repository, tag, digest }) => Some(Event::TagMoved { repository, tag, digest }),
                Err(_) => Some(Event::Other),
            },
            _ => Some(Event::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> (Option<u64>, Option<Event>) {
        let mut message = Message::default();
        for line in lines {
            message.read(line);
        }
        (message.id, message.event())
    }

    #[test]
    fn messages_are_read_and_what_is_strange_is_no_tag_move() {
        let digest = Digest::sha256(b"x");
        let data = format!(r#"data: {{"repository":"a/b","tag":"v1","digest":"{digest}","actor":"x"}}"#);
        let (repository, tag) = ("a/b".parse().unwrap(), "v1".parse().unwrap());
        let moved = Event::TagMoved { repository, tag, digest };
        assert_eq!(read(&["id: 7", "event: tag-moved", &data]), (Some(7), Some(moved)));
        assert_eq!(read(&["id:9", "event:gap", "data: {}"]), (Some(9), Some(Event::Started)));
        assert_eq!(read(&["event: tag-moved", "data: {\"tag\":null}"]), (None, Some(Event::Other)));
        assert_eq!(read(&["event: manifest-pushed", "data: {}"]), (None, Some(Event::Other)));
        assert_eq!(read(&[": alive"]), (None, None));
    }
}
