//! What the resource is called, and where it lives.

use std::collections::HashMap;

use super::lint_rule::rules;
use super::quoted::quoted;
use super::{Finding, Findings, Subject};
use crate::gateway::GatewaySettings;
use crate::plugin::{FieldPath, Metadata};

rules! {
    WRONG_NAMESPACE: "wrong-namespace" Error {
        title: "A namespace that Higress does not look at",
        why: "Higress's controller only watches its own namespace. A WasmPlugin elsewhere is accepted by the API server \
              and then does nothing, with no message anywhere.",
        fix: "Put the resource into the controller's namespace, `higress-system` unless it was installed elsewhere.",
    },
    NO_NAMESPACE: "no-namespace" Warning {
        title: "No namespace in a resource for Higress",
        why: "The resource goes to whatever namespace the client has at hand, often `default`, and Higress's controller \
              only watches its own.",
        fix: "Write `metadata.namespace` with the controller's namespace.",
    },
    INVALID_NAME: "invalid-name" Error {
        title: "A name that Kubernetes does not take",
        why: "The API server refuses the resource: names are DNS subdomains (RFC 1123, at most 253 characters), \
              namespaces are DNS labels (at most 63).",
        fix: "Use lower-case letters, digits and `-`, and begin and end with a letter or digit.",
    },
    DUPLICATE_NAME: "duplicate-name" Error {
        title: "Two resources of one name",
        why: "A namespace holds one WasmPlugin of a name, so the one that is applied later replaces the other. In the \
              filter chain, too, the name is all that tells plugins apart.",
        fix: "Give each resource a name of its own.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let metadata = &subject.resource.plugin.metadata;
    if subject.is_higress() {
        match &metadata.namespace {
            Some(namespace) => check_namespace(subject, namespace, findings),
            None => findings.push(without_namespace(subject)),
        }
    }
    if !metadata.name.is_empty() && !Metadata::is_name(&metadata.name) {
        findings.push(invalid(subject, "name", &metadata.name, "at most 253 characters, and dots"));
    }
    if let Some(namespace) =
        metadata.namespace.as_ref().filter(|namespace| !Metadata::is_namespace(namespace))
    {
        findings.push(invalid(subject, "namespace", namespace, "at most 63 characters, no dots"));
    }
}

fn check_namespace(subject: &Subject<'_>, namespace: &str, findings: &mut Findings) {
    let GatewaySettings { namespace: watched, .. } = &subject.input.settings;
    if namespace != watched {
        findings.push(subject.finding(&WRONG_NAMESPACE, FieldPath::of(&["metadata", "namespace"])).told(
            format!("Higress only looks at `{watched}`, and this resource is in {}", quoted(namespace)),
            format!("write `namespace: {watched}`"),
        ));
    }
}

fn without_namespace(subject: &Subject<'_>) -> Finding {
    let watched = &subject.input.settings.namespace;
    subject.finding(&NO_NAMESPACE, FieldPath::of(&["metadata", "namespace"])).told(
        format!("the resource names no namespace, and Higress only looks at `{watched}`"),
        format!("write `namespace: {watched}`"),
    )
}

fn invalid(subject: &Subject<'_>, field: &str, name: &str, limits: &str) -> Finding {
    subject.finding(&INVALID_NAME, FieldPath::of(&["metadata", field])).told(
        format!("{} is no {field} that Kubernetes takes", quoted(name)),
        format!("write lower-case letters, digits and `-` ({limits}), such as `{}`", slug(name)),
    )
}

/// A label that looks like `text`.
fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().take(63).map(plain).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "my-plugin".to_owned() } else { slug.to_owned() }
}

/// Tells of each resource that has the name of one before it.
pub(super) fn check_all(subjects: &[Subject<'_>], findings: &mut Findings) {
    let mut first = HashMap::new();
    for subject in subjects {
        let plugin = &subject.resource.plugin;
        if plugin.metadata.name.is_empty() {
            continue;
        }
        let name = (plugin.form, subject.namespace(), plugin.metadata.name.as_str());
        let before = *first.entry(name).or_insert(subject);
        if std::ptr::eq(before, subject) {
            continue;
        }
        let path = FieldPath::of(&["metadata", "name"]);
        let line = before.resource.place_of(&path).line;
        findings.push(subject.finding(&DUPLICATE_NAME, path).told(
            format!(
                "{} is the name of another `WasmPlugin` already, in line {line} of {}",
                quoted(&plugin.full_name()),
                quoted(before.file)
            ),
            "give one of them another name",
        ));
        findings.settle(subject);
    }
}
