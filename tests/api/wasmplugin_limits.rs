//! `/api/v1/wasmplugins/<verb>`: what no text may cost, and what is said of texts that cannot be read.

use std::time::Duration;

use crate::harness::{Footprint, Refusal, Server, Wire, alias_bomb, header_text, wasmplugin};
use crate::wasmplugins::{CONVERT, VERBS};
use serde_json::{Value, json};

#[tokio::test]
async fn hostile_texts_are_refused_with_their_place() {
    let server = Server::start().await;
    let before = Footprint::of(server.data_dir()).await;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("not UTF-8", b"kind: WasmPlugin\na: \xff".to_vec(), "line 2, column 4: this is not UTF-8"),
        ("no YAML", b"a: [1, 2\nb: }".to_vec(), "line 2"),
        ("no JSON", b"{\"a\": 1,,}".to_vec(), "line 1"),
        ("twice", b"kind: a\nkind: b\n".to_vec(), "line 2, column 1"),
        ("bomb", alias_bomb().into_bytes(), "use fewer aliases"),
        (
            "flow levels",
            ["[".repeat(10_000), "]".repeat(10_000)].concat().into_bytes(),
            "recursion limit exceeded",
        ),
        ("JSON levels", "{\"a\":".repeat(10_000).into_bytes(), "64 levels deep"),
        ("block levels", "- ".repeat(10_000).into_bytes(), "64 levels deep"),
        ("documents", "---\na: 1\n".repeat(10_001).into_bytes(), "more than 10000 documents"),
        ("empty", Vec::new(), "holds no resource"),
        ("nothing", b"# only a comment\n---\n---\nnull\n".to_vec(), "holds no resource"),
        ("NUL", vec![0; 100], "line 1"),
    ];
    for verb in VERBS {
        for (case, body, part) in &cases {
            let refusal = Refusal::of(server.post(verb, body.clone()).await).await;
            refusal.says(400, "REQUEST_INVALID", part, case);
        }
    }
    assert_eq!(Footprint::of(server.data_dir()).await, before, "nothing is kept");
}

#[tokio::test]
async fn a_place_is_told_to_programs_too() {
    let server = Server::start().await;
    let body: Value = server.post(CONVERT, "kind: a\nkind: b\n").await.json().await.unwrap();
    assert_eq!(body["errors"][0]["detail"], json!({ "line": 2, "column": 1 }));
}

#[tokio::test]
async fn every_fault_is_named_with_its_place() {
    let server = Server::start().await;
    let body = wasmplugin("{priority: high, url: 7}") + "---\nkind: WasmPlugin\n";
    let response: Value = server.post(CONVERT, body).await.json().await.unwrap();
    let error = &response["errors"][0];
    assert_eq!(error["code"], "REQUEST_INVALID");
    assert!(error["message"].as_str().unwrap().ends_with("(and 2 more)"), "{error}");
    assert_eq!(error["detail"]["count"], 3);
    let paths: Vec<_> =
        error["detail"]["faults"].as_array().unwrap().iter().map(|fault| &fault["path"]).collect();
    assert_eq!(paths, ["apiVersion", "spec.url", "spec.priority"]);
    for fault in error["detail"]["faults"].as_array().unwrap() {
        assert!(fault["line"].as_u64().unwrap() >= 4 && fault["problem"].is_string(), "{fault}");
    }
    let many = "---\na: 1\n".repeat(500);
    let response: Value = server.post(CONVERT, many).await.json().await.unwrap();
    let detail = &response["errors"][0]["detail"];
    assert_eq!((detail["count"].as_u64(), detail["faults"].as_array().unwrap().len()), (Some(500), 100));
}

#[tokio::test]
async fn a_body_has_one_mebibyte_to_the_byte() {
    const LIMIT: usize = 1 << 20;
    let server = Server::start().await;
    let padded = |size: usize| {
        let text = wasmplugin("{}");
        let padding = "x".repeat(size - text.len() - 1);
        format!("{text}#{padding}")
    };
    for verb in VERBS {
        let (fits, too_large) = (padded(LIMIT), padded(LIMIT + 1));
        assert_eq!((fits.len(), server.post(verb, fits).await.status().as_u16()), (LIMIT, 200));
        let refusal = Refusal::of(server.post(verb, too_large).await).await;
        refusal.says(413, "SIZE_INVALID", "larger than 1048576 bytes", verb);
    }
    // Without a length to know beforehand, and without an end.
    let mut wire = Wire::connect(server.address).await;
    wire.send(format!("POST {CONVERT} HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    for _ in 0..17 {
        wire.send(format!("10000\r\n{}\r\n", " ".repeat(1 << 16))).await;
    }
    assert_eq!(wire.answer().await.status, 413);
}

#[tokio::test]
async fn more_requests_at_a_time_than_there_are_places_are_sent_away() {
    const PLACES: usize = 16;
    let server = Server::start().await;
    let body = wasmplugin("{}");
    let head = format!("POST {CONVERT} HTTP/1.1\r\nHost: r\r\nContent-Length: {}\r\n\r\n", body.len());
    let (first, last) = body.split_at(body.len() - 1);
    let mut waiting = Vec::new();
    for _ in 0..PLACES {
        let mut wire = Wire::connect(server.address).await;
        wire.send([&head, first].concat()).await;
        waiting.push(wire);
    }
    let busy = server.post(CONVERT, body.clone());
    let busy = eventually_status(&server, &body, 503, busy.await).await;
    assert_eq!(header_text(&busy, "retry-after"), "5");
    Refusal::of(busy).await.says(503, "TOOMANYREQUESTS", "try again later", "no place");
    assert_eq!(server.get("/healthz").await.status(), 200, "the rest goes on");
    for mut wire in waiting {
        wire.send(last).await;
        assert_eq!(wire.answer().await.status, 200);
    }
    let answered = server.post(CONVERT, body.clone()).await;
    assert_eq!(eventually_status(&server, &body, 200, answered).await.status(), 200);
}

/// Asks again until the status is as expected: the server sees what other connections sent when it gets to them.
async fn eventually_status(
    server: &Server,
    body: &str,
    status: u16,
    mut response: reqwest::Response,
) -> reqwest::Response {
    for _ in 0..100 {
        if response.status() == status {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        response = server.post(CONVERT, body.to_owned()).await;
    }
    response
}
