use serde_json::json;

use super::super::{ConfigureFailure, RuleBackup};
use super::parsers::{Isolated, Person};
use super::*;

fn good() -> Value {
    json!({"_match_route_": ["r1", "r2"], "name": "ann", "age": 16})
}

fn bad() -> Value {
    json!({"_match_route_": ["r2", "r1"], "name": "ann", "age": "sixteen"})
}

fn isolated(rules: &Value, backup: RuleBackup) -> Result<RuleMatcher, ConfigureError> {
    configured(Flavour::Go, &json!({"_rules_": rules}), &Isolated(backup))
}

#[test]
fn without_isolation_one_bad_rule_spoils_all() {
    let error = configured(Flavour::Go, &json!({"_rules_": [good(), bad()]}), &Person).unwrap_err();
    assert_eq!(error.failure, ConfigureFailure::Rule("`age` is no integer".to_owned()));
}

#[test]
fn a_good_rule_is_kept_for_later() {
    let matcher = isolated(&json!([good()]), RuleBackup::default()).unwrap();
    assert_eq!((matcher.rule_count(), matcher.backup().len()), (1, 1));
}

#[test]
fn a_bad_rule_is_replaced_by_its_last_good_copy() {
    let backup = isolated(&json!([good()]), RuleBackup::default()).unwrap().backup().clone();
    let matcher = isolated(&json!([bad()]), backup).unwrap();
    assert_eq!(matcher.rule_count(), 1);
    assert_eq!(matcher.decide(&on_route("r1")).config(), Some(&json!({"name": "ann", "age": 16})));
}

#[test]
fn a_bad_rule_without_copy_is_left_out() {
    let other = json!({"_match_route_": ["other"], "name": "bob", "age": 1});
    let matcher = isolated(&json!([bad(), other]), RuleBackup::default()).unwrap();
    assert_eq!(matcher.rule_count(), 1);
    let decision = matcher.decide(&on_route("r1"));
    assert_eq!(decision.config(), None);
    let reason = "the plugin refuses its configuration, and has no earlier copy of it: `age` is no integer";
    assert_eq!(decision.passed_over[0].reason, reason);
    assert_eq!(matcher.decide(&on_route("other")).rule(), Some(1));
}

#[test]
fn one_rule_has_to_be_left() {
    let error = isolated(&json!([bad()]), RuleBackup::default()).unwrap_err();
    let expected = "no rule is left; of the first, the plugin refuses its configuration, and has no earlier copy of it: \
                    `age` is no integer";
    assert_eq!(error.to_string(), expected);
    let with_global = json!({"name": "john", "_rules_": [bad()]});
    let error = configured(Flavour::Go, &with_global, &Isolated(RuleBackup::default())).unwrap_err();
    assert!(matches!(error.failure, ConfigureFailure::EveryRule(_)), "{error}");
}

#[test]
fn a_copy_from_the_same_configuration_will_do() {
    let matcher = isolated(&json!([good(), bad()]), RuleBackup::default()).unwrap();
    assert_eq!(matcher.rule_count(), 2);
}

#[test]
fn a_rule_without_condition_is_not_forgiven() {
    let error = isolated(&json!([good(), {"name": "x"}]), RuleBackup::default()).unwrap_err();
    assert_eq!(error, ConfigureError { rule: Some(1), failure: ConfigureFailure::NoMatchKey });
}

#[test]
fn no_other_sdk_isolates_rules() {
    for flavour in [Flavour::Cpp, Flavour::Rust, Flavour::AssemblyScript] {
        let rules = json!({"_rules_": [good(), bad()]});
        let error = configured(flavour, &rules, &Isolated(RuleBackup::default())).unwrap_err();
        assert_eq!(error.rule, Some(1), "{flavour}");
    }
}
