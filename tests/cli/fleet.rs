//! `fleet`, `impact`, `wasmplugin track` and the question that `push` asks: who pulls, and what a moved tag does.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::Home;

fn agents(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let fixed = ["fleet"];
    home.json(&[&fixed, arguments].concat())["agents"].as_array().unwrap().clone()
}

/// A resource that names `image`.
fn resource(image: &str, policy: &str) -> String {
    format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: a}}\n\
         spec: {{url: 'oci://{image}', imagePullPolicy: {policy}}}\n"
    )
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
        let seen = agents(&home, &[&image]);
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
    let text = home.ok(&["fleet", &image]);
    assert!(text.contains("AGENT") && text.contains("plugins/a:1") && text.contains("current"), "{text}");
    let tags = home.json(&["fleet", &served.host]);
    assert_eq!(tags["tags"][0]["otherClients"], 1, "{tags}");
    assert!(home.ok(&["fleet", &served.host]).starts_with("TAG "));
    assert_eq!(agents(&home, &[&served.host, "--state", "stale"]), Vec::<Value>::new());
}

#[test]
fn it_says_what_it_cannot_show() {
    let home = Home::new();
    for (arguments, code, says) in [
        (&["fleet", "--state", "old"] as &[&str], 2, "expected one of current"),
        (&["fleet", "./out"], 2, "is in no registry"),
        (&["fleet", "127.0.0.1:1"], 5, "127.0.0.1:1"),
        (&["impact", "plugins/a"], 2, "names no tag"),
        (&["impact", "127.0.0.1:1/plugins/a:1"], 5, "127.0.0.1:1"),
        (&["wasmplugin", "untrack", "a"], 2, "is not namespace/name"),
        (&["wasmplugin", "untrack", "n/a"], 3, "was not told of `n/a`"),
        (&["wasmplugin", "track", "-n", "N", "a.yaml"], 2, "expected a namespace"),
    ] {
        let run = home.run(arguments);
        assert!(run.code == code && run.stderr.contains(says), "{arguments:?}: {run:?}");
    }
    assert_eq!(home.json(&["fleet"])["tags"], Value::Array(Vec::new()), "the local store, without a server");
}

#[test]
fn a_push_that_gateways_feel_needs_consent() {
    let home = Home::new();
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    let image = format!("{}/plugins/a:1", served.host);
    let push = |directory: &str, more: &[&str]| home.run(&[&["push", directory, &image], more].concat());
    let named = || home.json(&["impact", &image])["current"].clone();
    for (directory, description) in [("one", "first"), ("two", "second")] {
        home.write_plugin(&format!("{directory}/plugin.wasm"));
        let spec = format!(
            "apiVersion: 1.0.0\ninfo: {{name: a, version: '1', description: {description}}}\nspec: {{}}\n"
        );
        home.write(&format!("{directory}/spec.yaml"), spec);
    }
    assert_eq!(push("one", &[]).code, 0, "a tag that is new moves from nowhere");
    let first = named();
    home.write("a.yaml", resource(&image, "IfNotPresent"));
    let told = home.json(&["wasmplugin", "track", "--registry", &served.host, "-n", "gw", "a.yaml"]);
    assert_eq!(told["wasmplugins"][0]["namespace"], "gw");
    let text = home.ok(&["impact", &image]);
    assert!(text.contains("gw/a") && text.contains("IfNotPresent") && text.contains("stays"), "{text}");
    assert_eq!(push("one", &[]).code, 0, "nothing moves");
    let asked = push("two", &[]);
    assert!(asked.code == 7 && asked.stderr.contains("gw/a") && asked.stderr.contains("--yes"), "{asked:?}");
    assert_eq!(named(), first, "nothing was pushed");
    assert_eq!(push("two", &["--if-unchanged", first.as_str().unwrap()]).code, 0);
    let second = named();
    assert_ne!(second, first);
    assert_eq!(push("one", &["--yes"]).code, 0);
    assert_eq!(named(), first);
    home.ok(&["wasmplugin", "untrack", "--registry", &served.host, "gw/a"]);
    let left = home.json(&["wasmplugin", "tracked", "--registry", &served.host]);
    assert_eq!(left["wasmplugins"], Value::Array(Vec::new()));
    assert_eq!(push("two", &[]).code, 0, "nobody feels it");
}

#[test]
fn a_served_directory_of_resources_is_known() {
    let home = Home::new();
    home.write("plugins/a.yaml", resource("registry.example/plugins/a:1", "Always"));
    let served = home.serve_with("127.0.0.1:0", &home.path("data"), &["--wasmplugins", "plugins"]);
    let known = || home.json(&["wasmplugin", "tracked", "--registry", &served.host])["wasmplugins"].clone();
    let deadline = Instant::now() + Duration::from_secs(10);
    let until = |condition: &dyn Fn(&Value) -> bool| {
        while !condition(&known()) {
            assert!(Instant::now() < deadline, "{}", known());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until(&|known| known[0]["policy"] == "Always" && known[0]["source"] == "directory");
    home.write("plugins/a.yaml", resource("registry.example/plugins/a:1", "IfNotPresent"));
    until(&|known| known[0]["policy"] == "IfNotPresent");
    std::fs::remove_file(home.path("plugins/a.yaml")).unwrap();
    until(&|known| known.as_array().is_some_and(Vec::is_empty));
}
