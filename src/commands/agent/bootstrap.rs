use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::agent::{Bootstrap, Installation};
use crate::plugin::{WasmPlugin, to_yaml};

use super::super::context::Context;
use super::super::output::{Paint, Report};
use super::super::wasmplugin::{GatewayArgs, InputArgs, WorkloadArgs};

/// Print a complete Envoy configuration whose plugins come from an agent, for a first try
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hwasm-registry agent bootstrap --wasmplugins plugins/ > envoy.yaml
  envoy -c envoy.yaml

  # In front of a server of yours
  hwasm-registry agent bootstrap --wasmplugins plugins/ --upstream 127.0.0.1:8080")]
pub(super) struct Args {
    /// The files or directories of `WasmPlugin`s that the agent serves
    #[arg(long = "wasmplugins", value_name = "DIR", required = true)]
    files: Vec<PathBuf>,
    /// Where Envoy listens for requests
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10000")]
    listen: SocketAddr,
    /// Where Envoy's admin pages are
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// The agent's `--listen`
    #[arg(long, value_name = "ADDRESS:PORT", default_value = super::DEFAULT_LISTEN)]
    agent: SocketAddr,
    /// Where requests go; without it, Envoy answers them itself
    #[arg(long, value_name = "ADDRESS:PORT")]
    upstream: Option<SocketAddr>,
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
}

/// The configuration.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Printed(Value);

impl Args {
    /// Runs the command.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<()> {
        let resources = InputArgs { files: self.files.clone() }.resources(context)?;
        let plugins: Vec<&WasmPlugin> = resources.iter().map(|resource| &resource.plugin).collect();
        let settings = self.gateway.settings(context)?;
        let workload = self.workload.workload(&settings);
        let installation = Installation { line: self.workload.line, settings, workload };
        let Self { listen, admin, agent, upstream, .. } = *self;
        let config = Bootstrap { listen, admin, agent, upstream }.config(plugins, &installation);
        context.output.report(&Printed(config))
    }
}

impl Report for Printed {
    fn text(&self, _: Paint) -> String {
        to_yaml(&self.0)
            .expect("a configuration out of values that JSON has is YAML too")
            .trim_end()
            .to_owned()
    }
}
