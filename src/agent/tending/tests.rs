use std::time::{Duration, SystemTime};

use super::*;
use crate::agent::{Installation, PluginState, PullAction, PullSecrets};
use crate::gateway::{GatewaySettings, Line};
use crate::oci::Digest;
use crate::plugin::{ReadLimits, Resources};
use crate::policy::Reason;

const NAME: &str = "extensions.istio.io/wasmplugin/higress-system.a";

fn desired(spec: &str) -> Desired {
    desired_with(spec, &PullSecrets::default())
}

fn desired_with(spec: &str, secrets: &PullSecrets) -> Desired {
    let text = format!(
        "apiVersion: extensions.higress.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: a}}\nspec: {spec}\n"
    );
    let resources = Resources::read(text.as_bytes(), &ReadLimits::default()).unwrap();
    let installation = Installation::plain(Line::default(), GatewaySettings::default());
    let plugins = resources.plugins.iter().map(|resource| &resource.plugin);
    Desired::of(plugins, secrets, &installation)
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside failures")]
fn module(path: &str) -> Result<Pulled, FailedPull> {
    let (action, reason) = (PullAction::Fetched, Reason::FirstPull);
    Ok(Pulled { path: path.into(), module: None, manifest: None, action, reason })
}

fn failed(reason: &str) -> Result<Pulled, FailedPull> {
    Err(FailedPull { reason: reason.to_owned(), last_good: None, retry_after: None })
}

/// A table and a clock.
struct Play {
    tending: Tending,
    now: Now,
}

impl Play {
    fn new(spec: &str) -> Self {
        Self::of(OnFailedPull::default(), spec)
    }

    fn of(on_failed_pull: OnFailedPull, spec: &str) -> Self {
        let mut play = Self {
            tending: Tending::new(on_failed_pull),
            now: Now { instant: Instant::now(), time: SystemTime::UNIX_EPOCH },
        };
        play.wish(spec);
        play
    }

    fn wish(&mut self, spec: &str) {
        self.tending.wish(desired(spec), self.now);
    }

    fn pass(&mut self, secs: u64) {
        self.now.instant += Duration::from_secs(secs);
        self.now.time += Duration::from_secs(secs);
    }

    fn due(&mut self) -> Option<Pull> {
        self.tending.due(self.now).pop().map(|due| due.pull)
    }

    fn end(&mut self, pull: &Pull, result: Result<Pulled, FailedPull>) {
        self.tending.ended(pull, result, self.now);
    }

    /// The tag has moved.
    fn moved(&mut self) {
        self.tending.moved(Moved { resource: NAME.to_owned(), names: None }, self.now);
    }

    /// The file that is served, or how requests fare without one.
    fn served(&self) -> String {
        match self.tending.served(self.now).next() {
            None => "nothing".to_owned(),
            Some((_, Served::Module(running))) => running.module.path.display().to_string(),
            Some((_, Served::StandIn(strategy))) => strategy.to_string(),
        }
    }

    fn state(&self) -> PluginState {
        self.tending.status(self.now)[0].state
    }
}

const V1: &str = "{url: 'oci://r.io/a:1', imagePullPolicy: Always}";
const V2: &str = "{url: 'oci://r.io/a:2', imagePullPolicy: Always}";

#[test]
fn a_module_is_pulled_once_and_served() {
    let mut play = Play::new(V1);
    let pull = play.due().unwrap();
    assert_eq!((pull.resource.as_str(), play.served().as_str()), (NAME, "nothing"));
    assert_eq!((play.due(), play.state()), (None, PluginState::Pulling));
    play.end(&pull, module("/one"));
    assert_eq!((play.served().as_str(), play.state()), ("/one", PluginState::Current));
    play.pass(3600);
    play.wish(V1);
    assert_eq!(play.due(), None);
}

#[test]
fn a_changed_file_is_pulled_for_and_the_old_module_serves_until_then() {
    let mut play = Play::new(V1);
    let first = play.due().unwrap();
    play.end(&first, module("/one"));
    play.wish(V2);
    let second = play.due().unwrap();
    assert_ne!(first.version, second.version);
    assert_eq!(play.served(), "/one");
    play.end(&second, module("/two"));
    assert_eq!(play.served(), "/two");
}

#[test]
fn what_was_pulled_for_an_older_wish_is_not_served() {
    let mut play = Play::new(V1);
    let first = play.due().unwrap();
    play.wish(V2);
    assert_eq!(play.due(), None, "one pull at a time for each plugin");
    play.end(&first, module("/one"));
    assert_eq!(play.served(), "nothing");
    let second = play.due().unwrap();
    play.end(&second, module("/two"));
    assert_eq!(play.served(), "/two");
}

#[test]
fn a_failed_pull_is_tried_again_with_growing_pauses_until_it_works() {
    let mut play = Play::new(V1);
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        let pull = play.due().unwrap();
        play.end(&pull, failed("no route"));
        assert_eq!((play.served().as_str(), play.state()), ("FAIL_CLOSE", PluginState::Failing));
        play.pass(pause - 1);
        assert_eq!(play.due(), None, "before {pause} s have passed");
        play.pass(1);
    }
    let pull = play.due().unwrap();
    play.end(&pull, module("/one"));
    assert_eq!((play.served().as_str(), play.state()), ("/one", PluginState::Current));
}

#[test]
fn a_failure_leaves_the_last_good_module() {
    let mut play = Play::new(V1);
    let pull = play.due().unwrap();
    play.end(&pull, module("/one"));
    play.wish(V2);
    let pull = play.due().unwrap();
    play.end(&pull, failed("404"));
    assert_eq!((play.served().as_str(), play.state()), ("/one", PluginState::Stale));
    let status = &play.tending.status(play.now)[0];
    assert_eq!(
        (status.last_pull.as_ref().unwrap().outcome.as_str(), status.next_pull_secs),
        ("404", Some(1))
    );
}

#[test]
fn a_new_configuration_takes_effect_though_the_registry_is_away() {
    let mut play = Play::new(V1);
    let pull = play.due().unwrap();
    play.end(&pull, module("/one"));
    play.wish("{url: 'oci://r.io/a:1', imagePullPolicy: Always, defaultConfig: {a: 1}}");
    let pull = play.due().unwrap();
    play.end(&pull, failed("no route"));
    let Some((_, Served::Module(running))) = play.tending.served(play.now).next() else {
        panic!("it is served")
    };
    assert_eq!(running.plugin.spec.plugin_config.as_ref().map(serde_json::Map::len), Some(1));
}

#[test]
fn what_ran_before_the_agent_started_serves_while_the_registry_is_away() {
    let mut play = Play::new(V1);
    let pull = play.due().unwrap();
    let last_good = module("/one").ok();
    play.end(&pull, Err(FailedPull { reason: "no route".to_owned(), last_good, retry_after: None }));
    assert_eq!((play.served().as_str(), play.state()), ("/one", PluginState::Stale));
    play.pass(1);
    let pull = play.due().unwrap();
    play.end(&pull, module("/two"));
    assert_eq!((play.served().as_str(), play.state()), ("/two", PluginState::Current));
}

#[test]
fn the_fail_strategy_says_what_happens_while_there_is_no_module() {
    let mut play = Play::new("{url: 'oci://r.io/a:1', failStrategy: FAIL_OPEN}");
    assert_eq!(play.served(), "nothing", "Envoy waits for the first pull");
    let pull = play.due().unwrap();
    play.end(&pull, failed("no"));
    assert_eq!(play.served(), "FAIL_OPEN");
}

#[test]
fn a_moved_tag_is_resolved_again_under_always_only() {
    for (spec, expected) in [
        (V1, true),
        ("{url: 'oci://r.io/a:latest'}", true),
        ("{url: 'oci://r.io/a:1'}", false),
        ("{url: 'oci://r.io/a:latest', imagePullPolicy: IfNotPresent}", false),
    ] {
        let mut play = Play::new(spec);
        let first = play.due().unwrap();
        play.end(&first, module("/one"));
        play.moved();
        let again = play.due();
        assert_eq!(again.is_some(), expected, "{spec}");
        assert!(again.is_none_or(|again| again.version != first.version), "{spec}");
    }
}

#[test]
fn a_tag_that_moves_while_it_is_pulled_is_pulled_once_more() {
    let mut play = Play::new(V1);
    let first = play.due().unwrap();
    play.moved();
    assert_eq!(play.due(), None, "the one under way is let be");
    play.end(&first, module("/one"));
    assert_eq!(play.served(), "/one", "what came meanwhile counts");
    let second = play.due().unwrap();
    assert_ne!(first.version, second.version);
    play.end(&second, module("/two"));
    assert_eq!((play.served().as_str(), play.state(), play.due()), ("/two", PluginState::Current, None));
}

#[test]
fn a_tag_that_moves_while_its_pull_fails_is_tried_at_once() {
    let mut play = Play::new(V1);
    let first = play.due().unwrap();
    play.end(&first, failed("no such image"));
    assert_eq!(play.due(), None);
    play.moved();
    assert!(play.due().is_some());
}

#[test]
fn a_module_whose_file_is_damaged_is_pulled_again_under_any_policy() {
    let [one, two] = [b"1", b"2"].map(|content| Digest::sha256(content));
    for spec in [V1, "{url: 'oci://r.io/a:1'}"] {
        let mut play = Play::new(spec);
        play.tending.lost(&one, play.now);
        let first = play.due().unwrap();
        play.end(&first, module("/one").map(|pulled| Pulled { module: Some(one.clone()), ..pulled }));
        assert_eq!(play.tending.module(NAME), Some(&one));
        play.tending.lost(&two, play.now);
        assert_eq!(play.due(), None, "another's file is no matter");
        play.tending.lost(&one, play.now);
        assert_eq!(play.due(), Some(first), "no new version: what a tag names now is not asked for");
        assert_eq!((play.served().as_str(), play.due()), ("/one", None));
    }
}

#[test]
fn a_first_pull_that_takes_long_holds_up_no_listener() {
    for (strategy, expected) in [("FAIL_OPEN", "FAIL_OPEN"), ("FAIL_CLOSE", "FAIL_CLOSE")] {
        let mut play = Play::new(&format!("{{url: 'oci://r.io/a:1', failStrategy: {strategy}}}"));
        let pull = play.due().unwrap();
        assert_eq!(play.tending.next_due(play.now), Some(play.now.instant + PATIENCE));
        assert_eq!((play.served().as_str(), play.state()), ("nothing", PluginState::Pulling));
        play.pass(5);
        assert_eq!((play.served().as_str(), play.state()), (expected, PluginState::Failing));
        assert_eq!(play.tending.next_due(play.now), None);
        play.end(&pull, module("/one"));
        assert_eq!((play.served().as_str(), play.state()), ("/one", PluginState::Current));
    }
}

#[test]
fn a_server_may_ask_for_a_longer_pause_within_reason() {
    for (asked, expected) in [(0, 1), (30, 30), (86_400, 600)] {
        let mut play = Play::new(V1);
        let pull = play.due().unwrap();
        let retry_after = Some(Duration::from_secs(asked));
        play.end(&pull, Err(FailedPull { reason: "busy".to_owned(), last_good: None, retry_after }));
        assert_eq!(play.tending.status(play.now)[0].next_pull_secs, Some(expected));
    }
}

#[test]
fn fail_strategy_may_go_before_the_last_good_module() {
    for (on_failed_pull, expected, state) in [
        (OnFailedPull::LastGood, "/one", PluginState::Stale),
        (OnFailedPull::FailStrategy, "FAIL_OPEN", PluginState::Failing),
    ] {
        let spec = |tag: &str| format!("{{url: 'oci://r.io/a:{tag}', failStrategy: FAIL_OPEN}}");
        let mut play = Play::of(on_failed_pull, &spec("1"));
        let first = play.due().unwrap();
        play.end(&first, module("/one"));
        play.wish(&spec("2"));
        let second = play.due().unwrap();
        assert_eq!(play.served(), "/one", "nothing has failed yet");
        play.end(&second, failed("no such image"));
        assert_eq!((play.served().as_str(), play.state()), (expected, state));
        play.pass(1);
        let third = play.due().unwrap();
        play.end(&third, module("/two"));
        assert_eq!((play.served().as_str(), play.state()), ("/two", PluginState::Current));
    }
}

#[test]
fn another_secret_is_tried_at_once() {
    const NAMED: &str = "{url: 'oci://r.io/a:1', imagePullSecret: s}";
    let mut play = Play::new(NAMED);
    let first = play.tending.due(play.now).pop().unwrap();
    assert!(first.secret.unwrap().is_err(), "there is none of that name");
    play.end(&first.pull, failed("no secret"));
    play.wish(NAMED);
    assert_eq!(play.due(), None);
    let manifest = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: kubernetes.io/dockerconfigjson\n\
                    stringData: {.dockerconfigjson: '{\"auths\":{}}'}\n";
    let mut secrets = PullSecrets::default();
    secrets.add_manifests(manifest.as_bytes(), &ReadLimits::default()).unwrap();
    play.tending.wish(desired_with(NAMED, &secrets), play.now);
    let second = play.tending.due(play.now).pop().unwrap();
    assert!(second.secret.unwrap().is_ok());
}

#[test]
fn the_wanted_digest_is_what_is_asked_for_or_what_the_tag_was_heard_to_name() {
    let [one, two] = [b"1", b"2"].map(|content| Digest::sha256(content));
    let wanted = |play: &Play| play.tending.status(play.now)[0].wanted_manifest.clone();
    let play = Play::new(&format!("{{url: 'oci://r.io/a:1', sha256: {}}}", one.hex()));
    assert_eq!(wanted(&play), Some(one.clone()));
    let mut play = Play::new(V1);
    assert_eq!(wanted(&play), None);
    let first = play.due().unwrap();
    play.end(&first, module("/one").map(|pulled| Pulled { manifest: Some(one.clone()), ..pulled }));
    assert_eq!(wanted(&play), Some(one));
    play.tending.moved(Moved { resource: NAME.to_owned(), names: Some(two.clone()) }, play.now);
    let second = play.due().unwrap();
    play.end(&second, failed("away"));
    assert_eq!(wanted(&play), Some(two));
    play.wish(V2);
    assert_eq!(wanted(&play), None, "of another tag nothing is known");
}

#[test]
fn a_plugin_that_nobody_asks_for_is_gone() {
    let mut play = Play::new(V1);
    let pull = play.due().unwrap();
    play.tending.wish(Desired::default(), play.now);
    play.end(&pull, module("/one"));
    assert_eq!((play.served().as_str(), play.tending.next_due(play.now)), ("nothing", None));
}
