use std::collections::BTreeMap;

use crate::gateway::{GatewaySettings, Line, Workload};

/// The gateway that runs the chain.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::commands) struct WorkloadArgs {
    /// The gateway's line: `seed` (Higress on its 1.12 base), `higress-1.19`, `higress-1.27`, `istio-1.27`, `istio-1.30`
    #[arg(long, value_name = "LINE", default_value_t)]
    pub(in crate::commands) line: Line,
    /// The gateway's own namespace; default `--namespace` for Higress, `istio-system` for Istio
    #[arg(long, value_name = "NAMESPACE")]
    gateway_namespace: Option<String>,
    /// The mesh's root namespace, whose plugins reach every gateway; default as for `--gateway-namespace`
    #[arg(long, value_name = "NAMESPACE")]
    root_namespace: Option<String>,
    /// A label of the gateway's pods; may be repeated. Without any, every selector is taken to match
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// The listener's port; without it, plugins for some ports only stay in the chain
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl WorkloadArgs {
    /// The gateway of an installation with `settings`.
    pub(in crate::commands) fn workload(&self, settings: &GatewaySettings) -> Workload {
        let mut workload = Workload::of(self.line, settings);
        if let Some(root) = &self.root_namespace {
            workload.root_namespace.clone_from(root);
            workload.namespace.clone_from(root);
        }
        if let Some(namespace) = &self.gateway_namespace {
            workload.namespace.clone_from(namespace);
        }
        let labels: BTreeMap<String, String> = self.labels.iter().cloned().collect();
        workload.labels = (!labels.is_empty()).then_some(labels);
        workload.port = self.port;
        workload
    }
}
