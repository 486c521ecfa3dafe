//! What may take a certain time and no longer. These tests have the machine for themselves, as far as other tests go.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

#[path = "../api/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the API use the rest")]
mod harness;

use harness::{Refusal, Server, wasmplugin};

const CONVERT: &str = "/api/v1/wasmplugins/convert";
const MATCH: &str = "/api/v1/wasmplugins/match";
const CHAIN: &str = "/api/v1/wasmplugins/chain";
const LINT: &str = "/api/v1/wasmplugins/lint";

/// Between one try and the next.
const PAUSE: Duration = Duration::from_secs(3);
/// One test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A text of `count` values; keys count as values.
fn values(count: usize) -> String {
    // The document; keys and values of `apiVersion`, `kind`, `metadata`, `name`, `spec`, `defaultConfig` and `a`.
    const AROUND: usize = 15;
    let list = vec!["1"; count - AROUND].join(",");
    wasmplugin(&format!("{{defaultConfig: {{a: [{list}]}}}}"))
}

#[tokio::test]
async fn a_text_has_a_hundred_thousand_values() {
    let _alone = ALONE.lock().await;
    let server = Server::start().await;
    for verb in [CONVERT, MATCH, CHAIN, LINT] {
        let response = post_patiently(&server, verb, &values(100_000)).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        let refusal = Refusal::of(post_patiently(&server, verb, &values(100_001)).await).await;
        refusal.says(400, "REQUEST_INVALID", "more values than are read", verb);
    }
}

/// Asks again, after a pause, where the answer took too long: this build is many times slower than a released one, and a machine
/// may be slow for a while. What costs more than it should takes too long every time.
async fn post_patiently(server: &Server, path: &str, body: &str) -> reqwest::Response {
    let mut response = server.post(path, body.to_owned()).await;
    for _ in 0..4 {
        if response.status() != 503 {
            break;
        }
        sleep(PAUSE).await;
        response = server.post(path, body.to_owned()).await;
    }
    response
}

/// Texts near the limits that cost most: many resources, rules, keys, names that are told again, long text to escape.
fn costly() -> Vec<(&'static str, String)> {
    let lines = |head: &str, count: usize, line: &dyn Fn(usize) -> String| {
        (0..count).fold(wasmplugin(&format!("\n{}", head.trim_end_matches('\n'))), |mut text, nth| {
            writeln!(text, "{}", line(nth)).expect("a String takes every text");
            text
        })
    };
    let documents: Vec<String> =
        (0..8_500).map(|nth| wasmplugin("{}").replace("name: p", &format!("name: p{nth}"))).collect();
    let rule = |nth| format!("  - {{domain: [a{nth}], config: {{a: {nth}}}}}");
    vec![
        ("resources", documents.join("---\n")),
        ("rules", lines("  matchRules:\n", 9_000, &rule)),
        ("keys", lines("  defaultConfig:\n", 48_000, &|nth| format!("    k{nth}: {nth}"))),
        (
            "routes",
            lines("  matchRules:\n  - routeType: GRPC\n    ingress:\n", 75_000, &|nth| {
                format!("    - a{nth}")
            }),
        ),
        ("unknown fields", lines("", 45_000, &|nth| format!("  u{nth}: 1"))),
        (
            "labels",
            lines("  selector:\n    matchLabels:\n", 45_000, &|nth| format!("      k{nth}: a"))
                .replace("higress", "istio"),
        ),
        ("domains", lines("  matchRules:\n  - domain:\n", 75_000, &|nth| format!("    - a{nth}"))),
        ("escapes", wasmplugin(&format!("{{defaultConfig: {{a: \"{}\"}}}}", "\\x01".repeat(260_000)))),
    ]
}

#[tokio::test]
async fn the_costliest_texts_are_answered_within_the_limit() {
    let _alone = ALONE.lock().await;
    let server = Server::start().await;
    for verb in [CHAIN, LINT, &format!("{MATCH}?authority=a.io&route=r&cluster=c")] {
        for (case, text) in costly() {
            let bytes = text.len();
            let response = post_patiently(&server, verb, &text).await;
            assert_eq!(response.status(), 200, "{verb}: {case}: {}", response.text().await.unwrap());
            let answer = response.bytes().await.unwrap().len();
            assert!(answer < 16 << 20, "{verb}: {case}: {bytes} bytes give {answer}");
        }
    }
}
