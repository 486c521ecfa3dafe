use envoy_types::pb::envoy::config::rbac::v3::Rbac as Rules;
use envoy_types::pb::envoy::extensions::filters::http::composite::v3::Composite;
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::Rbac;
use prost::{Message, Name};

use super::{Resource, Version};
use crate::gateway::Line;

/// What stands in for a plugin that is not there. Each is of a type that the line's filter stubs take
/// ([`crate::gateway::HttpFilter`]).
impl Resource {
    /// Answers every request with 403, as Istio's agent does since 1.25 for a plugin that fails closed and cannot be
    /// pulled (`createHTTPDefaultFilter`, Istio `pkg/wasm/convert.go`).
    ///
    /// `None` for [`Line::Seed`]: its stubs take no filter that could refuse a request.
    pub fn deny_all(name: &str, line: Line) -> Option<Self> {
        let rules = Some(Rules::default());
        (line != Line::Seed).then(|| stand_in(name, &Rbac { rules, ..named(line, "wasm-default-deny") }))
    }

    /// Lets every request pass, as Istio's agent does for a plugin that fails open and cannot be pulled.
    pub fn allow_all(name: &str, line: Line) -> Self {
        match line {
            Line::Seed => stand_in(name, &Composite::default()),
            _ => stand_in(name, &named(line, "wasm-default-allow")),
        }
    }

    /// Takes the place of a plugin that was removed: lets every request pass. A [`super::Publisher`] sets it by itself;
    /// it is for plugins that were removed before the publisher was there. An empty `Composite` does that too, but
    /// only stubs that have it for their default take one; every other line takes an `RBAC` without rules.
    pub fn removed(name: &str, line: Line) -> Self {
        Self::allow_all(name, line)
    }
}

fn stand_in<M: Message + Name>(name: &str, filter: &M) -> Resource {
    let version = Version::of([M::type_url().as_bytes(), &filter.encode_to_vec()]);
    Resource::of(name, version, filter)
}

/// Istio names the filter's statistics since 1.28.
fn named(line: Line, prefix: &str) -> Rbac {
    let rules_stat_prefix = if line == Line::Istio130 { prefix.to_owned() } else { String::new() };
    Rbac { rules_stat_prefix, ..Rbac::default() }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::core::v3::TypedExtensionConfig;
    use serde_json::Value;

    use super::*;
    use crate::gateway::{Chain, Workload};
    use crate::plugin::{FailStrategy, Form, Metadata, Spec, WasmPlugin};

    /// The types that the stub of a plugin takes.
    fn stub_types(strategy: FailStrategy, line: Line) -> Value {
        let namespace = line.root_namespace();
        let metadata =
            Metadata { name: "p".to_owned(), namespace: Some(namespace.to_owned()), ..Metadata::default() };
        let url = "oci://registry.example.com/p:1".to_owned();
        let spec = Spec { url, fail_strategy: strategy, ..Spec::default() };
        let plugin = WasmPlugin { form: Form::Istio, metadata, spec };
        let plugins = [plugin];
        let workload = Workload::plain(line);
        let chain = Chain::order(&plugins, line, &workload);
        let filters = serde_json::to_value(chain.http_filters()).unwrap();
        let stubs = filters.as_array().unwrap().iter();
        let mut types = stubs.filter_map(|filter| filter.pointer("/config_discovery/type_urls"));
        types.next().cloned().expect("the plugin is in the chain")
    }

    fn filter(resource: &Resource) -> (String, Vec<u8>) {
        let encoded = resource.encoded().any;
        let config = TypedExtensionConfig::decode(encoded.value.as_slice()).unwrap().typed_config.unwrap();
        (config.type_url, config.value)
    }

    #[test]
    fn every_stub_takes_what_stands_in_for_its_plugin() {
        for line in Line::ALL {
            for strategy in [FailStrategy::FailClose, FailStrategy::FailOpen] {
                let types = stub_types(strategy, line);
                let stand_ins = [
                    Resource::deny_all("p", line),
                    Some(Resource::allow_all("p", line)),
                    Some(Resource::removed("p", line)),
                ];
                for resource in stand_ins.iter().flatten() {
                    let (type_url, _) = filter(resource);
                    let takes = types.as_array().unwrap().contains(&Value::String(type_url));
                    assert!(takes, "{line} {strategy:?}: {types} has no place for {resource:?}");
                }
            }
        }
    }

    #[test]
    fn rules_without_a_policy_deny_and_no_rules_allow() {
        for line in [Line::Higress119, Line::Higress127, Line::Istio127, Line::Istio130] {
            let rbac = |resource: &Resource| Rbac::decode(filter(resource).1.as_slice()).unwrap();
            let deny = rbac(&Resource::deny_all("p", line).unwrap());
            assert_eq!(deny.rules, Some(Rules::default()), "{line}");
            let allow = rbac(&Resource::allow_all("p", line));
            assert_eq!(allow.rules, None, "{line}");
            let named = line == Line::Istio130;
            assert_eq!(deny.rules_stat_prefix == "wasm-default-deny", named);
            assert_eq!(allow.rules_stat_prefix == "wasm-default-allow", named);
        }
        assert_eq!(Resource::deny_all("p", Line::Seed), None);
    }
}
