//! The authentication plugins of C++: who is asked for credentials, and whose will do.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::{AuthCheck, ConfigureFailure, CredentialsRequired};
use super::*;

const CONSUMERS: &str = "consumers";

/// A module of key-auth.
fn key_auth(config: &Value) -> RuleMatcher {
    configured(Flavour::CppAuth, config, &CredentialsRequired).unwrap()
}

fn auth(config: &Value, route: &str) -> AuthCheck {
    key_auth(config).decide(&on_route(route)).auth.expect("the flavour says")
}

fn refused(config: &Value) -> ConfigureFailure {
    failure(Flavour::CppAuth, config, &CredentialsRequired)
}

fn anyone() -> AuthCheck {
    AuthCheck::Checked { allow: None }
}

fn only(names: &[&str]) -> AuthCheck {
    AuthCheck::Checked { allow: Some(names.iter().map(ToString::to_string).collect::<BTreeSet<_>>()) }
}

fn passes(check: &AuthCheck) -> bool {
    matches!(check, AuthCheck::Passes { .. })
}

/// A configuration with global consumers, this `global_auth`, and this one rule on route `r`.
fn config(global_auth: Option<bool>, rule: &Value) -> Value {
    let mut rule = rule.clone();
    rule["_match_route_"] = json!(["r"]);
    let mut config = json!({CONSUMERS: ["c1", "c2"], "_rules_": [rule]});
    if let Some(global_auth) = global_auth {
        config["global_auth"] = json!(global_auth);
    }
    config
}

#[test]
fn a_matched_rule_allows_the_consumers_it_lists() {
    for global_auth in [None, Some(false), Some(true)] {
        assert_eq!(
            auth(&config(global_auth, &json!({"allow": ["c1"]})), "r"),
            only(&["c1"]),
            "{global_auth:?}"
        );
        assert_eq!(auth(&config(global_auth, &json!({"allow": []})), "r"), only(&[]), "{global_auth:?}");
    }
    let decision = key_auth(&config(None, &json!({"allow": ["c1"]}))).decide(&on_route("r"));
    assert_eq!(
        decision.config(),
        Some(&json!({CONSUMERS: ["c1", "c2"]})),
        "the global consumers are in force"
    );
}

#[test]
fn without_a_matched_rule_only_global_auth_checks() {
    let rule = json!({"allow": ["c1"]});
    assert_eq!(auth(&config(Some(true), &rule), "other"), anyone());
    assert!(passes(&auth(&config(Some(false), &rule), "other")));
    assert!(passes(&auth(&config(None, &rule), "other")));
}

#[test]
fn without_rules_everyone_is_checked_unless_global_auth_is_false() {
    assert_eq!(auth(&json!({CONSUMERS: ["c1"]}), "r"), anyone());
    assert_eq!(auth(&json!({CONSUMERS: ["c1"], "_rules_": []}), "r"), anyone());
    assert_eq!(auth(&json!({CONSUMERS: ["c1"], "global_auth": true}), "r"), anyone());
    assert!(passes(&auth(&json!({CONSUMERS: ["c1"], "global_auth": false}), "r")));
    assert!(passes(&auth(&json!({"_rules_": []}), "r")));
}

#[test]
fn a_rule_with_consumers_of_its_own_is_checked_against_those() {
    let rule = json!({CONSUMERS: ["c9"]});
    for global_auth in [None, Some(true)] {
        assert_eq!(auth(&config(global_auth, &rule), "r"), anyone(), "{global_auth:?}");
    }
    assert!(passes(&auth(&config(Some(false), &rule), "r")));
    let decision = key_auth(&config(None, &rule)).decide(&on_route("r"));
    assert_eq!(decision.config(), Some(&json!({CONSUMERS: ["c9"]})));
}

#[test]
fn a_rule_without_list_allows_nobody() {
    // The SDK hands the plugin the empty list of such a rule, as if it had been written.
    assert_eq!(auth(&config(None, &json!({})), "r"), only(&[]));
    assert!(only(&[]).to_string().ends_with("the list is empty"), "{}", only(&[]));
}

#[test]
fn a_rules_own_consumers_put_its_list_out_of_force() {
    let rule = json!({CONSUMERS: ["c9"], "allow": ["c1"]});
    assert_eq!(auth(&config(None, &rule), "r"), anyone());
}

#[test]
fn a_second_match_key_is_taken_for_a_configuration_of_the_rules_own() {
    let rules = |allow: Option<Value>| {
        let mut rule = json!({"_match_route_": ["r"], "_match_domain_": ["foo.com"]});
        if let Some(allow) = allow {
            rule["allow"] = allow;
        }
        json!({CONSUMERS: ["c1"], "_rules_": [rule]})
    };
    // A plugin that insists on credentials refuses it, which is forgiven for the sake of `allow` only.
    assert_eq!(auth(&rules(Some(json!(["c1"]))), "r"), only(&["c1"]));
    assert!(matches!(refused(&rules(None)), ConfigureFailure::Rule(_)));
    // One that does not takes it, and forgets the list.
    let decision = matcher(Flavour::CppAuth, &rules(Some(json!(["c1"])))).decide(&on_route("r"));
    assert_eq!(decision.auth, Some(anyone()));
}

#[test]
fn enable_auth_counts_as_allow_does() {
    assert_eq!(auth(&config(None, &json!({"enable_auth": true})), "r"), only(&[]));
    assert_eq!(auth(&config(None, &json!({"enable_auth": true, "allow": ["c1"]})), "r"), only(&["c1"]));
}

#[test]
fn without_consumers_anywhere_nothing_can_be_checked() {
    let rules = json!({"global_auth": true, "_rules_": [{"_match_route_": ["r"], "allow": ["c1"]}]});
    let decision = key_auth(&rules).decide(&on_route("r"));
    assert_eq!((decision.rule(), decision.config()), (Some(0), None));
    assert!(passes(&decision.auth.unwrap()));
    assert!(passes(&auth(&rules, "other")));
}

#[test]
fn a_disabled_rule_passes() {
    let rule = json!({"_disable_": true, "allow": ["c1"]});
    assert!(passes(&auth(&config(Some(true), &rule), "r")));
}

#[test]
fn global_auth_and_allow_are_of_their_types() {
    let global_auth = |value: Value| json!({CONSUMERS: ["c1"], "global_auth": value});
    assert!(passes(&auth(&global_auth(json!("false")), "r")));
    for value in [json!("no"), json!(0), json!(null)] {
        let found = refused(&global_auth(value.clone()));
        assert_eq!(found, ConfigureFailure::GlobalAuth(value.to_string()));
    }
    let allow = |value: Value| config(None, &json!({"allow": value}));
    assert!(matches!(refused(&allow(json!("c1"))), ConfigureFailure::NotAList { .. }));
    assert!(matches!(refused(&allow(json!([true]))), ConfigureFailure::NotText { .. }));
}

#[test]
fn other_flavours_say_nothing_of_it() {
    for flavour in SDKS {
        let decision =
            matcher(flavour, &config(Some(true), &json!({"allow": ["c1"]}))).decide(&on_route("r"));
        assert_eq!(decision.auth, None, "{flavour}");
    }
}
