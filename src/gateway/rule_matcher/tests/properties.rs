use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{MatchKey, WarningKind};
use super::*;

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("foo.com"),
        Just("*.foo.com"),
        Just("www.*"),
        Just("*"),
        Just("default/foo"),
        Just("svc:80"),
        Just("svc"),
        Just("default"),
        Just(""),
    ]
    .prop_map(str::to_owned)
    .boxed()
    .prop_union("\\PC{0,6}".boxed())
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any_key(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("_rules_"),
        Just("_match_route_"),
        Just("_match_domain_"),
        Just("_match_service_"),
        Just("_match_route_prefix_"),
        Just("_disable_"),
        Just("_plugin_id_"),
        Just("allow"),
        Just("global_auth"),
        Just("name"),
    ]
    .prop_map(str::to_owned)
}

fn match_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(MatchKey::ALL.map(MatchKey::name).to_vec())
}

/// A configuration with rules of any kind.
fn odd_rules() -> impl Strategy<Value = Value> {
    let values = prop_oneof![prop::collection::vec(word(), 0..3).prop_map(Value::from), any_json()];
    let rule = prop::collection::btree_map(any_key(), values, 1..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()));
    (prop::collection::vec(rule, 1..4), any::<bool>()).prop_map(|(rules, with_global)| {
        if with_global { json!({"_rules_": rules, "name": "x"}) } else { json!({"_rules_": rules}) }
    })
}

/// A rule that every flavour takes: one key, and a list of texts of which one is not empty.
fn good_rule() -> impl Strategy<Value = Value> {
    (match_key(), prop::collection::vec(word(), 0..3), any::<Option<bool>>()).prop_map(
        |(key, mut values, disable)| {
            values.push("x".to_owned());
            let mut rule = json!({key: values, "consumers": []});
            if let Some(disable) = disable {
                rule["_disable_"] = json!(disable);
            }
            rule
        },
    )
}

fn any_request() -> impl Strategy<Value = Request> {
    let authority = prop::option::of((word(), prop_oneof![Just(""), Just(":80"), Just("]")]));
    let cluster = prop_oneof![
        word(),
        (word(), word()).prop_map(|(port, fqdn)| format!("outbound|{port}||{fqdn}")),
        Just("outbound|80||svc".to_owned()),
    ];
    (authority, word(), cluster).prop_map(|(authority, route, cluster)| Request {
        authority: authority.map(|(host, port)| host + port),
        route,
        cluster,
    })
}

fn any_flavour() -> impl Strategy<Value = Flavour> {
    prop::sample::select(Flavour::ALL.to_vec())
}

proptest! {
    #[test]
    fn no_configuration_and_no_request_is_too_odd(
        flavour in any_flavour(),
        config in prop_oneof![any_json(), odd_rules()],
        request in any_request(),
    ) {
        if let Ok(matcher) = from_value(flavour, &config, &AcceptAny) {
            let decision = matcher.decide(&request);
            prop_assert!(serde_json::to_string(&decision).is_ok());
            prop_assert!(decision.rule().is_none_or(|rule| rule == decision.passed_over.len()));
        }
    }

    #[test]
    fn the_rule_chosen_is_the_first_that_would_be_alone(
        flavour in any_flavour(),
        rules in prop::collection::vec(good_rule(), 1..6),
        request in any_request(),
    ) {
        let together = matcher(flavour, &json!({"_rules_": rules})).decide(&request);
        let alone = rules.iter().position(|rule| matches(flavour, rule, &request));
        prop_assert_eq!(together.rule(), alone);
    }

    #[test]
    fn an_unreachable_rule_is_never_chosen(
        flavour in any_flavour(),
        rules in prop::collection::vec(good_rule(), 1..6),
        request in any_request(),
    ) {
        let matcher = matcher(flavour, &json!({"_rules_": rules}));
        let unreachable = matcher.warnings().iter().filter(|warning| warning.kind == WarningKind::Unreachable);
        let chosen = matcher.decide(&request).rule();
        prop_assert!(unreachable.filter_map(|warning| warning.rule).all(|rule| Some(rule) != chosen));
    }

    #[test]
    fn a_global_configuration_changes_no_rules_choice(
        flavour in any_flavour(),
        rules in prop::collection::vec(good_rule(), 1..6),
        request in any_request(),
    ) {
        let without = matcher(flavour, &json!({"_rules_": rules})).decide(&request);
        let with = matcher(flavour, &json!({"consumers": ["c"], "_rules_": rules})).decide(&request);
        prop_assert_eq!(with.rule(), without.rule());
        prop_assert_eq!(with.passed_over, without.passed_over);
    }

    #[test]
    fn the_sdks_agree_on_rules_with_one_key_and_plain_values(
        rules in prop::collection::vec((match_key(), prop::collection::vec("[a-c*.]{1,4}", 1..3)), 1..4),
        host in "[a-c.]{1,4}",
        route in "[a-c]{0,4}",
        fqdn in "[a-c.]{1,4}",
    ) {
        let rules: Vec<_> = rules.iter().map(|(key, values)| {
            let mut rule = Map::new();
            rule.insert((*key).to_owned(), json!(values));
            Value::Object(rule)
        }).collect();
        let request = request(&host, &route, &format!("outbound|80||{fqdn}"));
        let config = json!({"_rules_": rules});
        let go = matcher(Flavour::Go, &config).decide(&request).rule();
        for flavour in SDKS {
            prop_assert_eq!(matcher(flavour, &config).decide(&request).rule(), go);
        }
    }
}
