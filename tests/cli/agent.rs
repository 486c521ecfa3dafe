//! `agent` without a gateway: what it refuses, what it prints, and how it is doing with a registry.

use std::time::{Duration, Instant};

use crate::home::Home;

const CHAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chain");

#[test]
fn it_wants_a_directory_that_is_there() {
    let home = Home::new();
    assert_eq!(home.run(&["agent"]).code, 2);
    let run = home.run(&["agent", "--wasmplugins", "nowhere"]);
    assert!(run.code == 2 && run.stderr.contains("`nowhere` is no directory"), "{run:?}");
}

#[test]
fn a_registry_that_is_an_agent_too_wants_a_directory_and_one_that_is_not_takes_no_agents_flags() {
    let home = Home::new();
    for (arguments, says) in [
        (&["serve", "--agent"] as &[&str], "say which with `--wasmplugins`"),
        (&["serve", "--agent", "--wasmplugins", "nowhere"], "nowhere"),
        (&["serve", "--watch"], "--agent"),
        (&["serve", "--line", "seed"], "--agent"),
        (&["serve", "--namespace", "x"], "--agent"),
    ] {
        let run = home.run(arguments);
        assert!(run.code == 2 && run.stderr.contains(says), "{arguments:?}: {run:?}");
    }
}

#[test]
fn status_says_when_no_agent_answers() {
    let run = Home::new().run(&["agent", "status", "--at", "127.0.0.1:1"]);
    assert!(run.code == 5 && run.stderr.contains("no agent answers at 127.0.0.1:1"), "{run:?}");
}

#[test]
fn bootstrap_prints_a_configuration_with_the_chain_of_the_files() {
    let home = Home::new();
    let config = home.json(&["agent", "bootstrap", "--wasmplugins", CHAIN, "--upstream", "127.0.0.1:8080"]);
    let filters = config
        .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters")
        .and_then(|filters| filters.as_array())
        .unwrap();
    let plugins = filters.iter().filter(|filter| filter.get("config_discovery").is_some()).count();
    assert_eq!((plugins, filters.last().unwrap()["name"].as_str()), (4, Some("envoy.filters.http.router")));
    assert_eq!(config["static_resources"]["clusters"].as_array().map(Vec::len), Some(2));
    assert!(home.ok(&["agent", "bootstrap", "--wasmplugins", CHAIN]).starts_with("admin:\n"));
}

#[test]
fn a_plugin_of_a_served_image_becomes_current() {
    let home = Home::new();
    let plugin = home.path("limiter");
    std::fs::create_dir(&plugin).unwrap();
    home.write_plugin("limiter/plugin.wat");
    let served = home.serve("127.0.0.1:0", &home.path("data"));
    let image = format!("{}/plugins/limiter:1.0.0", served.host);
    home.ok(&["push", plugin.to_str().unwrap(), &image]);
    std::fs::create_dir(home.path("wasmplugins")).unwrap();
    home.write(
        "wasmplugins/limiter.yaml",
        format!(
            "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: limiter}}\n\
             spec: {{url: 'oci://{image}'}}\n"
        ),
    );
    let directory = home.path("wasmplugins").display().to_string();
    let [listen, status] = [(); 2].map(|()| free_address());
    let arguments = [
        "agent",
        "--wasmplugins",
        &directory,
        "--listen",
        &listen,
        "--status-listen",
        &status,
        "--cache",
        "modules",
    ];
    let mut agent = home.command(&arguments).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let state = loop {
        let run = home.run(&["agent", "status", "--at", &status, "--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
        let state = report["plugins"][0]["state"].as_str().unwrap_or_default().to_owned();
        if state == "current" || Instant::now() > deadline {
            break state;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    agent.kill().unwrap();
    agent.wait().unwrap();
    assert_eq!(state, "current");
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
