//! What the author wrote in `spec.matchRules` is what the module does after the conversion.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::super::domain::{DomainPattern, without_port};
use super::super::service::Cluster;
use super::*;
use crate::gateway::{Conversion, GatewaySettings, convert};
use crate::plugin::{Config, MatchRule, Metadata, Spec, WasmPlugin};

/// The entry of `spec.matchRules` that a Go module answers the request with, and the configuration.
fn through_conversion(spec: &Spec, request: &Request) -> Option<(Option<usize>, Config)> {
    let metadata = Metadata { namespace: Some("higress-system".to_owned()), ..Metadata::default() };
    let plugin = WasmPlugin { metadata, spec: spec.clone(), ..WasmPlugin::default() };
    let Conversion::Converted(converted) = convert(&plugin, &GatewaySettings::default()) else { return None };
    let config = converted.plugin.spec.plugin_config.as_ref();
    let decision = RuleMatcher::configure(Flavour::Go, config, &AcceptAny).unwrap().decide(request);
    let rule = decision.rule().map(|rule| converted.rules[rule]);
    decision.config().map(|config| (rule, config.as_object().unwrap().clone()))
}

/// The same by the words of the resource's documentation: the first enabled rule in the list's order, or else
/// the default. Of several lists in a rule, a route and a service count together, and then a domain before a
/// service.
fn as_written(spec: &Spec, request: &Request) -> Option<(Option<usize>, Config)> {
    let is_for = |rule: &MatchRule| {
        let host = without_port(request.authority.as_deref().unwrap());
        let route = rule.ingress.contains(&request.route);
        let domain = rule.domain.iter().any(|pattern| DomainPattern::parse(pattern).matches(host));
        let cluster = Cluster::parse(&request.cluster).unwrap();
        let service = rule.service.iter().any(|service| cluster.is(Flavour::Go, service));
        match (!rule.ingress.is_empty(), !rule.domain.is_empty()) {
            (true, _) => route && (rule.service.is_empty() || service),
            (false, true) => domain,
            (false, false) => service,
        }
    };
    let found = spec.match_rules.iter().position(|rule| !rule.config_disable && is_for(rule));
    let config = match found {
        Some(rule) => spec.match_rules[rule].config.clone().unwrap_or_default(),
        None if spec.default_config_disable => return None,
        // Without anything, a Go module goes on as if there were an empty default.
        None if spec.match_rules.iter().all(|rule| rule.config_disable) => {
            spec.default_config.clone().unwrap_or_default()
        }
        None => spec.default_config.clone()?,
    };
    Some((found, config))
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab]{1,2}", 0..3)
}

fn own_config() -> impl Strategy<Value = Config> {
    any::<u8>().prop_map(|number| Map::from_iter([("own".to_owned(), json!(number))]))
}

fn match_rule() -> impl Strategy<Value = MatchRule> {
    let patterns = prop::collection::vec("[*]?[ab]{1,2}[*]?", 0..3);
    let parts = (names(), patterns, names(), prop::option::of(own_config()), any::<bool>());
    parts.prop_map(|(ingress, mut domain, service, config, config_disable)| {
        if ingress.is_empty() && domain.is_empty() && service.is_empty() {
            domain.push("a".to_owned());
        }
        MatchRule { ingress, domain, service, config, config_disable, ..MatchRule::default() }
    })
}

proptest! {
    #[test]
    fn a_request_meets_the_configuration_that_the_author_wrote_for_it(
        match_rules in prop::collection::vec(match_rule(), 0..5),
        default_config in prop::option::of(own_config()),
        default_config_disable in any::<bool>(),
        (host, route, fqdn) in ("[ab]{1,2}", "[ab]{0,2}", "[ab]{1,2}"),
    ) {
        let spec = Spec { default_config, match_rules, default_config_disable, ..Spec::default() };
        let request = request(&format!("{host}:80"), &route, &format!("outbound|80||{fqdn}"));
        prop_assert_eq!(through_conversion(&spec, &request), as_written(&spec, &request));
    }
}
