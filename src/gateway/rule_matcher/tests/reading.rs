//! Where the SDKs differ in reading a configuration, case by case. The columns are [`SDKS`].

use serde_json::json;

use super::super::match_key::MatchValues;
use super::super::{ConfigureFailure, Global, MatchKey};
use super::parsers::{Consumers, Person, Recorder, RefuseAll, RulesOnly};
use super::*;

#[test]
fn an_empty_object_is_a_global_configuration_to_all_but_cpp() {
    let empty = json!({});
    for flavour in [Flavour::Go, Flavour::AssemblyScript] {
        let asked = Recorder::default();
        let matcher = from_value(flavour, &empty, &asked).unwrap();
        assert_eq!(asked.0.into_inner(), [(json!({}), None)], "{flavour}");
        assert_eq!(matcher.decide(&to_host("x")).config(), Some(&json!("global")), "{flavour}");
        let refused = failure(flavour, &empty, &RefuseAll);
        assert_eq!(refused, ConfigureFailure::Global("not this".to_owned()), "{flavour}");
    }
    let matcher = from_value(Flavour::Rust, &empty, &RefuseAll).unwrap();
    assert_eq!(matcher.decide(&to_host("x")).config(), Some(&json!({})));
    for flavour in [Flavour::Cpp, Flavour::CppAuth] {
        assert_eq!(failure(flavour, &empty, &AcceptAny), ConfigureFailure::EmptyObject, "{flavour}");
    }
}

#[test]
fn what_is_no_object_is_empty_to_go_and_rust_and_a_fault_to_the_others() {
    for value in [json!([1]), json!("text"), json!(null), json!(7)] {
        for flavour in [Flavour::Go, Flavour::Rust] {
            let matcher = from_value(flavour, &value, &AcceptAny).unwrap();
            assert_eq!(matcher.decide(&to_host("x")).config(), Some(&json!({})), "{flavour}: {value}");
        }
        for flavour in [Flavour::Cpp, Flavour::CppAuth, Flavour::AssemblyScript] {
            let found = failure(flavour, &value, &AcceptAny);
            assert!(matches!(found, ConfigureFailure::NotAnObject { .. }), "{flavour}: {found}");
        }
    }
}

#[test]
fn a_refused_global_configuration_is_forgiven_where_there_are_rules() {
    let with_rules = json!({"a": 1, "_rules_": [{"_match_route_": ["r"]}]});
    let without = json!({"a": 1});
    for flavour in Flavour::ALL {
        let matcher = configured(flavour, &with_rules, &RulesOnly).unwrap();
        assert_eq!(matcher.decide(&on_route("r")).rule(), Some(0), "{flavour}");
        assert_eq!(matcher.decide(&on_route("s")).config(), None, "{flavour}");
        let refused = failure(flavour, &without, &RulesOnly);
        assert_eq!(refused, ConfigureFailure::Global("rules only".to_owned()), "{flavour}");
    }
}

#[test]
fn an_empty_list_of_rules_without_global_configuration_is_a_fault_to_go_and_rust() {
    for flavour in [Flavour::Go, Flavour::Rust] {
        assert_eq!(
            failure(flavour, &json!({"_rules_": []}), &AcceptAny),
            ConfigureFailure::Nothing,
            "{flavour}"
        );
    }
    for flavour in [Flavour::Cpp, Flavour::CppAuth, Flavour::AssemblyScript] {
        let matcher = matcher(flavour, &json!({"_rules_": []}));
        assert!(matches!(matcher.decide(&to_host("x")).outcome, Outcome::Idle { .. }), "{flavour}");
    }
    for flavour in Flavour::ALL {
        let matcher = matcher(flavour, &json!({"_rules_": [], "a": 1}));
        assert!(matches!(matcher.global, Global::Config(_)), "{flavour}");
    }
}

#[test]
fn rules_that_are_no_list_are_one_rule_or_none_or_a_fault() {
    let rules = json!({"_rules_": {"_match_route_": ["r"]}});
    let and_global = json!({"_rules_": {"_match_route_": ["r"]}, "a": 1});
    assert_eq!(matcher(Flavour::Go, &rules).decide(&on_route("r")).rule(), Some(0));
    assert_eq!(failure(Flavour::Go, &json!({"_rules_": null}), &AcceptAny), ConfigureFailure::Nothing);
    assert_eq!(failure(Flavour::Go, &json!({"_rules_": "r"}), &AcceptAny), ConfigureFailure::NoMatchKey);
    for flavour in [Flavour::Cpp, Flavour::CppAuth] {
        for config in [&rules, &and_global, &json!({"_rules_": null})] {
            let found = failure(flavour, config, &AcceptAny);
            assert!(matches!(found, ConfigureFailure::RulesNotAList(_)), "{flavour}: {found}");
        }
    }
    for flavour in [Flavour::Rust, Flavour::AssemblyScript] {
        assert_eq!(failure(flavour, &rules, &AcceptAny), ConfigureFailure::Nothing, "{flavour}");
        let decision = matcher(flavour, &and_global).decide(&on_route("r"));
        assert_eq!(decision.outcome, Outcome::Global { config: json!({"a": 1}) }, "{flavour}");
    }
}

#[test]
fn one_refused_rule_refuses_the_whole_configuration() {
    let rules = json!({"name": "john", "_rules_": [
        {"_match_route_": ["r"], "name": "ann"},
        {"_match_route_": ["s"], "name": 7},
    ]});
    for flavour in Flavour::ALL {
        let error = configured(flavour, &rules, &Person).unwrap_err();
        assert_eq!(error.rule, Some(1), "{flavour}");
        assert_eq!(error.failure, ConfigureFailure::Rule("`name` is no text".to_owned()), "{flavour}");
    }
}

#[test]
fn go_reads_the_match_keys_first_and_the_others_ask_the_plugin_first() {
    let rules = json!({"_rules_": [{"name": "ann"}]});
    let refused = ConfigureFailure::Rule("not that".to_owned());
    let expected = [ConfigureFailure::NoMatchKey, refused.clone(), refused.clone(), refused];
    for (flavour, expected) in SDKS.into_iter().zip(expected) {
        assert_eq!(failure(flavour, &rules, &RefuseAll), expected, "{flavour}");
    }
}

/// What each SDK reads from a rule's `_match_…` key: values, or none for a fault.
type Cells<'a> = [Option<&'a [&'a str]>; 4];

#[test]
fn the_values_of_a_match_key_are_read_in_four_ways() {
    const DOMAIN: &[MatchKey] = &[MatchKey::Domain];
    const NAMES: &[MatchKey] = &[MatchKey::Route, MatchKey::RoutePrefix, MatchKey::Service];
    const ALL: &[MatchKey] = &MatchKey::ALL;
    const NOTHING: Option<&[&str]> = Some(&[]);
    let table: [(&[MatchKey], Value, Cells<'_>); 14] = [
        // No list.
        (ALL, json!("x"), [Some(&["x"]), None, NOTHING, NOTHING]),
        (ALL, json!(null), [NOTHING, None, NOTHING, NOTHING]),
        (ALL, json!({"a": 1}), [Some(&[r#"{"a":1}"#]), None, NOTHING, NOTHING]),
        (ALL, json!([]), [NOTHING; 4]),
        // Empty items.
        (NAMES, json!(["", "x"]), [Some(&["x"]), Some(&["", "x"]), Some(&["x"]), Some(&["x"])]),
        (DOMAIN, json!(["", "x"]), [Some(&["", "x"]); 4]),
        // Items that are no text. C++ takes unsigned integers, and only them.
        (NAMES, json!([7]), [Some(&["7"]), Some(&["7"]), NOTHING, Some(&["7"])]),
        (DOMAIN, json!([7]), [Some(&["7"]), Some(&["7"]), Some(&[""]), Some(&["7"])]),
        (NAMES, json!([-7]), [Some(&["-7"]), None, NOTHING, Some(&["-7"])]),
        (DOMAIN, json!([-7]), [Some(&["-7"]), None, Some(&[""]), Some(&["-7"])]),
        (NAMES, json!([true, 1.5]), [Some(&["true", "1.5"]), None, NOTHING, Some(&["true", "1.5"])]),
        (DOMAIN, json!([true, 1.5]), [Some(&["true", "1.5"]), None, Some(&["", ""]), Some(&["true", "1.5"])]),
        (NAMES, json!([null]), [NOTHING, None, NOTHING, Some(&["null"])]),
        (DOMAIN, json!([null]), [Some(&[""]), None, Some(&[""]), Some(&["null"])]),
    ];
    for (keys, value, cells) in table {
        for (key, (flavour, expected)) in
            keys.iter().flat_map(|&key| SDKS.into_iter().zip(cells).map(move |it| (key, it)))
        {
            let read = MatchValues::read(flavour, &json!({key.name(): value.clone()})).ok();
            let read =
                read.as_ref().map(|values| values.of(key).iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(read.as_deref(), expected, "{flavour}: {} {value}", key.name());
        }
    }
}

#[test]
fn a_bare_text_leaves_rust_and_assemblyscript_without_a_match_key() {
    let rules = json!({"_rules_": [{"_match_domain_": "foo.com"}]});
    assert_eq!(matcher(Flavour::Go, &rules).decide(&to_host("foo.com")).rule(), Some(0));
    let found = failure(Flavour::Cpp, &rules, &AcceptAny);
    assert_eq!(found.to_string(), "`_match_domain_` is `\"foo.com\"`: the C++ SDK takes a list only");
    for flavour in [Flavour::Rust, Flavour::AssemblyScript] {
        assert_eq!(failure(flavour, &rules, &AcceptAny), ConfigureFailure::NoMatchKey, "{flavour}");
    }
}

#[test]
fn an_empty_route_prefix_is_every_route_to_cpp_and_nothing_to_the_others() {
    let rule = json!({"_match_route_prefix_": [""]});
    for flavour in [Flavour::Cpp, Flavour::CppAuth] {
        assert!(matches(flavour, &rule, &on_route("anything")), "{flavour}");
    }
    for flavour in [Flavour::Go, Flavour::Rust, Flavour::AssemblyScript] {
        assert_eq!(failure(flavour, &json!({"_rules_": [rule]}), &AcceptAny), ConfigureFailure::NoMatchKey);
    }
}

#[test]
fn no_bytes_are_an_empty_object_or_idleness_or_a_fault() {
    let empty = serde_json::Map::new();
    for config in [None, Some(&empty)] {
        for flavour in [Flavour::Go, Flavour::AssemblyScript] {
            let matcher = RuleMatcher::configure(flavour, config, &AcceptAny).unwrap();
            assert_eq!(
                matcher.decide(&to_host("x")).outcome,
                Outcome::Global { config: json!({}) },
                "{flavour}"
            );
            assert!(RuleMatcher::configure(flavour, config, &RefuseAll).is_err(), "{flavour}");
        }
        for flavour in [Flavour::Cpp, Flavour::CppAuth] {
            let matcher = RuleMatcher::configure(flavour, config, &RefuseAll).unwrap();
            assert!(matches!(matcher.decide(&to_host("x")).outcome, Outcome::Idle { .. }), "{flavour}");
        }
        let error = RuleMatcher::configure(Flavour::Rust, config, &AcceptAny).unwrap_err();
        assert_eq!(error, ConfigureError { rule: None, failure: ConfigureFailure::NoBytes });
    }
}

#[test]
fn only_cpp_knows_disable() {
    let rules =
        |disable| json!({"a": 1, "_rules_": [{"_match_route_": ["r"], "_disable_": disable, "b": 2}]});
    for flavour in [Flavour::Go, Flavour::Rust, Flavour::AssemblyScript] {
        let decision = matcher(flavour, &rules(json!(true))).decide(&on_route("r"));
        assert_eq!(decision.config(), Some(&json!({"b": 2})), "{flavour}");
    }
    for flavour in [Flavour::Cpp, Flavour::CppAuth] {
        for (disable, is_disabled) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("True"), false),
            (json!(1), false),
        ] {
            let decision = matcher(flavour, &rules(disable.clone())).decide(&on_route("r"));
            let outcome = &decision.outcome;
            assert_eq!(
                matches!(outcome, Outcome::Disabled { rule: 0, .. }),
                is_disabled,
                "{flavour}: {disable}"
            );
            assert_eq!(decision.config().is_none(), is_disabled, "{flavour}: {disable}");
        }
    }
}

#[test]
fn without_authority_go_fails_and_assemblyscript_has_no_configuration() {
    let config = json!({"a": 1, "_rules_": [{"_match_domain_": ["*"], "b": 2}]});
    let without = Request::default();
    let decide = |flavour| matcher(flavour, &config).decide(&without).outcome;
    assert!(matches!(decide(Flavour::Go), Outcome::LookupFailed { .. }));
    assert!(matches!(decide(Flavour::AssemblyScript), Outcome::Idle { .. }));
    for flavour in [Flavour::Cpp, Flavour::CppAuth, Flavour::Rust] {
        assert!(matches!(decide(flavour), Outcome::Rule { rule: 0, .. }), "{flavour}");
    }
}

#[test]
fn only_go_and_rust_hand_a_rule_the_global_configuration() {
    let config = json!({"a": 1, "_rules_": [{"_match_route_": ["r"], "b": 2}]});
    let global = Some(json!("global"));
    for (flavour, expected) in SDKS.into_iter().zip([global.clone(), None, global, None]) {
        let asked = Recorder::default();
        configured(flavour, &config, &asked).unwrap();
        // The plugin sees the matcher's keys too.
        let rule = config["_rules_"][0].clone();
        assert_eq!(asked.0.into_inner(), [(config.clone(), None), (rule, expected)], "{flavour}");
    }
    let bare = json!({"_rules_": [{"_match_route_": ["r"]}]});
    let rule = configured(Flavour::Go, &bare, &Consumers).unwrap();
    assert_eq!(rule.decide(&on_route("r")).config(), Some(&json!({"allow": null})));
}

#[test]
fn go_takes_the_plugins_id_out_before_anything_else() {
    let asked = Recorder::default();
    configured(Flavour::Go, &json!({"_plugin_id_": "x"}), &asked).unwrap();
    assert_eq!(asked.0.into_inner(), [(json!({}), None)]);
    let error = configured(Flavour::Go, &json!({"_plugin_id_": "x", "_rules_": []}), &AcceptAny).unwrap_err();
    assert_eq!(error.failure, ConfigureFailure::Nothing);
    // An empty one stays, and so do all of them in other SDKs.
    let asked = Recorder::default();
    configured(Flavour::Go, &json!({"_plugin_id_": ""}), &asked).unwrap();
    assert_eq!(asked.0.into_inner(), [(json!({"_plugin_id_": ""}), None)]);
    let asked = Recorder::default();
    configured(Flavour::Rust, &json!({"_plugin_id_": "x"}), &asked).unwrap();
    assert_eq!(asked.0.into_inner(), [(json!({"_plugin_id_": "x"}), None)]);
}

#[test]
fn a_rule_that_is_no_object_is_a_fault_to_all_but_assemblyscript() {
    let rules = json!({"_rules_": ["x", {"_match_route_": ["r"]}]});
    for flavour in [Flavour::Go, Flavour::Cpp, Flavour::CppAuth, Flavour::Rust] {
        assert_eq!(failure(flavour, &rules, &AcceptAny), ConfigureFailure::NoMatchKey, "{flavour}");
    }
    let matcher = matcher(Flavour::AssemblyScript, &rules);
    assert_eq!(matcher.rule_count(), 1);
    let decision = matcher.decide(&on_route("r"));
    assert_eq!(decision.rule(), Some(1));
    assert_eq!(decision.passed_over[0].reason, "`\"x\"` is no object, so the SDK leaves it out");
}
