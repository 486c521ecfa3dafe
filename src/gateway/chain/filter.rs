use serde::Serialize;

use super::Line;
use super::built_in::TypedConfig;
use crate::plugin::FailStrategy;

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const COMPOSITE: &str = "type.googleapis.com/envoy.extensions.filters.http.composite.v3.Composite";

/// One entry of `http_filters` of Envoy's HTTP connection manager, in the order and with the names that its
/// `config_dump` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HttpFilter {
    /// `name`.
    pub name: String,
    #[serde(flatten)]
    config: FilterConfig,
}

/// Where a filter's configuration is: in the list, or behind discovery.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FilterConfig {
    /// `typed_config`: a built-in filter's, in place.
    TypedConfig(TypedConfig),
    /// `config_discovery`: a plugin's, asked for over ECDS by the filter's name.
    ConfigDiscovery(ConfigDiscovery),
}

/// `config_discovery` of a plugin's filter (Envoy `config.core.v3.ExtensionConfigSource`).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ConfigDiscovery {
    /// `config_source`.
    config_source: ConfigSource,
    /// `default_config`: the filter that stands in while the plugin is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_config: Option<TypedConfig>,
    /// `apply_default_config_without_warming`. Envoy does not print `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    apply_default_config_without_warming: bool,
    /// `type_urls`: the filters that discovery may answer with.
    type_urls: Vec<&'static str>,
}

/// `config_source`: over the stream that is open anyway, and Envoy waits for the answer without a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ConfigSource {
    ads: Ads,
    initial_fetch_timeout: &'static str,
    resource_api_version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Ads {}

impl Default for ConfigSource {
    /// What every line says (`defaultConfigSource`, Istio `pilot/pkg/networking/core/extension`).
    fn default() -> Self {
        Self { ads: Ads {}, initial_fetch_timeout: "0s", resource_api_version: "V3" }
    }
}

impl HttpFilter {
    /// A built-in filter.
    pub(super) fn built_in(name: &str, config: TypedConfig) -> Self {
        Self { name: name.to_owned(), config: FilterConfig::TypedConfig(config) }
    }

    /// The stub of a plugin, which `name` asks for.
    pub(super) fn stub(name: String, strategy: FailStrategy, line: Line) -> Self {
        Self { name, config: FilterConfig::ConfigDiscovery(ConfigDiscovery::of(strategy, line)) }
    }
}

impl ConfigDiscovery {
    /// The stub's shape. Higress gives a plugin that fails open an empty `Composite` to stand in for it, so
    /// that a failed pull does not hold the listener up (`toEnvoyHTTPFilter`, higress-group/istio
    /// `pilot/pkg/networking/core/extension/wasmplugin.go`, 65bc6fb6); its 1.12 base gave one to every
    /// plugin, and did not wait for the answer either. Istio has no default, and needs `RBAC` for the filter
    /// that its agent puts in place of a plugin that it cannot pull.
    fn of(strategy: FailStrategy, line: Line) -> Self {
        let fails_open = strategy == FailStrategy::FailOpen;
        let (has_default, type_urls) = match line {
            Line::Seed => (true, vec![WASM, COMPOSITE]),
            Line::Higress119 | Line::Higress127 if fails_open => (true, vec![WASM, RBAC, COMPOSITE]),
            _ => (false, vec![WASM, RBAC]),
        };
        Self {
            config_source: ConfigSource::default(),
            default_config: has_default.then_some(TypedConfig::Composite),
            apply_default_config_without_warming: line == Line::Seed,
            type_urls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stub(strategy: FailStrategy, line: Line) -> String {
        serde_json::to_string_pretty(&HttpFilter::stub("n.p".to_owned(), strategy, line)).unwrap()
    }

    #[test]
    fn higress_gives_a_plugin_that_fails_open_a_default() {
        insta::assert_snapshot!(stub(FailStrategy::FailOpen, Line::Higress127), @r#"
        {
          "name": "n.p",
          "config_discovery": {
            "config_source": {
              "ads": {},
              "initial_fetch_timeout": "0s",
              "resource_api_version": "V3"
            },
            "default_config": {
              "@type": "type.googleapis.com/envoy.extensions.filters.http.composite.v3.Composite"
            },
            "type_urls": [
              "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
              "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
              "type.googleapis.com/envoy.extensions.filters.http.composite.v3.Composite"
            ]
          }
        }
        "#);
        assert_eq!(
            stub(FailStrategy::FailOpen, Line::Higress119),
            stub(FailStrategy::FailOpen, Line::Higress127)
        );
    }

    #[test]
    fn a_plugin_that_fails_closed_has_no_default() {
        insta::assert_snapshot!(stub(FailStrategy::FailClose, Line::Higress127), @r#"
        {
          "name": "n.p",
          "config_discovery": {
            "config_source": {
              "ads": {},
              "initial_fetch_timeout": "0s",
              "resource_api_version": "V3"
            },
            "type_urls": [
              "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
              "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
            ]
          }
        }
        "#);
    }

    #[test]
    fn istio_has_one_shape_for_every_strategy() {
        let shape = stub(FailStrategy::FailClose, Line::Higress127);
        for line in [Line::Istio127, Line::Istio130] {
            for strategy in [FailStrategy::FailClose, FailStrategy::FailOpen, FailStrategy::FailReload] {
                assert_eq!(stub(strategy, line), shape, "{line} {strategy:?}");
            }
        }
    }

    #[test]
    fn the_seed_gives_every_plugin_a_default_at_once() {
        let shape = stub(FailStrategy::FailClose, Line::Seed);
        assert!(shape.contains(r#""apply_default_config_without_warming": true"#), "{shape}");
        assert!(!shape.contains("rbac"), "{shape}");
        assert_eq!(stub(FailStrategy::FailOpen, Line::Seed), shape);
    }
}
