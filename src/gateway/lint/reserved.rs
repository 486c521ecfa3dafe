//! Keys of a configuration that belong to the rule matcher.

use serde_json::Value;

use super::conditions::has_field;
use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::gateway::{DISABLE_KEY, Flavour, MatchKey, RULES};
use crate::plugin::{Config, FieldPath, MatchRule};

rules! {
    RESERVED_KEY: "reserved-key" Warning {
        title: "A key that the rule matcher reads",
        why: "`_rules_`, `_match_…_` and `_disable_` belong to the SDK's rule matcher. In a rule's `config` a match key \
              becomes a condition of the rule; in `defaultConfig` nobody looks at one; `_disable_` means something to C++ \
              plugins only.",
        fix: "Write conditions as `ingress`, `domain` and `service`, and name the plugin's own keys without underscores.",
    },
    MATCH_VALUE_TYPE: "match-value-type" Warning {
        title: "A match key by hand that is no list of texts",
        why: "Go takes a single text for a list of one and turns numbers into text; C++ refuses the configuration; Rust and \
              AssemblyScript take it for a rule without the key, which they refuse.",
        fix: "Write a list of texts.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let (field, config) = subject.config();
    if let Some(config) = config {
        let path = spec_path(field);
        check_config(subject, config, &path, findings);
        check_by_hand(subject, config, &path.key(RULES), findings);
    }
    if subject.spec().plugin_config.is_none() {
        let rules = subject.spec().match_rules.iter().enumerate().filter(|(_, rule)| !rule.config_disable);
        for (index, rule) in rules {
            check_rule(subject, rule, &spec_path("matchRules").index(index).key("config"), findings);
        }
    }
}

/// Keys at the top, where rules are not.
fn check_config(subject: &Subject<'_>, config: &Config, path: &FieldPath, findings: &mut Findings) {
    for key in config.keys().filter(|key| is_match_key(key) || *key == DISABLE_KEY) {
        findings.push(subject.finding(&RESERVED_KEY, path.key(key)).told(
            format!("{} means something in a rule only, and this is no rule", quoted(key)),
            "remove it, or write a match rule",
        ));
    }
}

/// Keys of a match rule's own configuration.
fn check_rule(subject: &Subject<'_>, rule: &MatchRule, path: &FieldPath, findings: &mut Findings) {
    for key in rule.config.iter().flat_map(Config::keys) {
        let known = MatchKey::ALL.into_iter().find(|known| known.name() == key);
        // What the rule's own condition replaces is told as such.
        if known.is_some_and(|known| has_field(rule, known)) {
            continue;
        }
        let (message, fix) = match known {
            Some(MatchKey::RoutePrefix) => (
                format!("`{key}` passes through and becomes a condition of the rule"),
                "write such a rule by hand, in `_rules_` of `defaultConfig`",
            ),
            Some(_) => (
                format!("`{key}` passes through and becomes a condition of the rule"),
                "write it as `ingress`, `domain` or `service` of a rule of its own",
            ),
            None if is_match_key(key) => (
                format!("{} is no match key of any SDK", quoted(key)),
                "write `ingress`, `domain` or `service`",
            ),
            None if key == DISABLE_KEY && !knows_disable(subject.flavour()) => {
                (only_cpp(), "write a `config` that does nothing")
            }
            None if key == RULES => {
                (format!("`{RULES}` in a rule is read by nobody"), "write more match rules")
            }
            None => continue,
        };
        findings.push(subject.finding(&RESERVED_KEY, path.key(key)).told(message, fix));
    }
}

/// Keys of `_rules_` by hand, where match keys are at home.
fn check_by_hand(subject: &Subject<'_>, config: &Config, path: &FieldPath, findings: &mut Findings) {
    let rules = config.get(RULES).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, rule) in rules.iter().enumerate() {
        check_values(subject, rule, &path.index(index), findings);
        let keys = rule.as_object().into_iter().flat_map(Config::keys);
        for key in keys {
            let known = MatchKey::ALL.into_iter().any(|known| known.name() == key);
            let (message, fix) = match key.as_str() {
                DISABLE_KEY if !knows_disable(subject.flavour()) => {
                    (only_cpp(), "write a configuration that does nothing")
                }
                key if is_match_key(key) && !known => (
                    format!("{} is no match key of any SDK", quoted(key)),
                    "write `_match_route_`, `_match_domain_`, `_match_service_` or `_match_route_prefix_`",
                ),
                _ => continue,
            };
            findings.push(subject.finding(&RESERVED_KEY, path.index(index).key(key)).told(message, fix));
        }
    }
}

/// Match keys of a rule by hand that hold something else than a list of texts.
fn check_values(subject: &Subject<'_>, rule: &Value, path: &FieldPath, findings: &mut Findings) {
    for key in MatchKey::ALL {
        let Some(value) = rule.get(key.name()) else { continue };
        let is_texts = value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        if !is_texts {
            let instead = if value.is_string() {
                format!("write `[{value}]`")
            } else {
                "write a list of texts".to_owned()
            };
            findings.push(
                subject
                    .finding(&MATCH_VALUE_TYPE, path.key(key.name()))
                    .told(format!("{} is no list of texts", quoted(&value.to_string())), instead),
            );
        }
    }
}

fn is_match_key(key: &str) -> bool {
    key.starts_with("_match_")
}

fn knows_disable(flavour: Option<Flavour>) -> bool {
    flavour.is_some_and(Flavour::knows_disable)
}

fn only_cpp() -> String {
    format!("`{DISABLE_KEY}` switches a rule off in C++ plugins only; others run the rule")
}
