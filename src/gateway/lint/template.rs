//! Texts in braces that Higress replaces.

use super::config::{path_of, walk};
use super::lint_rule::rules;
use super::quoted::quoted;
use super::{Findings, Subject};
use crate::plugin::{NodeValue, Step};

rules! {
    UNKNOWN_TEMPLATE: "unknown-template" Warning {
        title: "A template that Higress does not replace",
        why: "Higress replaces `${secret.name.key}` and `${secret.namespace/name.key}` anywhere in `spec`. A text of \
              that form but another type is logged as an error each time and delivered as it is; what is not quite of \
              the form is delivered without a word.",
        fix: "Write `${secret.name.key}`, or `${secret.namespace/name.key}`.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(spec) = subject.resource.source.member("spec").filter(|_| subject.is_higress()) else { return };
    let mut steps = vec![Step::Key("spec".to_owned())];
    walk(&spec.node, &mut steps, &mut |node, steps| {
        let NodeValue::Text(text) = &node.value else { return };
        for template in templates(text) {
            if let Some(message) = fault(template) {
                findings.push(
                    subject.finding(&UNKNOWN_TEMPLATE, path_of(steps)).told(
                        message,
                        "write `${secret.name.key}`, with the name of a Secret and a key of it",
                    ),
                );
            }
        }
    });
}

/// What stands in `${` and `}`.
fn templates(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// What Higress does with the template, if that is nothing (`pkg/ingress/config/ingress_template.go`).
fn fault(template: &str) -> Option<String> {
    let (kind, rest) = template.split_once('.').unwrap_or((template, ""));
    let name_and_key = rest.rsplit_once('/').map_or(rest, |(_, rest)| rest);
    let namespace = rest.split_once('/').map(|(namespace, _)| namespace);
    let is_whole =
        name_and_key.split_once('.').is_some_and(|(name, key)| !name.is_empty() && !key.is_empty())
            && namespace.is_none_or(|namespace| !namespace.is_empty())
            && rest.matches('/').count() <= 1
            && !kind.is_empty()
            && !kind.contains('/');
    let written = quoted(&format!("${{{template}}}"));
    match (kind, is_whole) {
        ("secret", true) => None,
        ("secret", false) => Some(format!("{written} names no key of a Secret, and is delivered as it is")),
        // Plugins have templates of their own; those that Higress looks at have two dots.
        (_, true) => {
            Some(format!("{written} has the type {}, and Higress only knows `secret`", quoted(kind)))
        }
        (_, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_higress_would_replace_is_told_from_what_plugins_do() {
        for (text, expected) in [
            ("${secret.name.key}", None),
            ("Bearer ${secret.ns/name.a.key}!", None),
            ("${name} ${host.name} $1 ${}", None),
            ("${secret.name}", Some("names no key")),
            ("${secret.ns/name}", Some("names no key")),
            ("${secret}", Some("names no key")),
            ("${configmap.name.key}", Some("has the type `configmap`")),
            ("${secrets.ns/name.key}", Some("has the type `secrets`")),
            ("${secret.open", None),
        ] {
            let said = templates(text).find_map(fault);
            assert_eq!(said.is_some(), expected.is_some(), "{text}: {said:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{text}");
        }
    }
}
