//! `fleet`: who pulls, as the registry tells it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::Home;

fn rows(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let fixed = ["fleet"];
    home.json(&[&fixed, arguments].concat())["agents"].as_array().unwrap().clone()
}

#[test]
fn it_shows_who_has_what_and_who_stays_behind() {
    let home = Home::new();
    home.write_plugin("plugin.wasm");
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    let image = format!("{}/plugins/a:1", served.host);
    home.ok(&["push", "plugin.wasm", &image]);
    home.ok(&["pull", &image, "-o", "back.wasm"]);
    let deadline = Instant::now() + Duration::from_secs(10);
    let seen = loop {
        let seen = rows(&home, &[&image]);
        if seen.iter().any(|row| row["state"] == "current") || Instant::now() > deadline {
            break seen;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (seen[0]["kind"].as_str(), seen[0]["state"].as_str()),
        (Some("hwasm-registry"), Some("current"))
    );
    let text = home.ok(&["fleet", &served.host]);
    assert!(text.contains("AGENT") && text.contains("plugins/a:1") && text.contains("current"), "{text}");
    assert_eq!(rows(&home, &[&served.host, "--state", "stale"]), Vec::<Value>::new());
}

#[test]
fn it_says_what_it_cannot_show() {
    let home = Home::new();
    for (arguments, code, says) in [
        (&["fleet", "--state", "old"] as &[&str], 2, "expected one of current"),
        (&["fleet", "./out"], 2, "is in no registry"),
        (&["fleet", "127.0.0.1:1"], 5, "127.0.0.1:1"),
    ] {
        let run = home.run(arguments);
        assert!(run.code == code && run.stderr.contains(says), "{arguments:?}: {run:?}");
    }
    assert_eq!(rows(&home, &[]), Vec::<Value>::new(), "the local store, without a server");
}
