//! `[[webhooks]]` and `/api/v1/webhooks`: events go to receivers, signed, in order, at least once.

mod receiver;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Image, Refusal, Server, Setup, eventually, run_sql};
use receiver::SECRET;
pub(crate) use receiver::{Answer, Receiver};

const WEBHOOKS: &str = "/api/v1/webhooks";

/// A webhook that is quick to try again.
fn entry(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "url": format!("http://{address}/hook?token=t0ken"),
        "secret": SECRET,
        "first_pause": "20ms",
        "longest_pause": "50ms",
        "timeout": "2s",
    })
}

/// The same, changed.
pub(crate) fn entry_with(name: &str, address: SocketAddr, change: &Value) -> Value {
    let mut entry = entry(name, address);
    let changes = change.as_object().expect("an object").clone();
    entry.as_object_mut().expect("an object").extend(changes);
    entry
}

async fn status(server: &Server) -> Value {
    server.json(WEBHOOKS).await["webhooks"][0].clone()
}

async fn dead_letters(server: &Server, name: &str) -> Vec<Value> {
    let page = server.json(&format!("{WEBHOOKS}/{name}/dead-letters")).await;
    page["deadLetters"].as_array().expect("a list").clone()
}

/// Waits until the first webhook has nothing to do.
async fn settled(server: &Server) {
    eventually("no pending event", async || status(server).await["pending"] == 0).await;
}

/// Waits until the first webhook has failed.
async fn failing(server: &Server) {
    eventually("a failure", async || status(server).await["attempts"].as_u64() > Some(0)).await;
}

#[tokio::test]
async fn an_event_is_delivered_signed_as_the_api_tells_it() {
    let receiver = Receiver::start().await;
    let server = Setup::new().webhook(entry("ci", receiver.address)).start().await;
    server.push("a/b", "v1", &Image::new(1)).await;
    let deliveries = receiver.hears(2).await;
    let told = server.json("/api/v1/events").await;
    for (delivery, told) in deliveries.iter().zip(told["events"].as_array().unwrap()) {
        assert_eq!(delivery.event["data"], *told);
        assert_eq!(delivery.header("content-type"), "application/cloudevents+json");
        assert_eq!(delivery.event["specversion"], "1.0");
        assert_eq!(delivery.event["id"], told["id"].to_string());
        assert_eq!(delivery.event["source"], "/v2/a/b");
        assert_eq!(delivery.event["time"], told["time"]);
    }
    let moved = &deliveries[1].event;
    assert_eq!(
        (moved["type"].as_str(), moved["subject"].as_str()),
        (Some("io.hwasm-registry.tag-moved"), Some("v1"))
    );
    assert_ne!(deliveries[0].header("webhook-id"), deliveries[1].header("webhook-id"));
    settled(&server).await;
    let status = status(&server).await;
    assert_eq!((status["cursor"].as_u64(), status["newest"].as_u64()), (Some(2), Some(2)));
    assert_eq!(
        (&status["attempts"], &status["lastError"], &status["nextAttempt"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    assert!(status["lastDelivered"].is_string(), "{status}");
    let figures = server.get("/metrics").await.text().await.unwrap();
    let figure = r#"hwasm_registry_webhook_deliveries_total{webhook="ci",outcome="delivered"} 2"#;
    assert!(figures.contains(figure) && figures.contains(r#"webhook_pending{webhook="ci"} 0"#), "{figures}");
    server.stopped().await;
}

#[tokio::test]
async fn a_receiver_that_was_away_gets_everything_in_order() {
    let address = Receiver::nowhere().await;
    let server = Setup::new().webhook(entry("ci", address)).start().await;
    for number in 0..3 {
        server.push("a", "v1", &Image::new(number)).await;
    }
    failing(&server).await;
    let status = status(&server).await;
    assert!(status["lastError"].as_str().is_some_and(|error| !error.contains("t0ken")), "{status}");
    assert!(status["nextAttempt"].is_string() && status["pending"] == 6, "{status}");
    let receiver = Receiver::at(address, |_| Answer::Status(200)).await;
    receiver.hears(6).await;
    settled(&server).await;
    assert_eq!(receiver.ids(), [1, 2, 3, 4, 5, 6]);
    server.stopped().await;
}

#[tokio::test]
async fn the_message_id_stays_over_retries() {
    let fail = AtomicBool::new(true);
    let receiver = Receiver::answering(move |_| {
        Answer::Status(if fail.swap(false, Ordering::Relaxed) { 404 } else { 200 })
    })
    .await;
    let server = Setup::new().webhook(entry("ci", receiver.address)).start().await;
    server.push("a", "v1", &Image::new(1)).await;
    let deliveries = receiver.hears(3).await;
    assert_eq!(receiver.ids(), [1, 1, 2]);
    assert_eq!(deliveries[0].header("webhook-id"), deliveries[1].header("webhook-id"));
    assert_eq!(deliveries[0].event, deliveries[1].event);
    server.stopped().await;
}

#[tokio::test]
async fn what_is_never_taken_becomes_a_dead_letter_and_the_next_goes_on() {
    let healthy = Arc::new(AtomicBool::new(false));
    let receiver = Receiver::answering({
        let healthy = Arc::clone(&healthy);
        move |delivery| {
            let bad = delivery.event["source"] == "/v2/bad" && !healthy.load(Ordering::Relaxed);
            Answer::Status(if bad { 500 } else { 200 })
        }
    })
    .await;
    let change = json!({ "max_attempts": 3 });
    let server = Setup::new().webhook(entry_with("ci", receiver.address, &change)).start().await;
    server.push("bad", "v1", &Image::new(1)).await;
    server.push("good", "v1", &Image::new(1)).await;
    settled(&server).await;
    assert_eq!(receiver.ids(), [1, 1, 1, 2, 2, 2, 3, 4]);
    assert_eq!(status(&server).await["deadLetters"], 2);
    let letters = dead_letters(&server, "ci").await;
    let told = server.json("/api/v1/events").await;
    assert_eq!((&letters[0]["event"], &letters[1]["event"]), (&told["events"][0], &told["events"][1]));
    assert_eq!((&letters[0]["attempts"], &letters[0]["lost"]), (&json!(3), &json!(0)));
    assert!(letters[0]["lastError"].as_str().unwrap().contains("500"), "{letters:?}");
    let pages = server.pages(&format!("{WEBHOOKS}/ci/dead-letters?n=1")).await;
    assert_eq!(pages.iter().map(|page| page["deadLetters"].as_array().unwrap().len()).sum::<usize>(), 2);

    let letter = |number: usize| format!("{WEBHOOKS}/ci/dead-letters/{}", letters[number]["id"]);
    let retry = async |number: usize| -> Value {
        let response = server.post(&format!("{}/retry", letter(number)), "").await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    };
    assert_eq!(retry(0).await["outcome"], "failed");
    assert_eq!(dead_letters(&server, "ci").await[0]["attempts"], 4);
    healthy.store(true, Ordering::Relaxed);
    assert_eq!(retry(0).await, json!({ "outcome": "delivered" }));
    let (first, last) = (receiver.deliveries()[0].clone(), receiver.deliveries().pop().unwrap());
    assert_eq!((first.header("webhook-id"), &first.event), (last.header("webhook-id"), &last.event));
    assert_eq!(server.delete(&letter(1)).await.status(), 204);
    assert_eq!(dead_letters(&server, "ci").await, Vec::<Value>::new());
    let gone = Refusal::of(server.delete(&letter(1)).await).await;
    gone.says(404, "UNSUPPORTED", "no dead letter numbered", "deleted twice");
    server.stopped().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_slows_neither_pushes_nor_the_stop() {
    let receiver = Receiver::answering(|_| Answer::Hang).await;
    let change = json!({ "timeout": "30s" });
    let server = Setup::new().webhook(entry_with("ci", receiver.address, &change)).start().await;
    server.push("a", "v1", &Image::new(0)).await;
    receiver.hears(1).await;
    let begun = Instant::now();
    for number in 1..20 {
        server.push("a", "v1", &Image::new(number)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(status(&server).await["pending"], 40);
    let begun = Instant::now();
    server.stopped().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_attempt_has_a_limit_in_time() {
    let receiver = Receiver::answering(|_| Answer::Hang).await;
    let change = json!({ "timeout": "50ms", "max_attempts": 2 });
    let server = Setup::new().webhook(entry_with("ci", receiver.address, &change)).start().await;
    server.push("a", "v1", &Image::new(0)).await;
    settled(&server).await;
    assert_eq!(dead_letters(&server, "ci").await[0]["lastError"], "no answer within 50ms");
    server.stopped().await;
}

#[tokio::test]
async fn a_restart_loses_nothing_and_a_new_webhook_begins_with_what_comes() {
    let address = Receiver::nowhere().await;
    let server = Server::start().await;
    server.push("a", "v1", &Image::new(0)).await;
    let server = Setup::over(server.stopped().await).webhook(entry("ci", address)).start().await;
    server.push("a", "v1", &Image::new(1)).await;
    failing(&server).await;
    // A time without the webhook is made up for too.
    let server = Setup::over(server.stopped().await).start().await;
    server.push("a", "v1", &Image::new(2)).await;
    let data_dir = server.stopped().await;
    let receiver = Receiver::at(address, |_| Answer::Status(200)).await;
    let server = Setup::over(data_dir).webhook(entry("ci", address)).start().await;
    server.push("a", "v1", &Image::new(3)).await;
    receiver.hears(6).await;
    settled(&server).await;
    let server = Setup::over(server.stopped().await).webhook(entry("ci", address)).start().await;
    server.push("a", "v1", &Image::new(4)).await;
    receiver.hears(8).await;
    assert_eq!(receiver.ids(), [3, 4, 5, 6, 7, 8, 9, 10], "nothing twice where stops are orderly");
    server.stopped().await;
}

#[tokio::test]
async fn a_store_that_fails_for_a_while_costs_no_event_and_repeats_none() {
    let receiver = Receiver::start().await;
    let server = Setup::new().webhook(entry("ci", receiver.address)).start().await;
    run_sql(server.data_dir(), "ALTER TABLE webhooks RENAME TO away").await;
    server.push("a", "v1", &Image::new(1)).await;
    receiver.hears(1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.ids(), [1], "what cannot be kept is waited for");
    run_sql(server.data_dir(), "ALTER TABLE away RENAME TO webhooks").await;
    receiver.hears(2).await;
    settled(&server).await;
    assert_eq!(receiver.ids(), [1, 2]);
    server.stopped().await;
}

#[tokio::test]
async fn a_webhook_is_told_only_of_what_it_wants() {
    let (some, all) = (Receiver::start().await, Receiver::start().await);
    let change = json!({ "types": ["tag-moved"], "repositories": ["plugins/**"] });
    let server = Setup::new()
        .webhook(entry_with("some", some.address, &change))
        .webhook(entry("all", all.address))
        .start()
        .await;
    for repository in ["library/a", "plugins/a/b", "library/b"] {
        server.push(repository, "v1", &Image::new(1)).await;
    }
    all.hears(6).await;
    settled(&server).await;
    assert_eq!(some.ids(), [4]);
    let list = server.json(WEBHOOKS).await;
    assert_eq!(list["webhooks"][0]["types"], json!(["tag-moved"]));
    assert_eq!(list["webhooks"][0]["repositories"], json!(["plugins/**"]));
    assert_eq!(list["webhooks"][1]["types"].as_array().unwrap().len(), 6);
    server.stopped().await;
}

#[tokio::test]
async fn events_that_are_gone_before_their_turn_are_counted_as_lost() {
    let address = Receiver::nowhere().await;
    let few = || Setup::new().limits(|limits| limits.events = 3);
    let server = few().webhook(entry("ci", address)).start().await;
    let data_dir = server.stopped().await;
    let server = Setup::over(data_dir).limits(|limits| limits.events = 3).start().await;
    for number in 0..5 {
        server.push("a", "v1", &Image::new(number)).await;
    }
    server.registry.keep_house().await.unwrap();
    let data_dir = server.stopped().await;
    let receiver = Receiver::at(address, |_| Answer::Status(200)).await;
    let server = Setup::over(data_dir).webhook(entry("ci", address)).start().await;
    settled(&server).await;
    assert_eq!(receiver.ids(), [8, 9, 10]);
    let letters = dead_letters(&server, "ci").await;
    assert_eq!((letters.len(), &letters[0]["lost"], &letters[0]["event"]), (1, &json!(7), &Value::Null));
    let retry = server.post(&format!("{WEBHOOKS}/ci/dead-letters/{}/retry", letters[0]["id"]), "").await;
    Refusal::of(retry).await.says(409, "UNSUPPORTED", "nothing to deliver", "a gap");
    let figures = server.get("/metrics").await.text().await.unwrap();
    assert!(figures.contains(r#"webhook_events_lost_total{webhook="ci"} 7"#), "{figures}");
    server.stopped().await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_retry_after_is_honoured() {
    let elsewhere = Receiver::start().await;
    let asked = AtomicBool::new(false);
    let target = format!("http://{}/", elsewhere.address);
    let receiver = Receiver::answering(move |delivery| match delivery.id() {
        1 => Answer::With(307, "location", target.clone()),
        _ if asked.swap(true, Ordering::Relaxed) => Answer::Status(200),
        _ => Answer::With(429, "retry-after", "1".to_owned()),
    })
    .await;
    let change = json!({ "max_attempts": 2 });
    let server = Setup::new().webhook(entry_with("ci", receiver.address, &change)).start().await;
    server.push("a", "v1", &Image::new(1)).await;
    receiver.hears(3).await;
    let begun = Instant::now();
    receiver.hears(4).await;
    assert!(begun.elapsed() > Duration::from_millis(700), "{:?}", begun.elapsed());
    settled(&server).await;
    assert_eq!(receiver.ids(), [1, 1, 2, 2]);
    assert_eq!(elsewhere.ids(), Vec::<u64>::new());
    server.stopped().await;
}

#[tokio::test]
async fn no_answer_shows_a_secret() {
    let receiver = Receiver::answering(|_| Answer::Status(500)).await;
    let change = json!({ "max_attempts": 1 });
    let server = Setup::new().webhook(entry_with("ci", receiver.address, &change)).start().await;
    server.push("a", "v1", &Image::new(1)).await;
    settled(&server).await;
    for path in [WEBHOOKS, "/api/v1/webhooks/ci/dead-letters", "/metrics"] {
        let text = server.get(path).await.text().await.unwrap();
        assert!(text.contains("ci") || text.contains("500"), "{path}: {text}");
        assert!(!text.contains("letters.") && !text.contains("t0ken"), "{path}: {text}");
    }
    server.stopped().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let server = Setup::new().webhook(entry("ci", Receiver::nowhere().await)).start().await;
    for (path, code, part) in [
        ("/x/dead-letters", "NAME_UNKNOWN", "no webhook `x`"),
        ("/x", "UNSUPPORTED", "the path is none of"),
        ("/ci/dead-letters/x", "UNSUPPORTED", "the path is none of"),
        ("/ci/letters", "UNSUPPORTED", "the path is none of"),
    ] {
        let refusal = Refusal::of(server.get(&format!("{WEBHOOKS}{path}")).await).await;
        refusal.says(404, code, part, path);
    }
    for (path, code) in
        [("/x/dead-letters/1/retry", "NAME_UNKNOWN"), ("/ci/dead-letters/1/retry", "UNSUPPORTED")]
    {
        let refusal = Refusal::of(server.post(&format!("{WEBHOOKS}{path}"), "").await).await;
        refusal.says(404, code, "no", path);
    }
    for (path, allow) in [
        ("", "GET"),
        ("/ci/dead-letters", "GET"),
        ("/ci/dead-letters/1", "DELETE"),
        ("/ci/dead-letters/1/retry", "POST"),
    ] {
        let response = server.put(&format!("{WEBHOOKS}{path}"), "").await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &allow.parse().unwrap()),
            "{path}"
        );
    }
    let refusal = Refusal::of(server.get(&format!("{WEBHOOKS}/ci/dead-letters?after=x")).await).await;
    refusal.says(400, "PAGINATION_NUMBER_INVALID", "not the id of a dead letter", "after");
    server.stopped().await;
}

#[tokio::test]
async fn a_registry_without_webhooks_says_so() {
    let server = Server::start().await;
    assert_eq!(server.json(WEBHOOKS).await, json!({ "webhooks": [] }));
    server.stopped().await;
}
