use serde_json::json;

use super::parsers::RulesOnly;
use super::*;
use crate::plugin::{ReadLimits, Resources};

const ECHO: &str = "outbound|8080||echo-server.higress-course.svc.cluster.local";

/// What Higress makes of custom-response with a default configuration and three rules.
fn custom_response() -> Value {
    let written = include_bytes!("../../convert/testdata/custom-response.istio.yaml");
    let resources =
        Resources::read(written, &ReadLimits::default()).expect("the conversion's expectation is YAML");
    let config = resources.plugins[0].plugin.spec.plugin_config.clone();
    Value::Object(config.expect("it has a configuration"))
}

#[test]
fn the_first_rule_that_matches_has_the_say() {
    let table = [
        ("foo.com", "higress-course/ingress-bar", ECHO, Some(0), "key2=value2"),
        ("foo.com:443", "other", "other", Some(0), "key2=value2"),
        ("bar.com", "higress-course/ingress-bar", ECHO, Some(1), "key3=value3"),
        ("bar.com", "other", ECHO, Some(2), "key4=value4"),
        ("FOO.com", "other", "other", None, "key1=value1"),
    ];
    for (host, route, cluster, rule, header) in table {
        for flavour in SDKS {
            let decision = matcher(flavour, &custom_response()).decide(&request(host, route, cluster));
            assert_eq!(decision.rule(), rule, "{flavour}: {host} {route} {cluster}");
            assert_eq!(
                decision.config().unwrap()["headers"],
                json!([header]),
                "{flavour}: {host} {route} {cluster}"
            );
            assert_eq!(decision.passed_over.len(), rule.unwrap_or(3), "{flavour}: {host} {route} {cluster}");
        }
    }
}

#[test]
fn the_configuration_is_without_the_matchers_keys() {
    let decision = matcher(Flavour::Go, &custom_response()).decide(&to_host("bar.com"));
    assert_eq!(decision.config(), Some(&json!({"body": "{\"hello\":\"foo\"}", "headers": ["key1=value1"]})));
}

#[test]
fn every_rule_that_is_passed_over_says_why() {
    let table = [
        (json!({"_match_domain_": ["foo.com"]}), "the host `bar.com` does not match `foo.com`"),
        (
            json!({"_match_domain_": ["bar.com:8080"]}),
            "the host `bar.com` does not match `bar.com:8080` (a domain is compared with the host without its port, \
             so this one never matches)",
        ),
        (
            json!({"_match_domain_": ["*.bar.com", "BAR.com"]}),
            "the host `bar.com` does not match `*.bar.com` (it covers the names below, not the name itself) or \
             `BAR.com` (letter case counts)",
        ),
        (json!({"_match_route_": ["other"]}), "the route is `ns/bar`, not `other`"),
        (
            json!({"_match_route_": ["higress-system/foo"]}),
            "the route is `ns/bar`, not `higress-system/foo` (the gateway leaves its own namespace out of its route \
             names, so there the route is `foo`)",
        ),
        (
            json!({"_match_route_prefix_": ["api", "NS"]}),
            "the route `ns/bar` does not begin with `api` or `NS` (letter case counts)",
        ),
        (
            json!({"_match_service_": ["*.echo.svc"]}),
            "the service is `my.echo.svc` on port `80`, not `*.echo.svc` (no implementation knows wildcards for \
             services; it is compared as plain text)",
        ),
        (
            json!({"_match_service_": ["my.echo.svc:8080"]}),
            "the service is `my.echo.svc` on port `80`, not `my.echo.svc:8080`",
        ),
        (
            json!({"_match_route_": ["ns/bar"], "_match_service_": ["x"]}),
            "the route is `ns/bar`, but the rule needs both and the service is `my.echo.svc` on port `80`, not `x`",
        ),
        (
            json!({"_match_route_": ["x"], "_match_service_": ["my.echo.svc"]}),
            "the route is `ns/bar`, not `x` (the rule also names `_match_service_`, and needs both)",
        ),
        (
            json!({"_match_domain_": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}),
            "the host `bar.com` does not match `0` or `1` or `2` or `3` or `4` or `5` or `6` or `7` or 2 more",
        ),
    ];
    let request = request("bar.com:8080", "ns/bar", "outbound|80||my.echo.svc");
    for (rule, expected) in table {
        let decision = matcher(Flavour::Go, &json!({"_rules_": [rule]})).decide(&request);
        assert_eq!(decision.passed_over[0].reason, expected, "{rule}");
    }
}

#[test]
fn what_a_request_lacks_is_named() {
    let rules = json!({"_rules_": [{"_match_route_": ["r"]}, {"_match_service_": ["s"]}]});
    let decision = matcher(Flavour::Go, &rules).decide(&to_host("foo.com"));
    let reasons: Vec<_> = decision.passed_over.iter().map(|passed| passed.reason.as_str()).collect();
    let expected = ["the request has no route, so not `r`", "the request has no cluster, so not `s`"];
    assert_eq!(reasons, expected);
}

#[test]
fn a_plugin_without_global_configuration_leaves_other_requests_alone() {
    let rules = json!({"_rules_": [{"_match_route_": ["r"]}]});
    let decision = matcher(Flavour::Go, &rules).decide(&on_route("s"));
    assert_eq!(decision.outcome, Outcome::Idle { reason: "there is no global configuration".to_owned() });
    let refused = json!({"_rules_": [{"_match_route_": ["r"]}], "a": 1});
    let decision = configured(Flavour::Go, &refused, &RulesOnly).unwrap().decide(&on_route("s"));
    let reason = "the plugin refuses the global configuration: rules only".to_owned();
    assert_eq!(decision.outcome, Outcome::Idle { reason });
}

#[test]
fn a_decision_is_json_in_camel_case() {
    let rules = json!({"_rules_": [{"_match_route_": ["r"]}, {"_match_domain_": ["foo.com"], "a": 1}]});
    let decision = matcher(Flavour::Go, &rules).decide(&to_host("foo.com:80"));
    let expected = json!({
        "flavour": "go",
        "outcome": "rule",
        "rule": 1,
        "because": "the host `foo.com` matches `foo.com`",
        "config": {"a": 1},
        "passedOver": [{"rule": 0, "reason": "the request has no route, so not `r`"}],
    });
    assert_eq!(serde_json::to_value(decision).unwrap(), expected);

    let auth = json!({"consumers": ["c"], "_rules_": [{"_match_route_": ["r"], "allow": ["c"]}]});
    let decision = serde_json::to_value(matcher(Flavour::CppAuth, &auth).decide(&on_route("r"))).unwrap();
    assert_eq!(decision["auth"], json!({"check": "checked", "allow": ["c"]}));

    let decision = serde_json::to_value(matcher(Flavour::Go, &auth).decide(&Request::default())).unwrap();
    assert_eq!(decision["outcome"], "lookupFailed");
}

#[test]
fn a_refused_configuration_is_json_with_its_consequence() {
    let error = configured(Flavour::Go, &json!({"_rules_": [{}]}), &AcceptAny).unwrap_err();
    let report = serde_json::to_value(&error).unwrap();
    assert_eq!(report["rule"], 0);
    assert_eq!(report["consequence"], ConfigureError::CONSEQUENCE);
    assert_eq!(error.to_string(), format!("`_rules_[0]`: {}", report["reason"].as_str().unwrap()));
    let long = json!({"_rules_": "é".repeat(1000)});
    let found = failure(Flavour::Cpp, &long, &AcceptAny).to_string();
    assert!(found.len() < 500 && found.contains("é…"), "{found}");
}
