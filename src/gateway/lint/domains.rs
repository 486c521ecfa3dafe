//! The host patterns of rules.

use super::conditions::Condition;
use super::lint_rule::rules;
use super::quoted::quoted;
use super::{Findings, LintRule, Subject};
use crate::gateway::{MatchKey, Trap};

rules! {
    DOMAIN_PORT: "domain-port" Error {
        title: "A port in a domain",
        why: "Every SDK takes the port off the request's host before it compares, and not off the pattern, so the \
              pattern matches nothing.",
        fix: "Leave the port out.",
    },
    DOMAIN_WILDCARD: "domain-wildcard" Error {
        title: "A star that is no wildcard",
        why: "Only one star, at one end of the pattern, is a wildcard. Any other is compared as it is, and no host has \
              one.",
        fix: "Write `*.example.com` or `example.*`, or list the hosts.",
    },
    DOMAIN_SPELLING: "domain-spelling" Warning {
        title: "A domain that no request spells so",
        why: "Hosts are compared byte by byte: capitals, blanks, a dot at the end, a scheme, a path or letters beyond \
              ASCII are in no host that a client sends.",
        fix: "Write the host alone, in lower case, international names in their `xn--` form.",
    },
    WILDCARD_WITHOUT_DOT: "wildcard-without-dot" Warning {
        title: "A wildcard without a dot after it",
        why: "The pattern is the end of a host, so `*example.com` is `notexample.com` too, which anybody can register.",
        fix: "Write `*.example.com`, and `example.com` beside it.",
    },
    WILDCARD_APEX: "wildcard-apex" Info {
        title: "A wildcard without the domain itself",
        why: "`*.example.com` is every host that ends with `.example.com`; `example.com` does not.",
        fix: "Write `example.com` beside it, if it is meant too.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for condition in subject.rules.iter().filter_map(|rule| rule.condition(MatchKey::Domain)) {
        for (pattern, placed) in condition.placed() {
            if let Some((rule, message, fix)) = fault(pattern, condition) {
                findings.push(subject.finding(rule, placed.path()).told(message, fix));
            }
        }
    }
}

fn fault(pattern: &str, condition: &Condition<'_>) -> Option<(&'static LintRule, String, String)> {
    let host = spelt(pattern);
    if host != pattern || pattern.is_empty() || !pattern.is_ascii() {
        let fix = if host.is_empty() || !host.is_ascii() {
            "write the host as clients send it".to_owned()
        } else {
            format!("write {}", quoted(&host))
        };
        let what = if pattern.is_empty() { "an empty text".to_owned() } else { quoted(pattern) };
        return Some((&DOMAIN_SPELLING, format!("no client sends {what} as a host"), fix));
    }
    match Trap::of(MatchKey::Domain, pattern) {
        Some(trap @ Trap::LiteralStar) => {
            let message = format!("{}: {}", quoted(pattern), trap.explain(pattern));
            return Some((
                &DOMAIN_WILDCARD,
                message,
                "write one star, at one end, or list the hosts".to_owned(),
            ));
        }
        Some(trap @ Trap::DomainPort) => {
            let bare = pattern.rsplit_once(':').map_or(pattern, |(bare, _)| bare);
            let message = format!("{}: {}", quoted(pattern), trap.explain(pattern));
            return Some((&DOMAIN_PORT, message, format!("write {}", quoted(bare))));
        }
        _ => {}
    }
    wildcard(pattern, condition)
}

fn wildcard(pattern: &str, condition: &Condition<'_>) -> Option<(&'static LintRule, String, String)> {
    let rest = pattern.strip_prefix('*').filter(|rest| rest.contains('.'))?;
    match rest.strip_prefix('.') {
        None if is_a_whole_domain(rest) => Some((
            &WILDCARD_WITHOUT_DOT,
            format!("{} is also {}", quoted(pattern), quoted(&format!("not{rest}"))),
            format!("write {} and {}", quoted(&format!("*.{rest}")), quoted(rest)),
        )),
        Some(apex) if !has(condition, apex) => Some((
            &WILDCARD_APEX,
            format!("{} is not {}", quoted(pattern), quoted(apex)),
            format!("write {} beside it, if it is meant too", quoted(apex)),
        )),
        Some(_) | None => None,
    }
}

/// Whether somebody may own `host` itself, and somebody else what it is the end of: `example.com` and `example.co.uk`,
/// but not `api.example.com`, which is within somebody's domain whatever stands before it.
fn is_a_whole_domain(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let is_word = labels[0].starts_with(|c: char| c.is_ascii_alphanumeric());
    match labels[..] {
        [_, _] => is_word,
        [_, second, top] => is_word && second.len() <= 3 && top.len() == 2,
        _ => false,
    }
}

/// Whether the list has the host itself. A list that is too long to search for each wildcard counts as having it.
fn has(condition: &Condition<'_>, host: &str) -> bool {
    const LONGEST: usize = 100;
    condition.texts().nth(LONGEST).is_some() || condition.texts().any(|text| text == host)
}

/// The host that the pattern spells, as clients send it.
fn spelt(pattern: &str) -> String {
    let host = pattern.trim();
    let host = host.split_once("://").map_or(host, |(_, host)| host);
    let host = host.split('/').next().unwrap_or_default().trim_end_matches('.');
    host.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_of_somebodys_own_is_told_from_a_name_within_it() {
        for (host, expected) in [
            ("example.com", true),
            ("example.co.uk", true),
            ("example.com.cn", true),
            ("-dev.com", false),
            ("api.example.com", false),
            ("-api.example.com", false),
            ("com", false),
        ] {
            assert_eq!(is_a_whole_domain(host), expected, "{host}");
        }
    }

    #[test]
    fn the_host_is_what_is_left_of_a_url() {
        for (pattern, host) in [
            ("https://Foo.com/path", "foo.com"),
            ("foo.com.", "foo.com"),
            (" foo. com ", "foo.com"),
            ("*.foo.com", "*.foo.com"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(spelt(pattern), host, "{pattern}");
        }
    }
}
