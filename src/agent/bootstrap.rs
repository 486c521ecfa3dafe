use std::net::SocketAddr;

use serde_json::{Value, json};

use super::Installation;
use crate::gateway::{Chain, Delivery, HttpFilter};
use crate::plugin::WasmPlugin;

/// A complete configuration of an Envoy whose plugins come from an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Where Envoy listens for requests.
    pub listen: SocketAddr,
    /// Where Envoy's own pages are.
    pub admin: SocketAddr,
    /// Where the agent serves.
    pub agent: SocketAddr,
    /// Where requests go; without it, Envoy answers them itself.
    pub upstream: Option<SocketAddr>,
}

impl Bootstrap {
    /// The configuration, with the filter chain that `installation` makes of `plugins`. Filters that only the gateways'
    /// own builds of Envoy have are left out, so that every Envoy with Wasm takes it.
    pub fn config<'a>(
        &self,
        plugins: impl IntoIterator<Item = &'a WasmPlugin>,
        installation: &Installation,
    ) -> Value {
        let Installation { line, settings, workload } = installation;
        let delivery = Delivery::of(plugins, settings);
        let filters = Chain::order(delivery.plugins(), *line, workload).http_filters();
        let in_any_build = |filter: &HttpFilter| !filter.name.starts_with("istio.");
        let filters: Vec<HttpFilter> = filters.into_iter().filter(in_any_build).collect();
        json!({
            "node": { "id": "hwasm-registry-bootstrap", "cluster": "gateway" },
            "admin": { "address": address(self.admin) },
            "dynamic_resources": { "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "agent" } }],
            } },
            "static_resources": { "listeners": [self.listener(&filters)], "clusters": self.clusters() },
        })
    }

    fn listener(&self, filters: &[HttpFilter]) -> Value {
        let routes = match self.upstream {
            Some(_) => json!([{
                "match": { "prefix": "/" },
                // Without it Envoy cuts every answer after 15 s; Istio's gateways do not.
                "route": { "cluster": "upstream", "timeout": "0s" },
            }]),
            None => json!([{
                "match": { "prefix": "/" },
                "direct_response": { "status": 200, "body": { "inline_string": "served\n" } },
            }]),
        };
        let connections = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.\
                      HttpConnectionManager",
            "stat_prefix": "gateway",
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }] },
            "http_filters": filters,
        });
        let filter =
            json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": connections });
        json!({
            "name": "gateway",
            "address": address(self.listen),
            "filter_chains": [{ "filters": [filter] }],
        })
    }

    fn clusters(&self) -> Vec<Value> {
        let http2 = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        } });
        let mut agent = cluster("agent", self.agent);
        agent["typed_extension_protocol_options"] = http2;
        std::iter::once(agent).chain(self.upstream.map(|upstream| cluster("upstream", upstream))).collect()
    }
}

fn cluster(name: &str, at: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": { "cluster_name": name, "endpoints": [
            { "lb_endpoints": [{ "endpoint": { "address": address(at) } }] },
        ] },
    })
}

fn address(at: SocketAddr) -> Value {
    json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } })
}
