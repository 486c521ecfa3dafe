//! Each trap as the agents have it, and gone in ours.

use super::*;
use crate::policy::Endpoint;
use PullPolicy::{Always, IfNotPresent};

/// Plays it with every flavour; each gives what is expected of it.
fn each(play: impl Fn(Flavour) -> Vec<String>, istio: &[&str], envoy_gateway: &[&str], ours: &[&str]) {
    for flavour in ISTIOS {
        assert_eq!(play(flavour), istio, "{flavour}");
    }
    assert_eq!(play(Flavour::EnvoyGateway), envoy_gateway, "envoy-gateway");
    assert_eq!(play(Flavour::Ours), ours, "ours");
}

#[test]
fn a_failed_pull_is_forgotten_until_the_version_changes_again() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG], "old");
        let first = simulation.cell(&pull(TAG, Always, "1"));
        simulation.move_to(TAG, "new");
        simulation.run(Event::Fail(Some(Endpoint::Manifest)));
        let failed = simulation.cell(&pull(TAG, Always, "2"));
        simulation.run(Event::Fail(None));
        let again = simulation.cell(&pull(TAG, Always, "2"));
        vec![first, failed, again]
    };
    each(
        play,
        &["PMB old", "PMMM failed", "- old"],
        &["PMB old", "PMMM failed", "PMB new"],
        &["PMB old", "PMMMMM failed", "PMB new"],
    );
}

#[test]
fn a_first_pull_that_fails_is_tried_again_by_all() {
    for flavour in Flavour::ALL {
        for (endpoint, asked) in [(Endpoint::Ping, "P"), (Endpoint::Manifest, "M"), (Endpoint::Blob, "B")] {
            let mut simulation = Simulation::serving(flavour, &[TAG], "old");
            simulation.run(Event::Fail(Some(endpoint)));
            let failed = simulation.deliver(&pull(TAG, Always, "1"));
            let tries = flavour.attempts().oci;
            assert_eq!(failed.outcome, Outcome::Failed(endpoint));
            assert!(failed.requests.ends_with(&asked.repeat(tries)), "{flavour}: {}", failed.requests);
            simulation.run(Event::Fail(None));
            assert_eq!(simulation.cell(&pull(TAG, Always, "1")), "PMB old", "{flavour}");
        }
    }
}

#[test]
fn what_runs_after_a_failed_pull_depends_on_the_agent() {
    let new = Running::Module(image("old").content);
    for (flavour, first, later) in [
        (Flavour::Istio127, Running::StandIn, Running::StandIn),
        (Flavour::Istio130, Running::StandIn, Running::StandIn),
        (Flavour::Higress119, Running::Nothing, new.clone()),
        (Flavour::Higress127, Running::Nothing, new.clone()),
        (Flavour::EnvoyGateway, Running::StandIn, Running::StandIn),
        (Flavour::Ours, Running::StandIn, new.clone()),
    ] {
        let mut simulation = Simulation::new(flavour);
        assert_eq!(simulation.deliver(&pull(TAG, Always, "1")).outcome, Outcome::NotFound);
        assert_eq!(simulation.deliver(&pull(TAG, Always, "1")).running, first, "{flavour}");
        simulation.move_to(TAG, "old");
        assert_eq!(simulation.deliver(&pull(TAG, Always, "1")).running, new, "{flavour}");
        simulation.run(Event::Fail(Some(Endpoint::Ping)));
        assert_eq!(simulation.deliver(&pull(TAG, Always, "2")).running, later, "{flavour}");
    }
}

#[test]
fn a_tag_that_shared_a_digest_dangles_once_the_module_is_gone() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG, OTHER_TAG], "old");
        let mut cells = vec![simulation.cell(&of_b(pull(TAG, IfNotPresent, "1")))];
        cells.push(simulation.cell(&pull(OTHER_TAG, IfNotPresent, "1")));
        // In ours, a module that a resource runs would stay.
        simulation.run(Event::Release("a".to_owned()));
        simulation.run(Event::Release("b".to_owned()));
        simulation.run(Event::Pass(IDLE));
        simulation.move_to(OTHER_TAG, "new");
        cells.extend(["1", "2"].map(|version| simulation.cell(&pull(OTHER_TAG, IfNotPresent, version))));
        cells.push(simulation.cell(&pull(OTHER_TAG, Always, "3")));
        cells
    };
    each(
        play,
        &["PMB old", "PM old", "PM mismatch", "PM mismatch", "PMB new"],
        &["PMB old", "PMB old", "PMB new", "- new", "PMB new"],
        &["PMB old", "PM old", "PMB new", "- new", "PM new"],
    );
}

#[test]
fn an_entry_that_sha256_left_behind_fails_envoy_gateway() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG, OTHER_TAG], "old");
        let given = |pull| Pull { sha256: Some(image("old").manifest), ..pull };
        simulation.deliver(&pull(TAG, IfNotPresent, "1"));
        let pinned = simulation.cell(&given(pull(OTHER_TAG, IfNotPresent, "1")));
        simulation.run(Event::Release("a".to_owned()));
        simulation.run(Event::Pass(IDLE));
        vec![pinned, simulation.cell(&pull(OTHER_TAG, IfNotPresent, "1"))]
    };
    each(play, &["- old", "PMB old"], &["- old", "- failed"], &["- old", "PMB old"]);
}

#[test]
fn a_resource_under_ifnotpresent_is_moved_by_its_neighbour() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG], "old");
        simulation.deliver(&pull(TAG, IfNotPresent, "1"));
        simulation.move_to(TAG, "new");
        let neighbour = simulation.cell(&of_b(pull(TAG, Always, "1")));
        vec![neighbour, simulation.cell(&pull(TAG, IfNotPresent, "1"))]
    };
    each(play, &["PMB new", "- new"], &["PMB new", "- new"], &["PMB new", "- old"]);
}

#[test]
fn always_without_a_version_never_asks_again() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG], "old");
        simulation.deliver(&pull(TAG, Always, ""));
        simulation.move_to(TAG, "new");
        let never_seen = simulation.cell(&of_b(pull(TAG, Always, "")));
        vec![never_seen, simulation.cell(&pull(TAG, Always, ""))]
    };
    each(play, &["- old", "- old"], &["- old", "- old"], &["PMB new", "PM new"]);
}

#[test]
fn ifnotpresent_is_not_for_ever() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG], "old");
        simulation.deliver(&pull(TAG, IfNotPresent, "1"));
        simulation.move_to(TAG, "new");
        simulation.run(Event::Pass(Duration::from_hours(24)));
        let kept = simulation.cell(&pull(TAG, IfNotPresent, "1"));
        simulation.run(Event::Pass(IDLE));
        vec![kept, simulation.cell(&pull(TAG, IfNotPresent, "1"))]
    };
    each(play, &["- old", "PMB new"], &["- old", "PMB new"], &["- old", "- old"]);
}

#[test]
fn a_module_that_nobody_runs_goes_in_ours_too() {
    let mut simulation = Simulation::serving(Flavour::Ours, &[TAG], "old");
    simulation.deliver(&pull(TAG, IfNotPresent, "1"));
    simulation.run(Event::Pass(IDLE));
    assert_eq!((simulation.known().modules().count(), simulation.known().tags().count()), (1, 1));
    simulation.run(Event::Release("a".to_owned()));
    simulation.run(Event::Pass(Duration::ZERO));
    assert_eq!((simulation.known().modules().count(), simulation.known().tags().count()), (0, 0));
}

#[test]
fn the_digest_of_an_index_cannot_be_pinned() {
    let play = |flavour| {
        let mut simulation = Simulation::new(flavour);
        let indexed = image("old").in_index();
        simulation.run(Event::Serve(url(TAG), indexed.clone()));
        let index = indexed.index.clone().unwrap();
        let by_url = simulation.cell(&pull(&format!("oci://reg.io/p@{index}"), IfNotPresent, "1"));
        let given = Pull { sha256: Some(index), ..pull(TAG, IfNotPresent, "1") };
        let by_sha256 = simulation.cell(&given);
        let by_child =
            simulation.cell(&pull(&format!("oci://reg.io/p@{}", indexed.manifest), IfNotPresent, "1"));
        let by_tag = simulation.cell(&of_b(pull(TAG, IfNotPresent, "1")));
        vec![by_url, by_sha256, by_child, by_tag]
    };
    each(
        play,
        &["PMM mismatch", "PMM mismatch", "PMB old", "PMM old"],
        &["PMM mismatch", "PMM mismatch", "PMB old", "PMMB old"],
        &["PMMB old", "- old", "PMB old", "PMM old"],
    );
}

#[test]
fn the_old_module_takes_its_url_along_even_where_that_has_moved() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG], "old");
        simulation.deliver(&pull(TAG, Always, "1"));
        simulation.move_to(TAG, "new");
        simulation.run(Event::Pass(Duration::from_hours(20)));
        simulation.deliver(&pull(TAG, Always, "2"));
        simulation.run(Event::Pass(Duration::from_hours(20)));
        vec![simulation.cell(&pull(TAG, Always, "2"))]
    };
    each(play, &["PM new"], &["PMB new"], &["- new"]);
}

#[test]
fn a_restart_empties_every_cache_but_ours() {
    let play = |flavour| {
        let mut simulation = Simulation::serving(flavour, &[TAG], "old");
        simulation.deliver(&pull(TAG, IfNotPresent, "1"));
        simulation.move_to(TAG, "new");
        simulation.run(Event::Restart);
        vec![simulation.cell(&pull(TAG, IfNotPresent, "1"))]
    };
    each(play, &["PMB new"], &["PMB new"], &["- old"]);
}
