use std::time::{Duration, SystemTime};

use super::*;
use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, PullPolicy};

const TAG: &str = "oci://reg.io/p:v1";
const FILE: &str = "https://h.io/p.wasm";

fn at(hours: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(hours)
}

fn checksum() -> Digest {
    Digest::sha256(b"manifest")
}

fn pull(url: &str, sha256: Option<Digest>) -> Pull {
    let url = url.parse().unwrap();
    Pull {
        url,
        sha256,
        policy: PullPolicy::Unspecified,
        resource: "namespace.resource".to_owned(),
        version: "0".to_owned(),
    }
}

fn key(url: &str) -> ModuleKey {
    ModuleKey { name: ModuleName::of(&url.parse().unwrap()), checksum: checksum() }
}

/// Knows one module, used at the start of time, and nothing of any URL.
fn with_module(url: &str) -> Knowledge {
    let mut known = Knowledge::default();
    known.apply(Change::Stored { key: key(url), content: Digest::sha256(b"module"), at: at(0) });
    known
}

fn decide(flavour: Flavour, known: &Knowledge, pull: &Pull) -> Decision {
    Moment { flavour, known, now: at(1) }.decide(pull)
}

/// The faithful flavours, whose first lookup is the same.
const FAITHFUL: [Flavour; 5] =
    [Flavour::Istio127, Flavour::Istio130, Flavour::Higress119, Flavour::Higress127, Flavour::EnvoyGateway];

#[test]
fn a_hit_writes_the_tag_map_and_moves_the_last_use() {
    for flavour in FAITHFUL {
        for url in [TAG, FILE] {
            let mut known = with_module(url);
            let decision = decide(flavour, &known, &pull(url, Some(checksum())));
            assert!(matches!(decision.action, Action::Hit { .. }), "{flavour} {url}: {decision:?}");
            known.apply_all(decision.changes);
            let entry = known.tag(url).unwrap();
            assert_eq!(entry.checksum, checksum());
            assert_eq!(entry.versions["namespace.resource"], "0");
            let module = known.module(&key(url)).unwrap();
            assert_eq!(
                (module.last_used, module.referencing.len()),
                (at(1), 0),
                "the reference is not written"
            );
        }
    }
}

#[test]
fn a_digest_in_the_url_leaves_no_entry() {
    let url = format!("oci://reg.io/p:v1@{}", checksum());
    for flavour in Flavour::ALL {
        let mut known = with_module(&url);
        let decision = decide(flavour, &known, &pull(&url, None));
        assert!(matches!(decision.action, Action::Hit { .. }), "{flavour}: {decision:?}");
        known.apply_all(decision.changes);
        assert_eq!(known.tags().count(), 0, "{flavour}");
    }
}

#[test]
fn a_known_module_without_an_entry_is_resolved_and_adopted() {
    let mut known = with_module(TAG);
    let asked = pull(TAG, None);
    assert_eq!(decide(Flavour::Istio127, &known, &asked).action, Action::Resolve);
    let moment = Moment { flavour: Flavour::Istio127, known: &known, now: at(1) };
    let Arrival::Present { changes, .. } = moment.arrived(&asked, None, &Found::new(checksum())) else {
        panic!("the module is there");
    };
    known.apply_all(changes);
    assert_eq!(known.tag(TAG).unwrap().checksum, checksum());
}

#[test]
fn an_entry_with_another_version_is_enough_unless_always_asks() {
    let mut known = with_module(TAG);
    known.apply(Change::Tagged { url: TAG.to_owned(), checksum: checksum() });
    let other = |url: &str| Change::Version {
        url: url.to_owned(),
        resource: "namespace.resource".to_owned(),
        version: "other".to_owned(),
    };
    known.apply(other(TAG));
    let decision = decide(Flavour::Istio127, &known, &pull(TAG, None));
    assert_eq!(decision.reason, Reason::Present);
    let version = Change::Version {
        url: TAG.to_owned(),
        resource: "namespace.resource".to_owned(),
        version: "0".to_owned(),
    };
    assert_eq!(decision.changes.first(), Some(&version), "written before anything else");
    let always = Pull { policy: PullPolicy::Always, ..pull(TAG, None) };
    let decision = decide(Flavour::Istio127, &known, &always);
    assert_eq!((decision.action, decision.reason), (Action::Resolve, Reason::NewVersion));
    assert_eq!(decision.changes, [version], "before the fetch");
    let decision = decide(Flavour::EnvoyGateway, &known, &always);
    assert_eq!((decision.action, decision.changes), (Action::Fetch { expects: None }, vec![]));
}

#[test]
fn a_sweep_takes_what_was_idle_for_longer_than_the_expiry() {
    let known = with_module(TAG);
    let sweep =
        |hours| Moment { flavour: Flavour::Istio127, known: &known, now: at(hours) }.sweep(Moment::EXPIRY);
    assert_eq!(sweep(24), []);
    assert_eq!(sweep(25), [Change::Removed { key: key(TAG) }]);
}

#[test]
fn a_sweep_forgets_only_the_urls_that_are_listed() {
    let mut known = with_module(TAG);
    for url in [TAG, "oci://reg.io/p:twin"] {
        known.apply(Change::Tagged { url: url.to_owned(), checksum: checksum() });
    }
    known.apply(Change::Referenced { key: key(TAG), url: TAG.to_owned() });
    let changes = Moment { flavour: Flavour::Istio127, known: &known, now: at(30) }.sweep(Moment::EXPIRY);
    known.apply_all(changes);
    let left: Vec<&str> = known.tags().map(|(url, _)| url).collect();
    assert_eq!((known.modules().count(), left), (0, vec!["oci://reg.io/p:twin"]));
}

#[test]
fn ours_resolves_again_what_was_lost_and_expects_no_certain_digest() {
    let mut known = with_module(TAG);
    let asked = pull(TAG, None);
    let moment = Moment { flavour: Flavour::Ours, known: &known, now: at(0) };
    let changes = moment.stored(&asked, &key(TAG), Digest::sha256(b"module"));
    known.apply_all(changes);
    assert!(matches!(decide(Flavour::Ours, &known, &asked).action, Action::Hit { .. }));
    let changes = Moment { flavour: Flavour::Ours, known: &known, now: at(0) }.forget(&key(TAG));
    known.apply_all(changes);
    assert_eq!((known.modules().count(), known.tags().count()), (0, 0));
    let decision = decide(Flavour::Ours, &known, &asked);
    assert_eq!((decision.action, decision.reason), (Action::Resolve, Reason::ModuleGone));
}

#[test]
fn the_policy_left_open_is_always_for_latest_alone_and_who_reads_no_tag_as_latest_says_so() {
    use EffectivePolicy::{Always, IfNotPresent, Local, Pinned};
    let digest = checksum();
    for (url, istio, mended) in [
        (TAG.to_owned(), IfNotPresent, IfNotPresent),
        ("oci://reg.io/p:latest".to_owned(), Always, Always),
        ("oci://reg.io/p".to_owned(), IfNotPresent, Always),
        ("reg.io/p".to_owned(), IfNotPresent, Always),
        (format!("oci://reg.io/p:latest@{digest}"), Pinned, Pinned),
        (format!("oci://reg.io/p@{digest}"), Pinned, Pinned),
        ("http://h.io/p:latest".to_owned(), IfNotPresent, IfNotPresent),
        ("file:///p.wasm".to_owned(), Local, Local),
    ] {
        for flavour in Flavour::ALL {
            let expected = match flavour {
                Flavour::EnvoyGateway | Flavour::Ours => mended,
                _ => istio,
            };
            assert_eq!(Moment::policy(flavour, &pull(&url, None)).0, expected, "{flavour} {url}");
        }
    }
}

#[test]
fn a_released_resource_leaves_nothing_behind() {
    for flavour in Flavour::ALL {
        let mut known = Knowledge::default();
        let asked = pull(TAG, None);
        let changes = Moment { flavour, known: &known, now: at(0) }.stored(&asked, &key(TAG), checksum());
        known.apply_all(changes);
        known.apply(Change::Released { resource: asked.resource.clone() });
        assert!(known.tag(TAG).unwrap().versions.is_empty() && known.resource(&asked.resource).is_none());
    }
}
