use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::telemetry;

use super::super::context::Context;
use super::super::exit::{Exit, Failure};
use super::super::stop_signals::StopSignals;
use super::DEFAULT_LISTEN;
use super::agent_args::AgentArgs;
use super::running_agent::RunningAgent;

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Directory of the gateway's `WasmPlugin`s (YAML or JSON), which is watched
    #[arg(long, value_name = "DIR", required = true)]
    wasmplugins: Option<PathBuf>,
    /// Where Envoys ask for plugins (gRPC)
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    #[command(flatten)]
    agent: AgentArgs,
}

impl RunArgs {
    /// Runs the agent until it is interrupted.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let config = context.config(Vec::new())?.config;
        let _logging =
            telemetry::start(&config.log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let directory = self.wasmplugins.clone().context("`--wasmplugins` is required")?;
        let place = (directory, self.listen);
        let (agent, ready) = RunningAgent::prepare(context, &config.agent, &self.agent, place).await?;
        let mut signals = StopSignals::listen()?;
        context.output.report(&ready)?;
        let stop = CancellationToken::new();
        let stopping = async {
            signals.next().await;
            stop.cancel();
        };
        tokio::join!(agent.run(stop.clone()), stopping);
        Ok(())
    }
}
