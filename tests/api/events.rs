//! `/api/v1/events`: what happened to content, as pages and as a stream that can be taken up again.

use std::time::Duration;

use http::header;
use serde_json::Value;

use crate::harness::{Image, Refusal, Server, Setup};

const EVENTS: &str = "/api/v1/events";

/// A stream of server-sent events, read as text.
struct Stream {
    response: reqwest::Response,
    text: String,
}

/// One of its messages.
#[derive(Debug, PartialEq)]
struct Message {
    id: u64,
    kind: String,
    data: Value,
}

impl Stream {
    async fn open(server: &Server, last: Option<u64>) -> Self {
        let mut request =
            server.request(http::Method::GET, EVENTS).header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next message; none at the stream's end.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let message: String = self.text.drain(..end + 2).collect();
                return Some(Message::read(&message));
            }
            let piece = self.response.chunk().await.expect("a whole stream")?;
            self.text.push_str(std::str::from_utf8(&piece).expect("text"));
        }
    }

    async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(self.next().await.expect("a message").kind);
        }
        kinds
    }
}

impl Message {
    fn read(text: &str) -> Self {
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
        };
        Self {
            id: field("id").parse().expect("a number"),
            kind: field("event").to_owned(),
            data: serde_json::from_str(field("data")).expect("JSON"),
        }
    }
}

fn kinds(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().expect("a list");
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn everything_that_happens_to_content_is_an_event() {
    let server = Server::start().await;
    let (one, two) = (Image::new(1), Image::new(2));
    server.push("a/b", "v1", &one).await;
    server.push("a/b", "v1", &one).await;
    server.push("a/b", "v1", &two).await;
    assert_eq!(server.delete("/v2/a/b/manifests/v1").await.status(), 202);
    assert_eq!(server.delete(&format!("/v2/a/b/manifests/{}", one.digest)).await.status(), 202);
    let page = server.json(EVENTS).await;
    let expected =
        ["manifest-pushed", "tag-moved", "manifest-pushed", "tag-moved", "tag-deleted", "manifest-deleted"];
    assert_eq!(kinds(&page), expected, "a push that changes nothing is none");
    let moved = &page["events"][3];
    assert_eq!(
        (moved["repository"].as_str(), moved["tag"].as_str(), moved["actor"].as_str()),
        (Some("a/b"), Some("v1"), Some("anonymous"))
    );
    assert_eq!(
        (moved["digest"].as_str(), moved["previous"].as_str()),
        (Some(&*two.digest), Some(&*one.digest))
    );
    assert_eq!(page["events"][1]["previous"], Value::Null);
    assert_eq!(page["newest"], page["events"][5]["id"]);
    let rest = server.json(&format!("{EVENTS}?after={}&n=1", page["events"][3]["id"])).await;
    assert_eq!(kinds(&rest), ["tag-deleted"]);
    server.stopped().await;
}

#[tokio::test]
async fn a_stream_tells_of_a_push_when_a_pull_sees_it() {
    let server = Server::start().await;
    server.push("a", "v1", &Image::new(0)).await;
    let mut stream = Stream::open(&server, None).await;
    assert_eq!(stream.next().await.unwrap().kind, "start", "what was before is not told");
    for number in 1..20 {
        let image = Image::new(number);
        server.push("a", "v1", &image).await;
        assert_eq!(stream.kinds(1).await, ["manifest-pushed"]);
        let moved = stream.next().await.unwrap();
        let seen = server.get("/v2/a/manifests/v1").await;
        assert_eq!(seen.headers()["docker-content-digest"], moved.data["digest"].as_str().unwrap());
        assert_eq!(moved.data["digest"].as_str(), Some(&*image.digest));
    }
    server.stopped().await;
}

#[tokio::test]
async fn who_comes_back_misses_nothing_even_over_a_restart() {
    let server = Server::start().await;
    let mut stream = Stream::open(&server, None).await;
    let start = stream.next().await.unwrap().id;
    drop(stream);
    server.push("a", "v1", &Image::new(1)).await;
    let server = Setup::over(server.stopped().await).start().await;
    server.push("a", "v1", &Image::new(2)).await;
    let mut stream = Stream::open(&server, Some(start)).await;
    let expected = ["start", "manifest-pushed", "tag-moved", "manifest-pushed", "tag-moved"];
    assert_eq!(stream.kinds(5).await, expected);
    server.stopped().await;
}

#[tokio::test]
async fn old_events_go_and_who_asks_for_them_hears_of_the_gap() {
    let server = Setup::new().limits(|limits| limits.events = 3).start().await;
    for number in 0..5 {
        server.push("a", "v1", &Image::new(number)).await;
    }
    server.registry.keep_house().await.unwrap();
    let page = server.json(EVENTS).await;
    assert_eq!(
        (page["oldest"].as_u64(), page["newest"].as_u64(), kinds(&page).len()),
        (Some(8), Some(10), 3)
    );
    let mut stream = Stream::open(&server, Some(2)).await;
    let gap = stream.next().await.unwrap();
    assert_eq!((gap.kind.as_str(), gap.data["oldest"].as_u64()), ("gap", Some(8)));
    assert_eq!(stream.next().await.unwrap().id, 8);
    let mut strange = Stream::open(&server, Some(1000)).await;
    assert_eq!(strange.next().await.unwrap().kind, "gap", "a number that another registry gave");
    server.push("a", "v1", &Image::new(9)).await;
    assert_eq!(strange.next().await.unwrap().id, 11);
    server.stopped().await;
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let server = Setup::new().config(|config| config.shutdown_grace = Duration::from_mins(1)).start().await;
    let mut stream = Stream::open(&server, None).await;
    stream.next().await;
    tokio::time::timeout(Duration::from_secs(10), server.stopped())
        .await
        .expect("nobody waits for the grace");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn what_is_no_event_id_is_refused() {
    let server = Server::start().await;
    for after in ["x", "-1", "+1", "1e3", "99999999999999999999"] {
        let refusal = Refusal::of(server.get(&format!("{EVENTS}?after={after}")).await).await;
        refusal.says(400, "PAGINATION_NUMBER_INVALID", "is not the id of an event", after);
    }
    assert_eq!(server.post(EVENTS, "").await.status(), 405);
    assert_eq!(server.json(&format!("{EVENTS}?after={}", u64::MAX)).await["events"], serde_json::json!([]));
    server.stopped().await;
}
