//! What Higress makes of the match rules, and which of a rule's conditions count.

use super::conditions::WrittenRule;
use super::lint_rule::rules;
use super::quoted::{all_quoted, quoted};
use super::subject::spec_path;
use super::{Finding, Findings, Subject};
use crate::gateway::{Conversion, ConversionWarning, Flavour, MatchKey};
use crate::plugin::MatchRule;

rules! {
    RULE_WITHOUT_CONDITION: "rule-without-condition" Error {
        title: "A match rule without a condition",
        why: "Higress's controller refuses the whole resource for it: the version before stays live until the next valid \
              edit, and the plugin is gone when the controller restarts.",
        fix: "Give the rule `ingress`, `domain` or `service`; what holds for all requests goes into `defaultConfig`.",
    },
    RULE_DISABLED: "rule-disabled" Warning {
        title: "A disabled rule beside a default configuration",
        why: "`configDisable` leaves the rule out of the conversion. Its requests fall to later rules and then to \
              `defaultConfig`, so the plugin is not off for them.",
        fix: "Leave the rule in, with a configuration that does nothing, or set `defaultConfigDisable`.",
    },
    SEVERAL_MATCH_KEYS: "several-match-keys" Warning {
        title: "A rule with several conditions",
        why: "Higress writes all of them, and each SDK makes something else of it: Go and C++ want route and service \
              both met and otherwise go by one key, not the same one; Rust, AssemblyScript and the Go SDK before it moved \
              to higress-group/wasm-go refuse the configuration, so that the VM does not start.",
        fix: "Write one rule for each condition, with the same `config`.",
    },
    MATCH_KEY_REPLACED: "match-key-replaced" Warning {
        title: "A match key that the rule's own condition replaces",
        why: "Higress writes the condition over a key of the same name in `config`, and nobody is told.",
        fix: "Remove the key from `config`.",
    },
    RULES_REPLACED: "rules-replaced" Warning {
        title: "A `_rules_` that the match rules replace",
        why: "Higress writes the match rules over `_rules_` of `defaultConfig`, and nobody is told.",
        fix: "Write all rules in one of the two places.",
    },
    RAW_CONFIG_WINS: "raw-config-wins" Warning {
        title: "Fields that `pluginConfig` puts out of force",
        why: "Higress hands `pluginConfig` on as it is, even an empty one, and then looks at neither `defaultConfig` nor \
              the match rules nor `defaultConfigDisable`.",
        fix: "Remove `pluginConfig`, or the other fields.",
    },
    PLUGIN_WITHDRAWN: "plugin-withdrawn" Warning {
        title: "A plugin with nothing in force",
        why: "With `defaultConfigDisable` and no match rule left, Higress withdraws the plugin from the gateway, and says \
              so in the controller's log only.",
        fix: "Remove `defaultConfigDisable`, or add a match rule; delete the resource if it is to be off.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.is_higress() {
        check_conversion(subject, findings);
    }
    for rule in &subject.rules {
        check_keys(subject, rule, findings);
    }
}

fn check_conversion(subject: &Subject<'_>, findings: &mut Findings) {
    match &subject.conversion {
        Conversion::Refused { .. } => check_conditions(subject, findings),
        Conversion::Dropped => findings.push(withdrawn(subject)),
        Conversion::Converted(converted) => {
            check_disabled(subject, findings);
            converted.warnings.iter().for_each(|warning| check_warning(subject, warning, findings));
        }
        Conversion::Ignored { .. } | Conversion::Unchanged(_) => {}
    }
}

/// Every rule without a condition, though Higress stops at the first.
fn check_conditions(subject: &Subject<'_>, findings: &mut Findings) {
    for (index, rule) in subject.spec().match_rules.iter().enumerate() {
        let path = spec_path("matchRules").index(index);
        let bare = rule.ingress.is_empty() && rule.domain.is_empty() && rule.service.is_empty();
        if !bare || rule.config_disable || !subject.is_read(&path) {
            continue;
        }
        let fix = match hidden_condition(rule) {
            Some(key) => format!(
                "write the rule by hand, in `_rules_` of `defaultConfig`: `{}` in `config` is no condition to Higress",
                key.name()
            ),
            None => "write `ingress`, `domain` or `service`, or move `config` to `defaultConfig`".to_owned(),
        };
        let message =
            "the rule has no `ingress`, `domain` or `service`, and the whole resource is refused for it";
        findings.push(subject.finding(&RULE_WITHOUT_CONDITION, path).told(message, fix));
    }
}

/// A condition that only the module would see.
fn hidden_condition(rule: &MatchRule) -> Option<MatchKey> {
    let config = rule.config.as_ref()?;
    MatchKey::ALL.into_iter().find(|key| config.contains_key(key.name()))
}

fn withdrawn(subject: &Subject<'_>) -> Finding {
    let message = if subject.spec().match_rules.is_empty() {
        "`defaultConfigDisable` is true and there is no match rule: the plugin is withdrawn"
    } else {
        "`defaultConfigDisable` is true and every match rule is disabled: the plugin is withdrawn"
    };
    let finding = subject.finding(&PLUGIN_WITHDRAWN, spec_path("defaultConfigDisable"));
    finding.told(message, "remove `defaultConfigDisable`, or enable or add a match rule")
}

fn check_disabled(subject: &Subject<'_>, findings: &mut Findings) {
    let spec = subject.spec();
    if spec.plugin_config.is_some() || spec.default_config_disable || spec.default_config.is_none() {
        return;
    }
    for (index, _) in spec.match_rules.iter().enumerate().filter(|(_, rule)| rule.config_disable) {
        let path = spec_path("matchRules").index(index).key("configDisable");
        findings.push(subject.finding(&RULE_DISABLED, path).told(
            "the rule is left out, so its requests get `defaultConfig`: the plugin is not off for them",
            "remove `configDisable` and write a `config` that does nothing, or set `defaultConfigDisable: true`",
        ));
    }
}

fn check_warning(subject: &Subject<'_>, warning: &ConversionWarning, findings: &mut Findings) {
    let (rule, fix) = match warning {
        ConversionWarning::RawConfigWins { field } => {
            (&RAW_CONFIG_WINS, format!("remove `{field}`, or remove `pluginConfig`"))
        }
        ConversionWarning::RulesReplaced => (
            &RULES_REPLACED,
            "remove `_rules_`, or write every rule into it and remove `matchRules`".to_owned(),
        ),
        ConversionWarning::KeyReplaced { key, .. } => {
            (&MATCH_KEY_REPLACED, format!("remove `{key}` from `config`"))
        }
        // Told where the names are.
        ConversionWarning::GrpcNamesLost { .. } => return,
    };
    findings.push(subject.finding(rule, warning.path()).told(warning.to_string(), fix));
}

fn check_keys(subject: &Subject<'_>, rule: &WrittenRule<'_>, findings: &mut Findings) {
    let mut keys: Vec<MatchKey> = rule.conditions.iter().map(|condition| condition.key).collect();
    keys.sort_unstable();
    let Some(what) = (keys.len() > 1).then(|| what_counts(subject.flavour(), &keys)).flatten() else {
        return;
    };
    let names: Vec<String> = keys.iter().map(|key| quoted(key.name())).collect();
    let names = names.join(" and ");
    findings.push(
        subject
            .finding(&SEVERAL_MATCH_KEYS, rule.path.clone())
            .told(format!("the rule has {names}: {what}"), "write one rule for each, with the same `config`"),
    );
}

/// What the SDKs make of several keys in one rule; nothing where the one that matters takes them as they are, or
/// refuses them, which is told as such.
fn what_counts(flavour: Option<Flavour>, keys: &[MatchKey]) -> Option<String> {
    let goes_by = |flavour: Flavour| {
        let counted = flavour.keys_that_count(keys).ok()?;
        Some((counted.len() < keys.len(), all_quoted(counted.iter().map(|key| key.name()))))
    };
    if let Some(flavour) = flavour {
        let (ignores, counted) = goes_by(flavour)?;
        return ignores.then(|| format!("{flavour} plugins take {counted} alone"));
    }
    let said = |flavour| {
        let (ignores, counted) = goes_by(flavour)?;
        Some(if ignores { format!("takes {counted} alone") } else { "wants both met".to_owned() })
    };
    let (go, cpp) = (said(Flavour::Go)?, said(Flavour::Cpp)?);
    Some(format!("Go {go}, C++ {cpp}, Rust and AssemblyScript do not start"))
}
