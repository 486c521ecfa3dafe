use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::agent::{Installation, OnFailedPull};

use super::super::context::Context;
use super::super::wasmplugin::{GatewayArgs, WorkloadArgs};
use super::status::DEFAULT_ADDRESS;

/// How often registries without events are asked where nobody says how often.
const WATCH_EVERY: &str = "10s";

/// How an agent works, beside its directory and where it serves.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::commands) struct AgentArgs {
    #[command(flatten)]
    pub(super) keeping: KeepingArgs,
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
}

/// How an agent keeps modules. A struct without others in it, since only of such a one does clap make a group.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct KeepingArgs {
    /// Where the agent tells how it is doing (HTTP: /status, /metrics, /healthz)
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_ADDRESS)]
    pub(super) status_listen: SocketAddr,
    /// Directory of the modules, instead of `agent.cache_dir`; Envoy must be able to read it
    #[arg(long, value_name = "DIR")]
    pub(super) cache: Option<PathBuf>,
    /// Directory of pull secrets: `<name>.json`, each a Docker config.json; secrets may also stand as manifests among the
    /// `WasmPlugin`s
    #[arg(long, value_name = "DIR")]
    pub(super) pull_secrets: Option<PathBuf>,
    /// Follow tags under `Always` and `latest` as they move, not only when their WasmPlugin changes: by the events of
    /// registries like this one, and by asking others every INTERVAL
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = WATCH_EVERY, value_parser = interval)]
    pub(super) watch: Option<Duration>,
    /// What requests meet while a module cannot be pulled: `last-good`, the module before, or `fail-strategy`, at once what
    /// the WasmPlugin's `failStrategy` says
    #[arg(long, value_name = "CHOICE", default_value_t)]
    pub(super) on_failed_pull: OnFailedPull,
}

/// Registries are not asked more often than that.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

fn interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if interval < SHORTEST_INTERVAL {
        return Err("expected at least 100ms".to_owned());
    }
    Ok(interval)
}

impl AgentArgs {
    pub(super) fn installation(&self, context: &Context) -> anyhow::Result<Installation> {
        let settings = self.gateway.settings(context)?;
        let workload = self.workload.workload(&settings);
        Ok(Installation { line: self.workload.line, settings, workload })
    }
}
