use self::Slot::Plugins;
use super::built_in::TypedConfig;
use super::{HttpFilter, Line};
use crate::plugin::Phase;

/// One slot of a line's chain.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Slot {
    /// A built-in filter that a plain installation has, without any further resource.
    Filter(HttpFilter),
    /// A built-in filter that something else brings.
    Conditional(Conditional),
    /// The plugins of a phase.
    Plugins(Phase),
}

/// A built-in filter that is not always there. What it would say depends on what brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conditional {
    pub(super) name: &'static str,
    /// The full name of the configuration's message.
    message: &'static str,
    pub(super) when: &'static str,
}

impl Conditional {
    pub(super) fn type_url(&self) -> String {
        format!("type.googleapis.com/{}", self.message)
    }
}

impl Line {
    /// The chain of a gateway's HTTP listener, first to last.
    pub(super) fn slots(self) -> Vec<Slot> {
        match self {
            Self::Seed => seed(),
            Self::Higress119 => higress(None),
            Self::Higress127 => higress(Some(inference(
                "ENABLE_GATEWAY_API_INFERENCE_EXTENSION is on (Higress's `global.enableInferenceExtension`)",
            ))),
            Self::Istio127 | Self::Istio130 => istio(),
        }
    }
}

/// What the dump shows, and no more: it says nothing of the filters that other settings would have added.
fn seed() -> Vec<Slot> {
    vec![
        cors(),
        Plugins(Phase::Authn),
        Plugins(Phase::Authz),
        rbac(),
        local_rate_limit(),
        Plugins(Phase::Stats),
        Plugins(Phase::Unspecified),
        fault(),
        router(),
    ]
}

/// `buildHTTPConnectionManager` of Higress's forks: for 1.27 higress-group/istio 454b2ea8
/// (`pilot/pkg/networking/core/listener_builder.go`), for 1.19 the same function in a copy of that branch,
/// dinoallo/higress-istio db8b9663 (`pilot/pkg/networking/core/v1alpha3/listener_builder.go`). What is on
/// follows Higress's Helm chart (`helm/core`: metadata exchange and the ALPN filter off, no metrics provider)
/// and `pkg/ali/features` (gRPC statistics off).
///
/// The RBAC and rate limit filters are always there, so that routes can configure them
/// (`mseingress.BuildHTTPFilters`); an `AuthorizationPolicy` puts its own RBAC filters in the same place.
fn higress(inference: Option<Slot>) -> Vec<Slot> {
    let mut slots = vec![
        CUSTOM_RESPONSE,
        ON_DEMAND,
        cors(),
        metadata_exchange_if("PILOT_ENABLE_METADATA_EXCHANGE is on, which Higress's chart turns off"),
        rbac_if(CUSTOM_ACTION),
        EXT_AUTHZ,
        Plugins(Phase::Authn),
        JWT_AUTHN,
        Plugins(Phase::Authz),
        rbac(),
        local_rate_limit(),
        Plugins(Phase::Stats),
        Plugins(Phase::Unspecified),
    ];
    slots.extend(inference);
    slots.extend([GRPC_WEB, GRPC_STATS, ALPN, fault(), STATS, STATEFUL_SESSION, router()]);
    slots
}

/// `buildHTTPConnectionManager` of Istio (`pilot/pkg/networking/core/listener_builder.go`, 7fd2c08f,
/// development of 1.27). Later development (rudrakhp/istio bc715031) has the same for gateways, and 1.30 is
/// taken to have kept it. The Helm chart of discovery names `prometheus` as the metrics provider
/// (`istio-discovery/templates/configmap.yaml`).
fn istio() -> Vec<Slot> {
    vec![
        always("istio.metadata_exchange", TypedConfig::metadata_exchange()),
        rbac_if(CUSTOM_ACTION),
        EXT_AUTHZ,
        Plugins(Phase::Authn),
        JWT_AUTHN,
        Plugins(Phase::Authz),
        rbac_if("an AuthorizationPolicy applies"),
        Plugins(Phase::Stats),
        Plugins(Phase::Unspecified),
        inference("the Gateway routes to an InferencePool"),
        GRPC_WEB,
        always("envoy.filters.http.grpc_stats", TypedConfig::grpc_stats()),
        always("istio.alpn", TypedConfig::alpn()),
        fault(),
        cors(),
        always("istio.stats", TypedConfig::stats()),
        STATEFUL_SESSION,
        router(),
    ]
}

fn always(name: &str, config: TypedConfig) -> Slot {
    Slot::Filter(HttpFilter::built_in(name, config))
}

fn cors() -> Slot {
    always("envoy.filters.http.cors", TypedConfig::Cors)
}

fn fault() -> Slot {
    always("envoy.filters.http.fault", TypedConfig::Fault)
}

fn local_rate_limit() -> Slot {
    always("envoy.filters.http.local_ratelimit", TypedConfig::local_rate_limit())
}

fn rbac() -> Slot {
    always("envoy.filters.http.rbac", TypedConfig::Rbac)
}

fn router() -> Slot {
    always("envoy.filters.http.router", TypedConfig::Router)
}

const fn conditional(name: &'static str, message: &'static str, when: &'static str) -> Slot {
    Slot::Conditional(Conditional { name, message, when })
}

const CUSTOM_ACTION: &str = "an AuthorizationPolicy with action CUSTOM applies";

const ALPN: Slot = conditional(
    "istio.alpn",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
    "PILOT_ENABLE_ALPN_FILTER is on, which Higress's chart turns off",
);
const CUSTOM_RESPONSE: Slot = conditional(
    "envoy.filters.http.custom_response",
    "envoy.extensions.filters.http.custom_response.v3.CustomResponse",
    "the EnvoyFilter `higress-gateway-global-custom-response` of newer Higress charts applies",
);
const EXT_AUTHZ: Slot = conditional(
    "envoy.filters.http.ext_authz",
    "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
    CUSTOM_ACTION,
);
const GRPC_STATS: Slot = conditional(
    "envoy.filters.http.grpc_stats",
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    "ENABLE_GRPC_STATS_FILTER is on",
);
const GRPC_WEB: Slot = conditional(
    "envoy.filters.http.grpc_web",
    "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb",
    "the listener's protocol is GRPC-Web",
);
const JWT_AUTHN: Slot = conditional(
    "envoy.filters.http.jwt_authn",
    "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
    "a RequestAuthentication applies",
);
/// The fork names this filter after its type.
const ON_DEMAND: Slot = conditional(
    "envoy.filters.http.on_demand.v3.OnDemand",
    "envoy.extensions.filters.http.on_demand.v3.OnDemand",
    "ON_DEMAND_RDS is on (Higress's `global.onDemandRDS`), and scoped routes are",
);
const STATEFUL_SESSION: Slot = conditional(
    "envoy.filters.http.stateful_session",
    "envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
    "PILOT_ENABLE_PERSISTENT_SESSION_FILTER is on",
);
const STATS: Slot = conditional(
    "istio.stats",
    "stats.PluginConfig",
    "a Telemetry resource or the mesh's defaultProviders name a metrics provider",
);

const fn inference(when: &'static str) -> Slot {
    let message = "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor";
    conditional("envoy.filters.http.ext_proc", message, when)
}

const fn metadata_exchange_if(when: &'static str) -> Slot {
    conditional("istio.metadata_exchange", "udpa.type.v1.TypedStruct", when)
}

const fn rbac_if(when: &'static str) -> Slot {
    conditional("envoy.filters.http.rbac", "envoy.extensions.filters.http.rbac.v3.RBAC", when)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line's chain in short: a filter by its name, one that is not always there in brackets, a phase in
    /// capitals on a line of its own.
    fn chain(line: Line) -> String {
        let words = line.slots().into_iter().map(|slot| match slot {
            Slot::Filter(filter) => format!(" {}", short(&filter.name)),
            Slot::Conditional(filter) => format!(" [{}]", short(filter.name)),
            Plugins(phase) => format!("\n{}", phase.as_str()),
        });
        words.collect::<String>().trim_start().to_owned()
    }

    fn short(name: &str) -> String {
        name.strip_prefix("envoy.filters.http.").unwrap_or(name).to_owned()
    }

    #[test]
    fn the_forks_of_higress_begin_with_cors_and_always_have_rbac_and_the_rate_limit() {
        insta::assert_snapshot!(chain(Line::Higress127), @r"
        [custom_response] [on_demand.v3.OnDemand] cors [istio.metadata_exchange] [rbac] [ext_authz]
        AUTHN [jwt_authn]
        AUTHZ rbac local_ratelimit
        STATS
        UNSPECIFIED_PHASE [ext_proc] [grpc_web] [grpc_stats] [istio.alpn] fault [istio.stats] [stateful_session] router
        ");
        assert_eq!(chain(Line::Higress119), chain(Line::Higress127).replace(" [ext_proc]", ""));
    }

    #[test]
    fn istio_has_cors_behind_the_plugins_and_its_own_filters() {
        insta::assert_snapshot!(chain(Line::Istio127), @r"
        istio.metadata_exchange [rbac] [ext_authz]
        AUTHN [jwt_authn]
        AUTHZ [rbac]
        STATS
        UNSPECIFIED_PHASE [ext_proc] [grpc_web] grpc_stats istio.alpn fault cors istio.stats [stateful_session] router
        ");
        assert_eq!(chain(Line::Istio130), chain(Line::Istio127));
    }

    #[test]
    fn every_filter_of_istio_says_what_envoy_prints() {
        let filters = Line::Istio127.slots().into_iter().filter_map(|slot| match slot {
            Slot::Filter(filter) => Some(serde_json::to_string(&filter).unwrap()),
            _ => None,
        });
        insta::assert_snapshot!(filters.collect::<Vec<_>>().join("\n"), @r#"
        {"name":"istio.metadata_exchange","typed_config":{"@type":"type.googleapis.com/udpa.type.v1.TypedStruct","type_url":"type.googleapis.com/io.istio.http.peer_metadata.Config","value":{"upstream_discovery":[{"istio_headers":{}},{"workload_discovery":{}}],"upstream_propagation":[{"istio_headers":{}}]}}}
        {"name":"envoy.filters.http.grpc_stats","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig","emit_filter_state":true,"stats_for_all_methods":false}}
        {"name":"istio.alpn","typed_config":{"@type":"type.googleapis.com/istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig","alpn_override":[{"alpn_override":["istio-http/1.0","istio","http/1.0"]},{"upstream_protocol":"HTTP11","alpn_override":["istio-http/1.1","istio","http/1.1"]},{"upstream_protocol":"HTTP2","alpn_override":["istio-h2","istio","h2"]}]}}
        {"name":"envoy.filters.http.fault","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}}
        {"name":"envoy.filters.http.cors","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors"}}
        {"name":"istio.stats","typed_config":{"@type":"type.googleapis.com/stats.PluginConfig","disable_host_header_fallback":true}}
        {"name":"envoy.filters.http.router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
        "#);
    }

    #[test]
    fn every_line_has_each_phase_once_in_the_order_of_phases_and_the_router_last() {
        for line in Line::ALL {
            let slots = line.slots();
            let phases: Vec<Phase> = slots
                .iter()
                .filter_map(|slot| if let Plugins(phase) = slot { Some(*phase) } else { None })
                .collect();
            assert_eq!(phases, [Phase::Authn, Phase::Authz, Phase::Stats, Phase::Unspecified], "{line}");
            assert_eq!(slots.last(), Some(&router()), "{line}");
        }
    }
}
