use std::collections::BTreeMap;

use super::*;
use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, PullPolicy};
use crate::policy::decision::{Flavour, PolicyReason};

const ISTIO: Flavour = Flavour::Istio130;

fn question(url: &str) -> Question {
    Question { flavour: ISTIO, url: url.parse().unwrap(), sha256: None, policy: PullPolicy::Unspecified }
}

/// The traps by situation.
fn traps(question: &Question) -> BTreeMap<Situation, Trap> {
    let rows = Explanation::of(question).situations.into_iter();
    rows.filter_map(|row| Some((row.situation, row.surprise?.trap))).collect()
}

fn row(question: &Question, situation: Situation) -> Row {
    let mut rows = Explanation::of(question).situations.into_iter();
    rows.find(|row| row.situation == situation).unwrap()
}

#[test]
fn a_fixed_tag_surprises_whoever_moves_it() {
    assert_eq!(
        traps(&question("oci://reg.io/p:v1")),
        BTreeMap::from([
            (Situation::MovedNewVersion, Trap::MovedTag),
            (Situation::OtherResource, Trap::MovedTag),
            (Situation::OtherResourcePulled, Trap::SharedTag),
            (Situation::Restart, Trap::RestartForgets),
            (Situation::Idle, Trap::Expiry),
            (Situation::SharedDigest, Trap::DanglingTag),
        ])
    );
}

#[test]
fn latest_surprises_whoever_waits_for_it() {
    assert_eq!(
        traps(&question("oci://reg.io/p:latest")),
        BTreeMap::from([
            (Situation::MovedSameVersion, Trap::NotOnATimer),
            (Situation::OtherResourcePulled, Trap::SharedTag),
            (Situation::RegistryFails, Trap::FailedPull),
            (Situation::RegistryIsBack, Trap::ForgottenFailure),
            (Situation::NoVersion, Trap::EmptyVersion),
            (Situation::SharedDigest, Trap::DanglingTag),
        ])
    );
}

#[test]
fn no_tag_is_a_trap_of_its_own_where_it_is_not_latest() {
    let asked = question("oci://reg.io/p");
    assert_eq!(traps(&asked)[&Situation::MovedNewVersion], Trap::UntaggedIsNotLatest);
    for (flavour, effective, because) in [
        (ISTIO, EffectivePolicy::IfNotPresent, PolicyReason::UntaggedIsNotLatest),
        (Flavour::EnvoyGateway, EffectivePolicy::Always, PolicyReason::UntaggedIsLatest),
        (Flavour::Ours, EffectivePolicy::Always, PolicyReason::UntaggedIsLatest),
    ] {
        let explanation = Explanation::of(&Question { flavour, ..asked.clone() });
        assert_eq!((explanation.effective_policy, explanation.because), (effective, because), "{flavour}");
    }
}

#[test]
fn a_digest_in_the_url_surprises_only_where_it_is_an_indexs() {
    let asked = question(&format!("oci://reg.io/p:v1@{}", Digest::sha256(b"manifest")));
    assert_eq!(traps(&asked), BTreeMap::from([(Situation::IndexDigest, Trap::IndexDigest)]));
    assert_eq!(row(&asked, Situation::IndexDigest).requests, "PMM");
    assert_eq!(traps(&Question { flavour: Flavour::Ours, ..asked }), BTreeMap::new());
}

#[test]
fn a_sha256_does_not_bring_back_what_its_tag_has_left() {
    for url in ["oci://reg.io/p:v1", "https://h.io/p.wasm"] {
        let asked = Question { sha256: Some(Digest::sha256(b"given")), ..question(url) };
        let traps = traps(&asked);
        assert_eq!(traps.get(&Situation::Restart), Some(&Trap::Sha256OfAMovedTag), "{url}");
        assert_eq!(traps.get(&Situation::FirstPull), None, "{url}");
    }
}

#[test]
fn two_digests_that_differ_fit_no_module() {
    let url = format!("oci://reg.io/p@{}", Digest::sha256(b"in the URL"));
    let asked = Question { sha256: Some(Digest::sha256(b"given")), ..question(&url) };
    for flavour in Flavour::ALL {
        let row = row(&Question { flavour, ..asked.clone() }, Situation::FirstPull);
        assert_eq!(row.surprise.map(|surprise| surprise.trap), Some(Trap::DigestsDiffer), "{flavour}");
    }
}

#[test]
fn a_web_servers_file_is_downloaded_again_under_always() {
    let asked = Question { policy: PullPolicy::Always, ..question("https://h.io/p.wasm") };
    assert_eq!(traps(&asked)[&Situation::NewVersion], Trap::DownloadedAgain);
    assert_eq!(row(&asked, Situation::RegistryFails).requests, "GGGGG");
}

#[test]
fn ours_has_none_of_the_traps_that_it_mends() {
    let mended = [
        Trap::UntaggedIsNotLatest,
        Trap::DownloadedAgain,
        Trap::SharedTag,
        Trap::RestartForgets,
        Trap::Expiry,
        Trap::ForgottenFailure,
        Trap::EmptyVersion,
        Trap::DanglingTag,
        Trap::IndexDigest,
        Trap::Sha256OfAMovedTag,
    ];
    for url in ["oci://reg.io/p:v1", "oci://reg.io/p:latest", "oci://reg.io/p", "https://h.io/p.wasm"] {
        for policy in [PullPolicy::Unspecified, PullPolicy::IfNotPresent, PullPolicy::Always] {
            for sha256 in [None, Some(Digest::sha256(b"given"))] {
                let traps = traps(&Question {
                    flavour: Flavour::Ours,
                    policy,
                    sha256: sha256.clone(),
                    ..question(url)
                });
                let shown: Vec<_> = traps.iter().filter(|(_, trap)| mended.contains(trap)).collect();
                // A whole file has to be downloaded to learn that it is the same.
                let expected = url.starts_with("https") && policy == PullPolicy::Always && sha256.is_none();
                assert_eq!(shown.len(), usize::from(expected), "{url} {policy} {sha256:?}: {shown:?}");
            }
        }
    }
}

#[test]
fn a_file_of_the_container_has_no_situations() {
    let explanation = Explanation::of(&question("file:///opt/p.wasm"));
    assert_eq!((explanation.because, explanation.situations.len()), (PolicyReason::File, 0));
}

#[test]
fn every_trap_stands_in_the_manual() {
    let manual = include_str!("../../../docs/cli.md");
    for trap in Trap::ALL {
        assert!(manual.contains(&format!("| `{}` |", trap.name())), "{}", trap.name());
    }
}

#[test]
fn each_surprise_is_told_once() {
    let explanation = Explanation::of(&question("oci://reg.io/p:v1"));
    let told = explanation.surprises();
    let traps: Vec<Trap> = told.iter().map(|(_, surprise)| surprise.trap).collect();
    assert_eq!(
        traps,
        [Trap::MovedTag, Trap::SharedTag, Trap::RestartForgets, Trap::Expiry, Trap::DanglingTag]
    );
}
