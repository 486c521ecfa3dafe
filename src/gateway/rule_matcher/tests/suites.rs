//! Cases of the SDKs' own test suites: `rule_matcher_test.go`, the tests of `rule_matcher.rs`, and
//! `route_rule_matcher_test.cc`.

use serde_json::json;

use super::super::ConfigureFailure;
use super::super::MatchKey;
use super::super::domain::DomainPattern;
use super::parsers::{Consumers, Person};
use super::*;

#[test]
fn a_configuration_without_rules_is_global() {
    for flavour in Flavour::ALL {
        let matcher = configured(flavour, &json!({"name": "john", "age": 18}), &Person).unwrap();
        assert_eq!(matcher.rule_count(), 0);
        let decision = matcher.decide(&to_host("x"));
        assert_eq!(decision.config(), Some(&json!({"name": "john", "age": 18})), "{flavour}");
    }
}

#[test]
fn rules_of_every_kind_are_read() {
    let config = json!({"_rules_": [
        {"_match_domain_": ["*.example.com", "www.*", "*", "www.abc.com"], "name": "john", "age": 18},
        {"_match_route_": ["test1", "test2"], "name": "ann", "age": 16},
        {"_match_service_": ["test1.dns", "test2.static:8080"], "name": "ann", "age": 16},
        {"_match_route_prefix_": ["api1", "api2"], "name": "ann", "age": 16},
    ]});
    for flavour in SDKS {
        let matcher = configured(flavour, &config, &Person).unwrap();
        assert!(matcher.global.config().is_none());
        let expected = [
            (MatchKey::Domain, &["*.example.com", "www.*", "*", "www.abc.com"][..]),
            (MatchKey::Route, &["test1", "test2"][..]),
            (MatchKey::Service, &["test1.dns", "test2.static:8080"][..]),
            (MatchKey::RoutePrefix, &["api1", "api2"][..]),
        ];
        assert_eq!(matcher.rules.len(), expected.len());
        for (slot, (key, values)) in matcher.rules.iter().zip(expected) {
            let [criterion] = slot.rule().unwrap().condition.criteria() else {
                panic!("one criterion for a key")
            };
            assert_eq!(
                (criterion.key(), criterion.values()),
                (key, &values.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
                "{flavour}"
            );
        }
        let decision = matcher.decide(&request("www.abc.com", "test1", ""));
        assert_eq!(decision.config(), Some(&json!({"name": "john", "age": 18})), "{flavour}");
    }
    let kinds = ["*.example.com", "www.*", "*", "www.abc.com"].map(DomainPattern::parse);
    let expected = [
        DomainPattern::Suffix(".example.com".to_owned()),
        DomainPattern::Prefix("www.".to_owned()),
        DomainPattern::Suffix(String::new()),
        DomainPattern::Exact("www.abc.com".to_owned()),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_configuration_needs_something_to_go_by() {
    let nothing = json!({"_rules_": []});
    for (flavour, refused) in SDKS.into_iter().zip([true, false, true, false]) {
        assert_eq!(configured(flavour, &nothing, &Person).is_err(), refused, "{flavour}");
    }
    for flavour in Flavour::ALL {
        let keyless = json!({"_rules_": [{"age": 16}]});
        assert_eq!(failure(flavour, &keyless, &Person), ConfigureFailure::NoMatchKey, "{flavour}");
    }
}

#[test]
fn two_keys_are_a_rule_in_go_and_cpp_only() {
    let domain_and_route =
        json!({"_rules_": [{"_match_domain_": ["*.example.com"], "_match_route_": ["test"]}]});
    let domain_and_service =
        json!({"_rules_": [{"_match_domain_": ["*.example.com"], "_match_service_": ["s.dns"]}]});
    let by_domain = request("www.example.com", "", "");
    let by_route = request("", "test", "");
    let by_service = request("", "", "outbound|80||s.dns");
    let table = [
        (Flavour::Go, &domain_and_route, &by_route, &by_domain),
        (Flavour::Cpp, &domain_and_route, &by_route, &by_domain),
        (Flavour::Go, &domain_and_service, &by_domain, &by_service),
        (Flavour::Cpp, &domain_and_service, &by_service, &by_domain),
    ];
    for (flavour, config, matching, other) in table {
        let matcher = matcher(flavour, config);
        assert_eq!(matcher.decide(matching).rule(), Some(0), "{flavour}: {config}");
        assert_eq!(matcher.decide(other).rule(), None, "{flavour}: {config}");
    }
    for flavour in [Flavour::Rust, Flavour::AssemblyScript] {
        for config in [&domain_and_route, &domain_and_service] {
            let found = failure(flavour, config, &AcceptAny);
            assert!(matches!(found, ConfigureFailure::SeveralMatchKeys { .. }), "{flavour}: {found}");
        }
    }
}

#[test]
fn an_override_parser_joins_a_rule_with_the_global_configuration() {
    let config = json!({
        "consumers": ["c1", "c2", "c3"],
        "_rules_": [{"_match_route_": ["r1", "r2"], "allow": ["c1", "c3"]}],
    });
    for flavour in [Flavour::Go, Flavour::Rust] {
        let matcher = configured(flavour, &config, &Consumers).unwrap();
        let joined = json!({"consumers": ["c1", "c2", "c3"], "allow": ["c1", "c3"]});
        assert_eq!(matcher.decide(&on_route("r2")).config(), Some(&joined), "{flavour}");
        let global = json!({"consumers": ["c1", "c2", "c3"]});
        assert_eq!(matcher.decide(&on_route("r3")).config(), Some(&global), "{flavour}");
    }
}

#[test]
fn an_override_parser_refuses_what_is_in_the_wrong_place() {
    let allow_without_rules = json!({"consumers": ["c1"], "allow": ["c1"]});
    let consumers_in_rule =
        json!({"consumers": ["c1"], "_rules_": [{"_match_route_": ["r"], "consumers": ["c2"]}]});
    for flavour in [Flavour::Go, Flavour::Rust] {
        let found = failure(flavour, &allow_without_rules, &Consumers);
        assert_eq!(found, ConfigureFailure::Global("`allow` is not global".to_owned()), "{flavour}");
        let found = failure(flavour, &consumers_in_rule, &Consumers);
        assert_eq!(found, ConfigureFailure::Rule("`consumers` is global".to_owned()), "{flavour}");
    }
}

#[test]
fn a_rule_on_routes_is_found_by_the_route() {
    let config = json!({"_rules_": [{"_match_route_": ["test1", "test2"], "name": "ann", "age": 16}]});
    for flavour in SDKS {
        let matcher = configured(flavour, &config, &Person).unwrap();
        assert_eq!(matcher.decide(&on_route("test")).config(), None, "{flavour}");
        for route in ["test1", "test2"] {
            let decision = matcher.decide(&on_route(route));
            assert_eq!(decision.config(), Some(&json!({"name": "ann", "age": 16})), "{flavour}: {route}");
        }
    }
}
