//! Istio's own test cases (`pkg/wasm/cache_test.go`, `tests/integration/telemetry`), as far as they are about
//! what is asked.

use super::*;
use PullPolicy::{Always, IfNotPresent, Unspecified};

const FILE: &str = "https://h.io/p.wasm";
const OTHER_FILE: &str = "https://h.io/q.wasm";

/// Every flavour but those whose cache is not Istio's to the letter.
fn istio() -> Simulation {
    Simulation::serving(Flavour::Istio127, &[TAG, FILE, OTHER_FILE, "oci://reg.io/p:latest"], "old")
}

fn pinned_to(text: &str, image: &FakeImage) -> Pull {
    let given = if text.starts_with("oci") { &image.manifest } else { &image.content };
    Pull { sha256: Some(given.clone()), ..pull(text, Unspecified, "1") }
}

#[test]
fn a_web_servers_file_is_asked_for_when_always_sees_a_new_version() {
    let mut simulation = istio();
    let calls = [
        (FILE, Unspecified, "1", "G old"),
        (FILE, Unspecified, "2", "- old"),
        (FILE, IfNotPresent, "3", "- old"),
        (FILE, Always, "3", "- old"),
        (FILE, Always, "4", "G old"),
        (OTHER_FILE, Always, "4", "G old"),
    ];
    for (url, policy, version, expected) in calls {
        assert_eq!(simulation.cell(&pull(url, policy, version)), expected, "{url} {policy} {version}");
    }
}

#[test]
fn a_wrong_sha256_is_visited_refused_and_leaves_nothing() {
    for (text, requests) in [(FILE, "G"), (TAG, "PM")] {
        let mut simulation = istio();
        let step = simulation.deliver(&pinned_to(text, &image("another")));
        assert_eq!((cell(&step), step.requests.as_str()), (format!("{requests} mismatch"), requests));
        assert_eq!((simulation.known().modules().count(), simulation.known().tags().count()), (0, 0));
    }
}

#[test]
fn a_sha256_left_from_the_old_url_keeps_the_old_module_and_refuses_the_new() {
    let mut simulation = istio();
    simulation.move_to(OTHER_FILE, "new");
    simulation.deliver(&pinned_to(FILE, &image("old")));
    assert_eq!(simulation.cell(&pinned_to(OTHER_FILE, &image("old"))), "G mismatch");
    assert_eq!(simulation.cell(&pinned_to(FILE, &image("old"))), "- old");
}

#[test]
fn a_sha256_is_a_hit_for_every_tag_of_its_repository_and_only_there() {
    for flavour in Flavour::ALL {
        let elsewhere = "oci://other.io/p:v1";
        let mut simulation = Simulation::serving(flavour, &[TAG, elsewhere], "old");
        assert_eq!(simulation.cell(&pull(TAG, Unspecified, "1")), "PMB old");
        assert_eq!(simulation.cell(&pinned_to(TAG, &image("old"))), "- old");
        assert_eq!(simulation.cell(&pinned_to("oci://reg.io/p:nowhere", &image("old"))), "- old");
        assert_eq!(simulation.cell(&pinned_to(elsewhere, &image("old"))), "PMB old", "{flavour}");
    }
}

#[test]
fn always_and_latest_are_nothing_to_a_sha256() {
    for text in [TAG, "oci://reg.io/p:latest"] {
        for policy in [Unspecified, Always, IfNotPresent] {
            let mut simulation = istio();
            let asked = |version: &str| Pull {
                policy,
                version: version.to_owned(),
                ..pinned_to(text, &image("old"))
            };
            assert_eq!(simulation.cell(&asked("1")), "PMB old");
            assert_eq!(simulation.cell(&asked("2")), "- old", "{text} {policy}");
        }
    }
}

#[test]
fn the_spellings_of_docker_hub_share_their_modules() {
    for flavour in Flavour::ALL {
        let mut simulation = Simulation::serving(flavour, &["oci://docker.io/p:v1"], "old");
        let digest = image("old").manifest;
        assert_eq!(simulation.cell(&pull("oci://docker.io/p:v1", Unspecified, "1")), "PMB old");
        let again = format!("oci://index.docker.io/library/p@{digest}");
        assert_eq!(simulation.cell(&pull(&again, Unspecified, "1")), "- old", "{flavour}");
    }
}

#[test]
fn a_moved_tag_arrives_under_always_only() {
    for flavour in Flavour::ALL {
        for text in [TAG, FILE] {
            for (policy, expected) in [(IfNotPresent, "old"), (Unspecified, "old"), (Always, "new")] {
                let mut simulation = Simulation::serving(flavour, &[text], "old");
                simulation.deliver(&pull(text, policy, "1"));
                simulation.move_to(text, "new");
                let cell = simulation.cell(&pull(text, policy, "2"));
                assert!(cell.ends_with(expected), "{flavour} {text} {policy}: {cell}");
            }
        }
    }
}

#[test]
fn a_file_of_the_container_is_never_pulled() {
    for flavour in Flavour::ALL {
        let step = Simulation::new(flavour).deliver(&pull("file:///opt/p.wasm", Always, "1"));
        assert_eq!((step.requests.as_str(), step.outcome, step.running), ("", Outcome::Local, Running::File));
    }
}

#[test]
fn a_digest_that_is_not_sha256_is_understood_by_ours_alone() {
    let sha512 = format!("oci://reg.io/p@sha512:{}", "0".repeat(128));
    for flavour in Flavour::ALL {
        let step = Simulation::new(flavour).deliver(&pull(&sha512, IfNotPresent, "1"));
        let expected = if flavour == Flavour::Ours { Outcome::NotFound } else { Outcome::Refused };
        assert_eq!(step.outcome, expected, "{flavour}");
    }
}
