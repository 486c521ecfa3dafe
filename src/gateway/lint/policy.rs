//! When a gateway asks for the module again.

use std::collections::HashMap;

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::plugin::{EffectivePolicy, ModuleSource, PullPolicy};

rules! {
    POLICY_IGNORED: "policy-ignored" Warning {
        title: "`Always` where nothing is ever asked for again",
        why: "A digest, in the URL or in `sha256`, wins over every policy, and a file is not fetched at all.",
        fix: "Remove `imagePullPolicy`, or the digest.",
    },
    POLICY_ALWAYS: "policy-always" Info {
        title: "What `Always` means",
        why: "The agent resolves the tag again when the resource's version changes, not with every request, every pod or \
              every hour (Istio 1.14 and later). In Higress the version changes for all plugins at once, when the spec of \
              any one of them does or discovery restarts; an edit of metadata alone does nothing there.",
        fix: "Release each version under a tag of its own, so that the edit of the URL is the update.",
    },
    POLICY_LATEST: "policy-latest" Warning {
        title: "`IfNotPresent` for a tag that moves",
        why: "A gateway that has fetched the tag once keeps that module, while one that starts later gets the newer: \
              gateways run different modules, and a push reaches none of those that run.",
        fix: "Write the version's tag, or pin the digest.",
    },
    MIXED_POLICIES: "mixed-policies" Warning {
        title: "One URL under two policies",
        why: "The agent remembers one module for a URL, not one for each resource: when the resource with `Always` fetches \
              a tag that moved, the others get the new module with their next update, `IfNotPresent` or not.",
        fix: "Write the same policy for all of them, or a tag for each version.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let (Ok(url), Some(effective)) = (&subject.url, subject.effective_policy()) else { return };
    let policy = subject.spec().image_pull_policy;
    let finding = |rule| subject.finding(rule, spec_path("imagePullPolicy"));
    match (effective, policy) {
        (EffectivePolicy::Pinned, PullPolicy::Always) => findings.push(finding(&POLICY_IGNORED).told(
            "`Always` does nothing here: the module is pinned by its digest",
            "remove `imagePullPolicy`, or remove the digest",
        )),
        (EffectivePolicy::Local, PullPolicy::Always | PullPolicy::IfNotPresent) => {
            findings.push(finding(&POLICY_IGNORED).told(
                format!("`{policy}` does nothing here: a file is not fetched"),
                "remove `imagePullPolicy`",
            ));
        }
        (EffectivePolicy::Always, PullPolicy::Always) => {
            let each_time = match url.source() {
                ModuleSource::Http(_) => "and downloads the whole module again",
                _ => "and downloads the module only if its digest is new",
            };
            findings.push(finding(&POLICY_ALWAYS).told(
                format!(
                    "`Always` asks again when the resource's version changes, {each_time}; it is no timer"
                ),
                "write `IfNotPresent` and a new tag for each version",
            ));
        }
        (EffectivePolicy::IfNotPresent, PullPolicy::IfNotPresent) if url.ends_in_latest() => {
            findings.push(finding(&POLICY_LATEST).told(
                format!("a gateway that has {} never notices that it moves", quoted(url.as_str())),
                "write the version's tag in `url`",
            ));
        }
        _ => {}
    }
}

/// Tells of resources that are to stay as they are while another one moves their URL's module.
pub(super) fn check_all(subjects: &[Subject<'_>], findings: &mut Findings) {
    let under = |policy| subjects.iter().filter(move |subject| subject.effective_policy() == Some(policy));
    let always: HashMap<&str, &Subject<'_>> =
        under(EffectivePolicy::Always).map(|subject| (subject.spec().url.as_str(), subject)).collect();
    for subject in under(EffectivePolicy::IfNotPresent) {
        if let Some(other) = always.get(subject.spec().url.as_str()) {
            let path = spec_path("imagePullPolicy");
            findings.push(subject.finding(&MIXED_POLICIES, path).told(
                format!(
                    "{} has `Always` for the same URL, and moves this one too",
                    quoted(&other.resource.plugin.full_name())
                ),
                "write `imagePullPolicy: Always` here too, or a tag for each version",
            ));
            findings.settle(subject);
        }
    }
}
