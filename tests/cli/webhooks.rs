//! `webhooks`: whom a registry tells of events, as the registry tells it; and what `serve` says to a wrong one.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::Home;

/// A webhook whose receiver is away, and tried once a minute.
const CONFIG: &str = r#"
[[webhooks]]
name = "ci"
url = "http://127.0.0.1:1/hook"
secret_file = "secret"
first_pause = "1m"
"#;

/// The webhook, once it has failed.
fn failed(home: &Home, host: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let seen = home.json(&["webhooks", host])["webhooks"][0].clone();
        if seen["attempts"].as_u64() > Some(0) || Instant::now() > deadline {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn it_shows_how_far_webhooks_have_come_which_survives_a_kill() {
    let home = Home::new();
    home.write("hwasm-registry.toml", CONFIG);
    home.write("secret", "a secret of thirty-two letters.\n");
    home.write_plugin("plugin.wasm");
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    home.ok(&["push", "plugin.wasm", &format!("{}/plugins/a:1", served.host)]);
    let before = failed(&home, &served.host);
    assert_eq!((before["attempts"].as_u64(), before["pending"].as_u64()), (Some(1), Some(2)));
    // Dropped is killed.
    drop(served);
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    assert_eq!(failed(&home, &served.host), before);
    let text = home.ok(&["webhooks", &served.host]);
    assert!(
        text.contains("NAME") && text.contains("ci") && text.contains("http://127.0.0.1:1/hook"),
        "{text}"
    );
    let letters = home.json(&["webhooks", &served.host, "--dead-letters", "ci"]);
    assert_eq!(letters, serde_json::json!({ "deadLetters": [] }));
    let unknown = home.run(&["webhooks", &served.host, "--dead-letters", "cd"]);
    assert!(unknown.code == 3 && unknown.stderr.contains("no webhook `cd`"), "{unknown:?}");
}

#[test]
fn a_dead_letter_is_shown_with_what_it_was_about() {
    let home = Home::new();
    home.write("hwasm-registry.toml", format!("{CONFIG}max_attempts = 1"));
    home.write("secret", "a secret of thirty-two letters.\n");
    home.write_plugin("plugin.wasm");
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    home.ok(&["push", "plugin.wasm", &format!("{}/plugins/a:1", served.host)]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while home.json(&["webhooks", &served.host])["webhooks"][0]["pending"] != 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = home.ok(&["webhooks", &served.host, "--dead-letters", "ci"]);
    assert!(text.contains("2 tag-moved") && text.contains("plugins/a:1"), "{text}");
}

#[test]
fn a_wrong_webhook_is_named_before_anything_is_served() {
    let home = Home::new();
    home.write("hwasm-registry.toml", CONFIG);
    let ran = home.run(&["serve", "--data-dir", "data"]);
    assert!(
        ran.code == 2 && ran.stderr.contains("webhook `ci`: cannot read `secret_file` `secret`"),
        "{ran:?}"
    );
    home.write("hwasm-registry.toml", CONFIG.replace("http:", "ftp:"));
    let ran = home.run(&["serve", "--data-dir", "data"]);
    assert!(ran.code == 2 && ran.stderr.contains("webhook `ci`: `url` has the scheme `ftp`"), "{ran:?}");
}

#[test]
fn without_a_registry_nobody_is_told() {
    let home = Home::new();
    let ran = home.run(&["webhooks"]);
    assert!(ran.code == 5 && ran.stderr.contains("nobody is told"), "{ran:?}");
}
