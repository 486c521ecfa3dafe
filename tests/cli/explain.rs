//! `explain`: when an agent pulls, told without one.

use crate::home::Home;

const TAG: &str = "oci://reg.io/plugins/key-auth:1.0.0";
const LATEST: &str = "oci://reg.io/plugins/key-auth:latest";

#[test]
fn a_table_tells_what_is_asked_what_runs_and_what_surprises() {
    insta::assert_snapshot!(Home::new().ok(&["explain", "--agent", "istio-1.30", LATEST]));
}

#[test]
fn the_default_is_higress_as_it_is_today() {
    let report = Home::new().json(&["explain", TAG]);
    assert_eq!(report["agent"], "higress-1.27");
    assert_eq!(report["effectivePolicy"], "IfNotPresent");
    assert_eq!(report["policy"], "UNSPECIFIED_POLICY");
}

/// One situation out of the JSON report.
fn situation(home: &Home, arguments: &[&str], name: &str) -> serde_json::Value {
    let report = home.json(&[&["explain"], arguments].concat());
    let rows = report["situations"].as_array().unwrap();
    rows.iter().find(|row| row["situation"] == name).unwrap().clone()
}

#[test]
fn each_agent_tells_its_own_story() {
    let home = Home::new();
    let untagged = "oci://reg.io/plugins/key-auth";
    for (agent, requests, runs) in [
        ("istio-1.27", "", "old"),
        ("istio-1.30", "", "old"),
        ("higress-1.19", "", "old"),
        ("higress-1.27", "", "old"),
        ("envoy-gateway", "PMB", "new"),
        ("ours", "PMB", "new"),
    ] {
        let row = situation(&home, &["--agent", agent, untagged], "moved-new-version");
        assert_eq!((&row["requests"], &row["runs"]), (&requests.into(), &runs.into()), "{agent}");
    }
}

#[test]
fn a_surprise_names_its_trap() {
    let home = Home::new();
    let row = situation(&home, &["--policy", "Always", TAG], "registry-is-back");
    assert_eq!(row["surprise"]["trap"], "forgotten-failure");
    assert!(row["surprise"]["message"].as_str().unwrap().contains("until the version changes again"));
    let row = situation(&home, &["--policy", "Always", "--agent", "ours", TAG], "registry-is-back");
    assert_eq!((&row["runs"], &row["surprise"]), (&"new".into(), &serde_json::Value::Null));
}

#[test]
fn a_sha256_wins_and_its_tag_is_asked_for_all_the_same() {
    let home = Home::new();
    let sha256 = "0123456789abcdef".repeat(4);
    let arguments = ["--policy", "Always", "--sha256", &sha256, TAG];
    assert_eq!(home.json(&[&["explain"], &arguments[..]].concat())["effectivePolicy"], "Pinned");
    assert_eq!(situation(&home, &arguments, "new-version")["requests"], "");
    let row = situation(&home, &arguments, "restart");
    assert_eq!(
        (&row["outcome"], &row["surprise"]["trap"]),
        (&"mismatch".into(), &"sha256-of-a-moved-tag".into())
    );
}

#[test]
fn a_file_of_the_container_is_no_pull() {
    let home = Home::new();
    assert!(
        home.ok(&["explain", "file:///opt/p.wasm"])
            .contains("Local: the URL names a file in the proxy's container")
    );
    assert_eq!(home.json(&["explain", "file:///opt/p.wasm"])["situations"], serde_json::json!([]));
}

#[test]
fn what_no_gateway_can_use_is_refused_with_the_reason() {
    let home = Home::new();
    for (arguments, said) in [
        (vec!["reg.io:5000/x:1"], "write `oci://reg.io:5000/x:1`"),
        (vec!["ftp://h/x"], "the scheme `ftp`, expected `oci`"),
        (vec![""], "there is no URL"),
        (vec!["--sha256", "sha256:00", TAG], "sha256 `sha256:00` is not 64 lower-case hex digits"),
        (vec!["--policy", "always", TAG], "`always` is none of UNSPECIFIED_POLICY, IfNotPresent, Always"),
        (vec!["--agent", "istio", TAG], "`istio` is no agent, expected `istio-1.27`"),
        (vec![], "<URL>"),
    ] {
        let run = home.run(&[vec!["explain"], arguments.clone()].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(run.stderr.contains(said), "{arguments:?}: {}", run.stderr);
    }
}
