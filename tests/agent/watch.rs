//! Tags that move: heard of by a registry's events, or found out by looking.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, StatusCode};
use hwasm_registry::agent::{Moved, TagWatcher, Watched};
use hwasm_registry::oci::Digest;
use hwasm_registry::policy::Pull;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::world::{World, module};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_hours(1);
const OFTEN: Duration = Duration::from_millis(20);

/// A watcher at work.
struct Play {
    list: watch::Sender<Vec<Watched>>,
    moved: mpsc::Receiver<Moved>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Play {
    fn begin(world: &World, every: Duration) -> Self {
        let (list, plugins) = watch::channel(Vec::new());
        let (tell, moved) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let watcher = TagWatcher::new(Arc::clone(&world.puller), every, plugins, tell);
        let running = tokio::spawn(watcher.run(stop.clone().cancelled_owned()));
        Self { list, moved, stop, running }
    }

    fn watch(&self, pull: &Pull, runs: Option<&Digest>) {
        self.list.send_replace(vec![Watched { pull: pull.clone(), secret: None, manifest: runs.cloned() }]);
    }

    async fn next(&mut self) -> Moved {
        let moved = tokio::time::timeout(Duration::from_secs(10), self.moved.recv()).await;
        moved.expect("a move within ten seconds").expect("the watcher runs")
    }

    async fn nothing(&mut self) {
        let moved = tokio::time::timeout(Duration::from_millis(200), self.moved.recv()).await;
        assert!(moved.is_err(), "{moved:?}");
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// Answers requests for events by streams that the test feeds. Each request's `Last-Event-ID` is noted.
#[derive(Clone, Default)]
struct Feeds {
    open: Arc<Mutex<Vec<mpsc::UnboundedSender<String>>>>,
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

impl Feeds {
    fn of(world: &World) -> Self {
        let feeds = Self::default();
        let (open, asked) = (Arc::clone(&feeds.open), Arc::clone(&feeds.asked));
        world.fake.on((Method::GET, "/api/v1/events"), usize::MAX, move |seen| {
            let (feed, lines) = mpsc::unbounded_channel();
            open.lock().unwrap().push(feed);
            asked.lock().unwrap().push(seen.header("last-event-id").map(str::to_owned));
            Some(streamed(lines))
        });
        feeds
    }

    async fn count(&self, count: usize) {
        while self.asked.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn say(&self, text: &str) {
        self.open.lock().unwrap().last().unwrap().send(text.to_owned()).unwrap();
    }

    fn break_off(&self) {
        self.open.lock().unwrap().clear();
    }
}

fn streamed(lines: mpsc::UnboundedReceiver<String>) -> Response {
    let pieces = stream::unfold(lines, async |mut lines| {
        let line = lines.recv().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(line)), lines))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(pieces)).into_response()
}

fn tag_moved(id: u64, tag: &str, digest: &Digest) -> String {
    let data = serde_json::json!({"repository": "team/a", "tag": tag, "digest": digest});
    format!("id: {id}\nevent: tag-moved\ndata: {data}\n\n")
}

#[tokio::test]
async fn a_registry_without_events_is_looked_at_and_no_manifest_is_read() {
    let world = World::start().await;
    let first = world.serve("1", &module("one"));
    let mut play = Play::begin(&world, OFTEN);
    play.watch(&world.image(":1"), Some(&first));
    play.nothing().await;
    let second = world.serve("1", &module("two"));
    let moved = play.next().await;
    assert_eq!((moved.resource.as_str(), moved.names), ("ns.a", Some(second)));
    play.nothing().await;
    play.end().await;
    let requests = world.requests();
    assert!(requests.matches('H').count() > 5 && !requests.contains(['M', 'B']), "{requests}");
    assert_eq!(requests.matches('E').count(), 1, "it has none, and is not asked again soon");
}

#[tokio::test]
async fn a_registry_with_events_tells_at_once_and_is_not_looked_at_again_and_again() {
    let world = World::start().await;
    let feeds = Feeds::of(&world);
    let first = world.serve("1", &module("one"));
    let mut play = Play::begin(&world, OFTEN);
    play.watch(&world.image(":1"), Some(&first));
    feeds.count(1).await;
    feeds.say("id: 5\nevent: start\ndata: {}\n\n");
    play.nothing().await;
    let second = Digest::sha256(b"second");
    world.requests();
    feeds.say(&tag_moved(6, "2", &second));
    feeds.say(": alive\n\n");
    play.nothing().await;
    feeds.say(&tag_moved(7, "1", &second));
    assert_eq!(play.next().await.names, Some(second.clone()));
    feeds.say(&tag_moved(8, "1", &second));
    play.nothing().await;
    assert_eq!(world.requests(), "", "the events suffice");

    // What moves while the connection is broken is found by a look, and the events go on where they broke off.
    let third = world.serve("1", &module("three"));
    feeds.break_off();
    feeds.count(2).await;
    assert_eq!(*feeds.asked.lock().unwrap(), [None, Some("8".to_owned())]);
    feeds.say("id: 8\nevent: start\ndata: {}\n\n");
    assert_eq!(play.next().await.names, Some(third));
    play.end().await;
}

#[tokio::test]
async fn a_move_before_the_events_began_is_seen() {
    let world = World::start().await;
    let feeds = Feeds::of(&world);
    let old = Digest::sha256(b"what ran when the agent was started");
    let now = world.serve("1", &module("one"));
    let mut play = Play::begin(&world, NEVER);
    play.watch(&world.image(":1"), Some(&old));
    assert_eq!(play.next().await.names, Some(now));
    feeds.count(1).await;
    play.end().await;
}

#[tokio::test]
async fn events_that_are_none_change_nothing_and_fill_no_memory() {
    let world = World::start().await;
    let feeds = Feeds::of(&world);
    let first = world.serve("1", &module("one"));
    let mut play = Play::begin(&world, NEVER);
    play.watch(&world.image(":1"), Some(&first));
    feeds.count(1).await;
    feeds.say(&"x".repeat(1 << 20));
    feeds.count(2).await;
    feeds.say("id: 1\nevent: tag-moved\ndata: {\"repository\":7}\n\nevent: tag-moved\ndata: [\n\n");
    play.nothing().await;
    let second = Digest::sha256(b"second");
    feeds.say(&tag_moved(2, "1", &second));
    assert_eq!(play.next().await.names, Some(second));
    play.end().await;
}

#[tokio::test]
async fn what_is_watched_may_change_and_who_does_not_answer_is_asked_again() {
    let world = World::start().await;
    let first = world.serve("1", &module("one"));
    let mut play = Play::begin(&world, OFTEN);
    play.watch(&world.image(":absent"), Some(&first));
    play.nothing().await;
    play.watch(&world.image(":1"), Some(&Digest::sha256(b"another")));
    assert_eq!(play.next().await.names, Some(first.clone()));
    play.list.send_replace(Vec::new());
    tokio::time::sleep(OFTEN * 5).await;
    world.requests();
    world.serve("1", &module("two"));
    play.nothing().await;
    assert_eq!(world.requests(), "");
    play.end().await;
}

#[tokio::test]
async fn a_file_is_fetched_again_when_its_server_says_that_it_has_changed() {
    let world = World::start().await;
    let etag = Arc::new(Mutex::new("\"1\"".to_owned()));
    let now = Arc::clone(&etag);
    world.fake.on((Method::HEAD, "/files/a.wasm"), usize::MAX, move |_| {
        Some((StatusCode::OK, [("etag", now.lock().unwrap().clone())]).into_response())
    });
    let mut play = Play::begin(&world, OFTEN);
    play.watch(&world.file("a.wasm"), None);
    play.next().await;
    play.nothing().await;
    "\"2\"".clone_into(&mut etag.lock().unwrap());
    play.next().await;
    play.nothing().await;
    play.end().await;
    assert!(!world.requests().contains('G'));
}
