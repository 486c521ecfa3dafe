use serde_json::{Map, json};

use super::super::MatchKey::{Domain, Route, RoutePrefix, Service};
use super::super::condition::Condition;
use super::super::criterion::Criterion;
use super::super::match_key::MatchValues;
use super::super::{ConfigureFailure, MatchKey};
use super::*;

/// What counts of the keys, in Go, C++, and Rust and AssemblyScript; none means that the module refuses the
/// rule.
type Row<'a> = (&'a [MatchKey], Option<&'a [MatchKey]>, Option<&'a [MatchKey]>, Option<&'a [MatchKey]>);

#[test]
fn of_several_keys_each_sdk_goes_by_its_own() {
    let table: [Row<'_>; 16] = [
        (&[], None, None, None),
        (&[Route], Some(&[Route]), Some(&[Route]), Some(&[Route])),
        (&[RoutePrefix], Some(&[RoutePrefix]), Some(&[RoutePrefix]), Some(&[RoutePrefix])),
        (&[Domain], Some(&[Domain]), Some(&[Domain]), Some(&[Domain])),
        (&[Service], Some(&[Service]), Some(&[Service]), Some(&[Service])),
        (&[Route, Service], Some(&[Route, Service]), Some(&[Route, Service]), None),
        (&[Route, Domain], Some(&[Route]), Some(&[Route]), None),
        (&[Route, RoutePrefix], Some(&[Route]), Some(&[Route]), None),
        (&[Domain, Service], Some(&[Domain]), Some(&[Service]), None),
        (&[RoutePrefix, Domain], Some(&[Domain]), Some(&[RoutePrefix]), None),
        (&[RoutePrefix, Service], Some(&[Service]), Some(&[RoutePrefix]), None),
        (&[Route, Domain, Service], Some(&[Route, Service]), Some(&[Route, Service]), None),
        (&[Route, RoutePrefix, Service], Some(&[Route, Service]), Some(&[Route, Service]), None),
        (&[Route, RoutePrefix, Domain], Some(&[Route]), Some(&[Route]), None),
        (&[RoutePrefix, Domain, Service], Some(&[Domain]), Some(&[RoutePrefix]), None),
        (&MatchKey::ALL, Some(&[Route, Service]), Some(&[Route, Service]), None),
    ];
    for (present, go, cpp, one) in table {
        let columns = [go, cpp, cpp, one, one];
        for (flavour, expected) in Flavour::ALL.into_iter().zip(columns) {
            let rule: Map<_, _> = present.iter().map(|key| (key.name().to_owned(), json!(["x"]))).collect();
            let values = MatchValues::read(flavour, &Value::Object(rule)).unwrap();
            let counted = Condition::of(flavour, &values).ok();
            let counted = counted.map(|it| it.criteria().iter().map(Criterion::key).collect::<Vec<_>>());
            assert_eq!(counted.as_deref(), expected, "{flavour}: {present:?}");
        }
    }
}

#[test]
fn a_module_does_not_start_with_the_keys_it_refuses() {
    for flavour in Flavour::ALL {
        let without = json!({"_rules_": [{"age": 16}]});
        assert_eq!(failure(flavour, &without, &AcceptAny), ConfigureFailure::NoMatchKey, "{flavour}");
    }
    let two = json!({"_rules_": [{"_match_route_": ["r"], "_match_domain_": ["d"]}]});
    for flavour in [Flavour::Rust, Flavour::AssemblyScript] {
        let error = configured(flavour, &two, &AcceptAny).unwrap_err();
        assert_eq!(error.rule, Some(0));
        let expected = "`_rules_[0]`: `_match_route_`, `_match_domain_` are in one rule: ";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn a_route_and_a_service_must_both_match() {
    let rule =
        json!({"_match_route_": ["route-a"], "_match_service_": ["service-1"], "_match_domain_": ["x.io"]});
    let table = [
        ("route-a", "outbound|80||service-1", true),
        ("route-a", "outbound|80||service-2", false),
        ("route-b", "outbound|80||service-1", false),
        ("route-b", "outbound|80||service-2", false),
        ("route-a", "service-1", false),
    ];
    for (route, cluster, expected) in table {
        for flavour in [Flavour::Go, Flavour::Cpp] {
            let request = request("x.io", route, cluster);
            assert_eq!(matches(flavour, &rule, &request), expected, "{flavour}: {route} {cluster}");
        }
    }
}

#[test]
fn routes_match_whole_and_route_prefixes_at_the_beginning() {
    let table = [
        ("_match_route_", "default/foo", "default/foo", true),
        ("_match_route_", "default/foo", "default/foo-default", false),
        ("_match_route_", "default/foo", "Default/foo", false),
        ("_match_route_", "foo", "", false),
        ("_match_route_prefix_", "test", "test@op1", true),
        ("_match_route_prefix_", "test", "test", true),
        ("_match_route_prefix_", "test", "a-test", false),
        ("_match_route_prefix_", "test", "", false),
    ];
    for (key, value, route, expected) in table {
        for flavour in Flavour::ALL {
            assert_eq!(
                matches(flavour, &json!({key: [value]}), &on_route(route)),
                expected,
                "{flavour}: {value} {route}"
            );
        }
    }
}
