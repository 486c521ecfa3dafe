use crate::gateway::{GatewaySelector, GatewaySettings};

use super::super::context::Context;

/// The Higress installation that is meant.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::commands) struct GatewayArgs {
    /// The controller's namespace, the only one whose `WasmPlugin`s it looks at; default `gateway.namespace`
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The label of the gateway's pods; without a key it is `higress`. Default `gateway.gateway_selector`, else
    /// `<namespace>-higress-gateway`
    #[arg(long, value_name = "[KEY=]VALUE")]
    gateway_selector: Option<GatewaySelector>,
}

impl GatewayArgs {
    /// The settings of that installation: the configured one, with what the command line says over it.
    pub(in crate::commands) fn settings(&self, context: &Context) -> anyhow::Result<GatewaySettings> {
        let configured = context.config(Vec::new())?.config.gateway.settings();
        Ok(GatewaySettings {
            namespace: self.namespace.clone().unwrap_or(configured.namespace),
            gateway_selector: self.gateway_selector.clone().or(configured.gateway_selector),
            grpc: configured.grpc,
        })
    }
}
