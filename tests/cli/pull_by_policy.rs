//! `pull --policy`: what an agent would run, and why.

use std::fs;

use serde_json::Value;

use crate::home::{Home, Served};

/// A home with a module in a registry that is served.
struct Play {
    home: Home,
    served: Served,
    url: String,
}

impl Play {
    fn begin() -> Self {
        let home = Home::new();
        let served = home.serve("127.0.0.1:0", &home.path("data"));
        let play = Self { url: format!("oci://{}/plugins/a:1", served.host), home, served };
        play.push("one");
        play
    }

    /// Moves the tag to a module with a text of its own; the module.
    fn push(&self, text: &str) -> Vec<u8> {
        let wat = format!(
            r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
               (func (export "malloc") (param i32) (result i32) i32.const 1024) (@custom "text" "{text}"))"#
        );
        let module = wat::parse_str(wat).unwrap();
        self.home.write("plugin.wasm", &module);
        self.home.ok(&["push", "plugin.wasm", self.url.strip_prefix("oci://").unwrap()]);
        module
    }

    fn pull(&self, arguments: &[&str]) -> Value {
        let fixed = ["pull", &self.url, "--cache", "modules"];
        self.home.json(&[&fixed, arguments].concat())
    }
}

#[test]
fn if_not_present_asks_once_and_always_asks_for_each_new_version() {
    let play = Play::begin();
    let first = play.pull(&["--policy", "IfNotPresent"]);
    assert_eq!((first["action"].as_str(), first["policy"].as_str()), (Some("fetched"), Some("IfNotPresent")));
    assert_eq!(first["reason"], "nothing is known of this URL");
    let two = play.push("two");
    let again = play.pull(&["--policy", "IfNotPresent"]);
    assert_eq!((again["action"].as_str(), &again["file"]), (Some("hit"), &first["file"]));
    let moved = play.pull(&["--policy", "Always", "--resource-version", "7"]);
    assert_eq!(
        (moved["action"].as_str(), moved["reason"].as_str().unwrap().contains("new")),
        (Some("fetched"), true)
    );
    assert_eq!(fs::read(moved["file"].as_str().unwrap()).unwrap(), two);
    play.push("three");
    let same = play.pull(&["--policy", "Always", "--resource-version", "7"]);
    assert_eq!((same["action"].as_str(), &same["file"]), (Some("hit"), &moved["file"]));
    let each = play.pull(&["--policy", "Always"]);
    assert_eq!(each["action"], "fetched");
    assert_eq!(play.pull(&["--policy", "Always"])["action"], "resolved");
}

#[test]
fn a_digest_wins_and_a_wrong_one_is_said() {
    let play = Play::begin();
    let pulled = play.pull(&["--policy", "Always"]);
    let hex = pulled["manifest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    play.push("two");
    let pinned = play.pull(&["--policy", "Always", "--sha256", &hex]);
    assert_eq!((pinned["action"].as_str(), pinned["policy"].as_str()), (Some("hit"), Some("Pinned")));
    let wrong = "0".repeat(64);
    let run =
        play.home.run(&["pull", &play.url, "--cache", "modules", "--policy", "Always", "--sha256", &wrong]);
    assert!(run.code == 1 && run.stderr.contains("was asked for, but"), "{run:?}");
}

#[test]
fn it_says_the_file_and_why_to_people_too() {
    let play = Play::begin();
    let text = play.home.ok(&["pull", &play.url, "--cache", "modules", "--policy", "IfNotPresent"]);
    assert!(
        text.contains("modules/modules/") && text.contains("fetched: nothing is known of this URL"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_pulled_has_a_reason_and_a_code() {
    let play = Play::begin();
    let absent = format!("oci://{}/plugins/absent:1", play.served.host);
    for (arguments, code, says) in [
        (vec!["pull", &absent, "--policy", "Always"], 3, "404"),
        (vec!["pull", "oci://127.0.0.1:1/a:1", "--policy", "Always"], 5, "cannot resolve the image"),
        (vec!["pull", "plugins/a:1", "--policy", "Always"], 2, "write `oci://plugins/a:1`"),
        (vec!["pull", &play.url, "--policy", "Sometimes"], 2, "Sometimes"),
        (vec!["pull", &play.url, "--policy", "Always", "-o", "x.wasm"], 2, "cannot be used with"),
        (vec!["pull", &play.url, "--sha256", "00"], 2, "--policy"),
        (
            vec!["pull", &play.url, "--policy", "Always", "--pull-secret", "none.json"],
            1,
            "cannot read `none.json`",
        ),
    ] {
        let run = play.home.run(&arguments);
        assert!(run.code == code && run.stderr.contains(says), "{arguments:?}: {run:?}");
    }
}
