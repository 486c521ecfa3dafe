use serde_json::json;

use super::super::{RuleBackup, Trap, WarningKind};
use super::parsers::{Isolated, RulesOnly};
use super::*;

fn kinds(flavour: Flavour, rule: &Value) -> Vec<WarningKind> {
    let matcher = matcher(flavour, &json!({"_rules_": [rule]}));
    assert!(matcher.warnings().iter().all(|warning| warning.rule == Some(0) && !warning.message.is_empty()));
    matcher.warnings().iter().map(|warning| warning.kind).collect()
}

#[test]
fn a_value_that_is_a_trap_is_warned_about_in_every_flavour() {
    let table = [
        ("_match_domain_", "foo.com:8080", Trap::DomainPort),
        ("_match_domain_", "*foo*", Trap::LiteralStar),
        ("_match_service_", "*.echo.svc", Trap::ServiceWildcard),
        ("_match_route_", "GRPC", Trap::GrpcRoute),
        ("_match_route_", "higress-system/foo", Trap::SystemNamespace),
        ("_match_route_prefix_", "api*", Trap::RouteWildcard),
    ];
    for (key, value, trap) in table {
        for flavour in Flavour::ALL {
            assert_eq!(
                kinds(flavour, &json!({key: ["good", value]})),
                [WarningKind::Trap(trap)],
                "{flavour}: {value}"
            );
        }
    }
}

#[test]
fn a_key_that_is_not_looked_at_is_warned_about() {
    use WarningKind::{IgnoredKey, SeveralKeys};
    let both = json!({"_match_domain_": ["foo.com"], "_match_service_": ["*.svc"]});
    assert_eq!(kinds(Flavour::Go, &both), [IgnoredKey, SeveralKeys]);
    assert_eq!(kinds(Flavour::Cpp, &both), [IgnoredKey, WarningKind::Trap(Trap::ServiceWildcard)]);
    let and = json!({"_match_route_": ["r"], "_match_service_": ["s"]});
    assert_eq!(kinds(Flavour::Go, &and), [SeveralKeys]);
    assert_eq!(kinds(Flavour::Cpp, &and), []);
    let disabled = json!({"_match_route_": ["r"], "_disable_": true});
    for flavour in SDKS {
        let expected = if flavour == Flavour::Cpp { &[][..] } else { &[IgnoredKey] };
        assert_eq!(kinds(flavour, &disabled), expected, "{flavour}");
    }
}

#[test]
fn the_key_that_counts_is_named() {
    let both = json!({"_rules_": [{"_match_domain_": ["foo.com"], "_match_service_": ["s"]}]});
    let go = matcher(Flavour::Go, &both);
    assert_eq!(
        go.warnings()[0].message,
        "`_match_service_` is not looked at: the Go SDK goes by `_match_domain_`"
    );
    let cpp = matcher(Flavour::Cpp, &both);
    assert_eq!(
        cpp.warnings()[0].message,
        "`_match_domain_` is not looked at: the C++ SDK goes by `_match_service_`"
    );
}

#[test]
fn a_bare_text_is_warned_about_where_it_is_not_refused() {
    let bare = json!({"_match_route_": ["r"], "_match_domain_": "foo.com"});
    assert_eq!(
        kinds(Flavour::Go, &bare),
        [WarningKind::IgnoredKey, WarningKind::SeveralKeys, WarningKind::NotAList]
    );
    for flavour in [Flavour::Rust, Flavour::AssemblyScript] {
        assert_eq!(kinds(flavour, &bare), [WarningKind::NotAList], "{flavour}");
    }
}

#[test]
fn a_rule_that_is_not_in_force_as_written_is_warned_about() {
    let left_out = kinds(Flavour::AssemblyScript, &json!("x"));
    assert_eq!(left_out, [WarningKind::RuleLeftOut]);
    assert_eq!(kinds(Flavour::Cpp, &json!({"_match_route_prefix_": [""]})), [WarningKind::EmptyPrefix]);

    let good = json!({"_rules_": [{"_match_route_": ["r"], "age": 1}]});
    let bad = json!({"_rules_": [{"_match_route_": ["r"], "age": "x"}]});
    let backup = configured(Flavour::Go, &good, &Isolated(RuleBackup::default())).unwrap().backup().clone();
    let restored = configured(Flavour::Go, &bad, &Isolated(backup)).unwrap();
    assert_eq!(restored.warnings()[0].kind, WarningKind::RuleRestored);
}

#[test]
fn a_rule_behind_one_for_every_request_is_warned_about() {
    let rules = json!({"_rules_": [
        {"_match_domain_": ["foo.com"]},
        {"_match_domain_": ["bar.com", "*"]},
        {"_match_domain_": ["baz.com"]},
    ]});
    for flavour in Flavour::ALL {
        let matcher = matcher(flavour, &rules);
        let [warning] = matcher.warnings() else { panic!("{flavour}: {:?}", matcher.warnings()) };
        assert_eq!((warning.rule, warning.kind), (Some(2), WarningKind::Unreachable), "{flavour}");
        assert_eq!(warning.message, "the rule is for no request: rule 1 before it is for every one");
    }
    let and =
        json!({"_rules_": [{"_match_route_": ["r"], "_match_domain_": ["*"]}, {"_match_route_": ["s"]}]});
    let kinds: Vec<_> = matcher(Flavour::Cpp, &and).warnings().iter().map(|warning| warning.kind).collect();
    assert_eq!(kinds, [WarningKind::IgnoredKey]);
}

#[test]
fn a_list_of_consumers_that_is_out_of_force_is_warned_about() {
    let rule = json!({"_match_route_": ["r"], "consumers": [], "allow": ["c1"]});
    assert_eq!(kinds(Flavour::CppAuth, &rule), [WarningKind::IgnoredKey]);
    assert_eq!(kinds(Flavour::CppAuth, &json!({"_match_route_": ["r"], "allow": ["c1"]})), []);
}

#[test]
fn a_refused_global_configuration_is_warned_about() {
    let config = json!({"a": 1, "_rules_": [{"_match_route_": ["r"]}]});
    let matcher = configured(Flavour::Rust, &config, &RulesOnly).unwrap();
    let [warning] = matcher.warnings() else { panic!("{:?}", matcher.warnings()) };
    assert_eq!((warning.rule, warning.kind), (None, WarningKind::GlobalRefused));
}

#[test]
fn a_kind_is_a_word_in_json() {
    let table = [
        (WarningKind::IgnoredKey, "ignored-key"),
        (WarningKind::Trap(Trap::ServiceWildcard), "service-wildcard"),
        (WarningKind::NotAList, "not-a-list"),
    ];
    for (kind, word) in table {
        assert_eq!(serde_json::to_value(kind).unwrap(), word);
    }
}

#[test]
fn a_good_rule_is_not_warned_about() {
    let rules = [
        json!({"_match_domain_": ["foo.com", "*.foo.com", "www.*", "*"]}),
        json!({"_match_route_": ["foo", "default/foo", "GRPC/default/foo"]}),
        json!({"_match_service_": ["echo.default.svc.cluster.local", "qwen.dns:443"]}),
        json!({"_match_route_prefix_": ["api-"]}),
    ];
    for rule in rules {
        for flavour in Flavour::ALL {
            assert_eq!(kinds(flavour, &rule), [], "{flavour}: {rule}");
        }
    }
}
