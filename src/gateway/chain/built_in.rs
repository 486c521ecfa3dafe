use serde::Serialize;
use serde_json::{Value, json};

/// The configuration of a built-in filter, as Envoy's `config_dump` prints it: the type first, and no field
/// that has its default. Read from Istio `pilot/pkg/xds/filters/filters.go` (1.23 to 1.28 development and
/// higress-group/istio 1ceb9736).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "@type")]
pub(super) enum TypedConfig {
    /// `envoy.filters.http.composite`, empty: lets everything pass.
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.composite.v3.Composite")]
    Composite,
    /// `envoy.filters.http.cors`.
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors")]
    Cors,
    /// `envoy.filters.http.fault`.
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault")]
    Fault,
    /// `envoy.filters.http.grpc_stats`.
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig")]
    GrpcStats {
        /// `emit_filter_state`.
        emit_filter_state: bool,
        /// `stats_for_all_methods`, a message around a boolean: printed even where it is false.
        stats_for_all_methods: bool,
    },
    /// `envoy.filters.http.local_ratelimit`.
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit")]
    LocalRateLimit {
        /// `stat_prefix`.
        stat_prefix: &'static str,
    },
    /// `envoy.filters.http.rbac`.
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC")]
    Rbac,
    /// `envoy.filters.http.router`.
    #[serde(rename = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router")]
    Router,
    /// `istio.alpn`.
    #[serde(rename = "type.googleapis.com/istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig")]
    Alpn {
        /// `alpn_override`.
        alpn_override: Vec<AlpnOverride>,
    },
    /// `istio.stats`.
    #[serde(rename = "type.googleapis.com/stats.PluginConfig")]
    Stats {
        /// `disable_host_header_fallback`: on for gateways, whose callers choose the host header.
        disable_host_header_fallback: bool,
    },
    /// A type that only Istio's proxy knows, sent as a structure.
    #[serde(rename = "type.googleapis.com/udpa.type.v1.TypedStruct")]
    TypedStruct {
        /// `type_url`.
        type_url: &'static str,
        /// `value`.
        value: Value,
    },
}

/// One entry of `alpn_override`: what the upstream connection offers for a protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct AlpnOverride {
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_protocol: Option<&'static str>,
    alpn_override: [&'static str; 3],
}

impl AlpnOverride {
    /// `protocol` is none for HTTP/1.0, the enum's zero, which Envoy does not print.
    fn new(protocol: Option<&'static str>, offers: [&'static str; 3]) -> Self {
        Self { upstream_protocol: protocol, alpn_override: offers }
    }
}

impl TypedConfig {
    /// `GrpcStats` (`filters.go`).
    pub(super) fn grpc_stats() -> Self {
        Self::GrpcStats { emit_filter_state: true, stats_for_all_methods: false }
    }

    /// `GlobalLocalRateLimitFilter` of Higress's fork
    /// (`pilot/pkg/networking/plugin/mseingress/mseingress.go`). It limits nothing by itself: routes and
    /// hosts configure it.
    pub(super) fn local_rate_limit() -> Self {
        Self::LocalRateLimit { stat_prefix: "http_local_rate_limiter" }
    }

    /// `Alpn` (`filters.go`): Istio's own names before the common one.
    pub(super) fn alpn() -> Self {
        Self::Alpn {
            alpn_override: vec![
                AlpnOverride::new(None, ["istio-http/1.0", "istio", "http/1.0"]),
                AlpnOverride::new(Some("HTTP11"), ["istio-http/1.1", "istio", "http/1.1"]),
                AlpnOverride::new(Some("HTTP2"), ["istio-h2", "istio", "h2"]),
            ],
        }
    }

    /// What the `prometheus` provider makes for a gateway (`generateStatsConfig`, Istio
    /// `pilot/pkg/model/telemetry.go`).
    pub(super) fn stats() -> Self {
        Self::Stats { disable_host_header_fallback: true }
    }

    /// `SidecarOutboundMetadataFilter` (`filters.go`), which gateways share with outbound listeners
    /// (`appendMxFilter`).
    pub(super) fn metadata_exchange() -> Self {
        Self::TypedStruct {
            type_url: "type.googleapis.com/io.istio.http.peer_metadata.Config",
            value: json!({
                "upstream_discovery": [{"istio_headers": {}}, {"workload_discovery": {}}],
                "upstream_propagation": [{"istio_headers": {}}],
            }),
        }
    }
}
