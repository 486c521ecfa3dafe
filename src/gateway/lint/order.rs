//! Where in the filter chain the plugin stands.

use std::collections::BTreeMap;

use super::lint_rule::rules;
use super::quoted::{all_quoted, quoted};
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::plugin::Form;

rules! {
    UNSET_PRIORITY: "unset-priority" Warning {
        title: "No priority",
        why: "Istio's API text says that 0 is the default. Its code takes the lowest number there is, so the plugin comes \
              after every one with a priority in its phase, negative ones too.",
        fix: "Write a `priority`; a larger number comes earlier.",
    },
    SAME_PRIORITY: "same-priority" Info {
        title: "Plugins of one phase and priority",
        why: "Higress hands its plugins on without a time, so that equals stand by name. In Istio the older object comes \
              first, and the name decides between objects of one time.",
        fix: "Give plugins whose order matters priorities of their own.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let path = spec_path("priority");
    if subject.spec().priority.is_none() && subject.is_read(&path) {
        let phase = subject.spec().phase;
        findings.push(subject.finding(&UNSET_PRIORITY, path).told(
            format!(
                "the plugin comes after every plugin of `{phase}` that has a priority, negative ones too"
            ),
            "write `priority: 100`, or the number that its place in the chain asks for",
        ));
    }
}

/// Plugins that one gateway orders by nothing that the author wrote.
pub(super) fn check_all(subjects: &[Subject<'_>], findings: &mut Findings) {
    let mut equals: BTreeMap<_, Vec<&Subject<'_>>> = BTreeMap::new();
    for subject in subjects {
        let spec = subject.spec();
        let Some(priority) = spec.priority else { continue };
        let gateway = (subject.is_higress(), subject.namespace(), spec.selector.as_ref(), targets(subject));
        equals.entry((gateway, spec.phase.as_str(), priority)).or_default().push(subject);
    }
    for ((_, phase, priority), mut equals) in equals {
        equals.sort_by_key(|subject| &subject.resource.plugin.metadata.name);
        equals.dedup_by_key(|subject| &subject.resource.plugin.metadata.name);
        let Some((last, before)) = equals.split_last().filter(|(_, before)| !before.is_empty()) else {
            continue;
        };
        let names = all_quoted(before.iter().map(|subject| subject.resource.plugin.metadata.name.as_str()));
        let by = match last.resource.plugin.form {
            Form::Higress => "its name puts it after them",
            Form::Istio => "their age decides, then the name",
        };
        findings.push(last.finding(&SAME_PRIORITY, spec_path("priority")).told(
            format!("`{priority}` in `{phase}` is the priority of {names} too: {by}"),
            format!(
                "write another number, if {} has to come earlier or later",
                quoted(&last.resource.plugin.metadata.name)
            ),
        ));
        findings.settle(last);
    }
}

fn targets<'s>(subject: &'s Subject<'_>) -> Vec<(&'s str, &'s str, &'s str)> {
    let targets = subject.spec().target_refs.iter();
    targets.map(|target| (target.kind.as_str(), target.namespace.as_str(), target.name.as_str())).collect()
}
