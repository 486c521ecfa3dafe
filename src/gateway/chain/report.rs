use serde::Serialize;

use super::slots::Conditional;
use super::{Chain, Excluded, HttpFilter, Line, Link, TypedExtensionConfig};
use crate::plugin::Phase;

/// A chain as one JSON value: what `wasmplugin chain` and the API answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainReport {
    /// The line.
    pub line: Line,
    /// The plugins, first to last.
    pub plugins: Vec<LinkReport>,
    /// The plugins that the gateway does not run.
    pub excluded: Vec<ExcludedReport>,
    /// `http_filters` as Envoy gets it; below here the names are Envoy's.
    pub http_filters: Vec<HttpFilter>,
    /// The filters that other settings or resources would add to it.
    pub conditional_filters: Vec<ConditionalFilter>,
    /// The ECDS resource of each plugin, in order.
    pub resources: Vec<TypedExtensionConfig>,
}

/// A plugin in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkReport {
    /// Counted from 1 among the plugins.
    pub position: usize,
    /// The plugin's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its phase, in the resource's word.
    pub phase: Phase,
    /// Its priority, where it has one.
    pub priority: Option<i32>,
    /// The name of its filter and ECDS resource.
    pub resource_name: String,
    /// Why it stands here.
    pub why: String,
    /// What is taken for granted about the gateway.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A plugin that the gateway does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExcludedReport {
    /// The plugin's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Why it is not in the chain.
    pub why: String,
}

/// A built-in filter that is not always there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalFilter {
    /// The filter's name.
    pub name: &'static str,
    /// Its type. What else it would say depends on the resources that bring it.
    #[serde(rename = "type")]
    pub type_url: String,
    /// The condition.
    pub when: &'static str,
    /// The filter of `httpFilters` that it would stand before, directly or with other conditional ones
    /// between.
    pub before: String,
}

impl Chain<'_> {
    /// The chain as one JSON value.
    pub fn report(&self) -> ChainReport {
        let links = self.links().iter().enumerate();
        ChainReport {
            line: self.line(),
            plugins: links.map(|(at, link)| LinkReport::of(at, link, self)).collect(),
            excluded: self.excluded().iter().map(ExcludedReport::of).collect(),
            http_filters: self.http_filters(),
            conditional_filters: self.conditional_filters(),
            resources: self.resources(),
        }
    }
}

impl ConditionalFilter {
    pub(super) fn new(filter: Conditional, before: String) -> Self {
        Self { name: filter.name, type_url: filter.type_url(), when: filter.when, before }
    }
}

impl LinkReport {
    fn of(at: usize, link: &Link<'_>, chain: &Chain<'_>) -> Self {
        let spec = &link.plugin.spec;
        Self {
            position: at + 1,
            name: link.plugin.metadata.name.clone(),
            namespace: link.namespace.to_owned(),
            phase: spec.phase,
            priority: spec.priority,
            resource_name: link.resource_name(chain.line()),
            why: link.why.clone(),
            notes: link.notes.clone(),
        }
    }
}

impl ExcludedReport {
    fn of(excluded: &Excluded<'_>) -> Self {
        Self {
            name: excluded.plugin.metadata.name.clone(),
            namespace: excluded.namespace.to_owned(),
            why: excluded.reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{labels, placed};
    use super::super::{Chain, Line, Workload};
    use crate::plugin::{Phase, PluginType};

    #[test]
    fn the_report_says_what_stands_where_and_why() {
        let mut network = placed("higress-system", "tcp", Phase::Authn, None);
        network.spec.plugin_type = PluginType::Network;
        let mut plugins = vec![
            placed("higress-system", "logger", Phase::Unspecified, None),
            placed("higress-system", "auth", Phase::Authn, Some(310)),
            network,
        ];
        plugins[0].spec.selector = Some(labels(&[("higress", "gw")]));
        let workload = Workload::plain(Line::default());
        let report = Chain::order(&plugins, Line::default(), &workload).report();
        // The filters and resources have tests of their own.
        assert_eq!(report.http_filters.len(), 7);
        assert_eq!(report.resources.len(), 2);
        let in_and_out = serde_json::to_string_pretty(&(&report.plugins, &report.excluded)).unwrap();
        insta::assert_snapshot!(in_and_out, @r#"
        [
          [
            {
              "position": 1,
              "name": "auth",
              "namespace": "higress-system",
              "phase": "AUTHN",
              "priority": 310,
              "resourceName": "extensions.istio.io/wasmplugin/higress-system.auth",
              "why": "AUTHN, priority 310"
            },
            {
              "position": 2,
              "name": "logger",
              "namespace": "higress-system",
              "phase": "UNSPECIFIED_PHASE",
              "priority": null,
              "resourceName": "extensions.istio.io/wasmplugin/higress-system.logger",
              "why": "UNSPECIFIED_PHASE, no priority",
              "notes": [
                "provided that the gateway has `higress: gw`"
              ]
            }
          ],
          [
            {
              "name": "tcp",
              "namespace": "higress-system",
              "why": "`type: NETWORK` puts it into the TCP chain"
            }
          ]
        ]
        "#);
    }

    #[test]
    fn a_conditional_filter_stands_before_the_next_that_is_there() {
        let plugins = [placed("istio-system", "auth", Phase::Authn, None)];
        let workload = Workload::plain(Line::Istio127);
        let chain = Chain::order(&plugins, Line::Istio127, &workload);
        let places: Vec<String> = chain
            .conditional_filters()
            .iter()
            .map(|filter| format!("{} < {}", filter.name, filter.before))
            .collect();
        insta::assert_snapshot!(places.join("\n"), @r"
        envoy.filters.http.rbac < extensions.istio.io/wasmplugin/istio-system.auth
        envoy.filters.http.ext_authz < extensions.istio.io/wasmplugin/istio-system.auth
        envoy.filters.http.jwt_authn < envoy.filters.http.grpc_stats
        envoy.filters.http.rbac < envoy.filters.http.grpc_stats
        envoy.filters.http.ext_proc < envoy.filters.http.grpc_stats
        envoy.filters.http.grpc_web < envoy.filters.http.grpc_stats
        envoy.filters.http.stateful_session < envoy.filters.http.router
        ");
    }
}
