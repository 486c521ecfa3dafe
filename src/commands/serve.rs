use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Effective};
use crate::fleet::Fleet;
use crate::registry::Registry;
use crate::server::{Rooms, WasmPluginDirectory};
use crate::storage::Store;
use crate::webhook::{OpenError, Webhooks};
use crate::{gateway, server, telemetry};

use super::agent::{AgentArgs, AgentReady, DEFAULT_LISTEN, RunningAgent};
use super::context::Context;
use super::exit::{Exit, Failure};
use super::flags::ServerFlags;
use super::known_directory;
use super::output::{Paint, Report};
use super::stop_signals::StopSignals;

/// Run the registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It runs until it is interrupted; transfers that are under way finish first.

Examples:
  # On this machine only, in the user's data directory
  hwasm-registry serve

  # For others too
  hwasm-registry serve --listen 0.0.0.0:5000 --data-dir /var/lib/hwasm-registry

  # With a view of what Istio gets of the WasmPlugins in a directory, at /debug/configz
  hwasm-registry serve --wasmplugins ./wasmplugins

  # Registry and agent in one process: a push changes what the Envoys run
  hwasm-registry serve --wasmplugins ./wasmplugins --agent --watch")]
#[command(mut_group("KeepingArgs", |group| group.requires("agent")))]
#[command(mut_group("GatewayArgs", |group| group.requires("agent")))]
#[command(mut_group("WorkloadArgs", |group| group.requires("agent")))]
pub(super) struct Args {
    #[command(flatten)]
    flags: ServerFlags,
    /// Also be the agent of the gateway whose `WasmPlugin`s are in the directory, and listen for its Envoys there
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = DEFAULT_LISTEN, help_heading = "Agent")]
    agent: Option<SocketAddr>,
    #[command(flatten, next_help_heading = "Agent")]
    keeping: AgentArgs,
}

/// The registry is ready.
#[derive(Debug, Serialize)]
struct Serving {
    /// Where it listens, with the port it got.
    listen: SocketAddr,
    /// Where content is kept.
    data_dir: PathBuf,
    /// The resources of `--wasmplugins`.
    wasmplugins: Option<FoundWasmPlugins>,
    /// What the agent serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<AgentReady>,
}

/// What a directory of `WasmPlugin`s holds at the start.
#[derive(Debug, Serialize)]
struct FoundWasmPlugins {
    /// The directory.
    directory: PathBuf,
    /// How many resources its files hold.
    found: usize,
    /// How many of these give something that Istio gets.
    converted: usize,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let Effective { config, .. } = context.config(self.flags.given())?;
        let _logging =
            telemetry::start(&config.log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let wasmplugins = survey(context, &config.gateway)?;
        let (agent, agent_ready) = self.agent(context, &config).await?.unzip();
        let store = Store::open(&config.storage).await?;
        let webhooks = Webhooks::open(store.clone(), &config.webhooks).await.map_err(refuse)?;
        let listener = server::bind(&config.server).await.map_err(explain)?;
        let listen = listener.local_addr().context("cannot tell the port")?;
        let mut signals = StopSignals::listen()?;
        let data_dir = config.storage.data_dir;
        context.output.report(&Serving { listen, data_dir, wasmplugins, agent: agent_ready })?;
        let stopping = CancellationToken::new();
        let fleet = Fleet::new(store.clone(), config.fleet);
        let directory = config.gateway.wasmplugins.clone();
        let knowing = known_directory::follow(fleet.clone(), directory, stopping.clone());
        let registry = Registry::new(store, config.registry);
        let rooms = Rooms { registry, gateway: config.gateway, fleet, webhooks };
        let serving = server::serve(listener, &config.server, rooms, stopping.clone().cancelled_owned());
        let tending = async {
            if let Some(agent) = agent {
                // It is large, and most servers have none.
                Box::pin(agent.run(stopping.clone())).await;
            }
        };
        let stopped_twice = async {
            signals.next().await;
            tracing::info!("stopping once running transfers have finished; a second signal stops at once");
            stopping.cancel();
            signals.next().await;
        };
        tokio::select! {
            _ = async { tokio::join!(serving, tending, knowing) } => Ok(()),
            () = stopped_twice => {
                Err(Failure::new(Exit::Failure, "stopped before running transfers had finished").into())
            }
        }
    }

    /// The agent, where one is asked for.
    async fn agent(
        &self,
        context: &Context,
        config: &Config,
    ) -> anyhow::Result<Option<(RunningAgent, AgentReady)>> {
        let Some(listen) = self.agent else { return Ok(None) };
        let directory = config.gateway.wasmplugins.clone().ok_or_else(|| {
            let failure = Failure::new(Exit::Usage, "an agent needs a directory of WasmPlugins");
            failure.advise("say which with `--wasmplugins`")
        })?;
        let preparing = RunningAgent::prepare(context, &config.agent, &self.keeping, (directory, listen));
        preparing.await.map(Some)
    }
}

/// Looks into the directory of `WasmPlugin`s once, so that a mistake shows before anybody asks for the view.
fn survey(context: &Context, gateway: &gateway::Config) -> anyhow::Result<Option<FoundWasmPlugins>> {
    let Some(directory) = gateway.wasmplugins.clone() else { return Ok(None) };
    let applied = WasmPluginDirectory::new(&directory, gateway.settings())
        .read()
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    for reason in applied.left_out.sentences() {
        context.output.warn(reason);
    }
    Ok(Some(FoundWasmPlugins { directory, found: applied.found, converted: applied.converted.len() }))
}

/// Webhooks that cannot be run are a mistake in the configuration, unless it is the store that fails.
fn refuse(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Store(error) => error.into(),
        error => Failure::new(Exit::Usage, error.to_string()).into(),
    }
}

/// What to do about an address that cannot be had.
fn explain(error: server::Error) -> anyhow::Error {
    let failure = Failure::new(Exit::Failure, "cannot serve");
    let advice = "if a registry runs there already, use it; else choose another address with `--listen`";
    anyhow::Error::new(error).context(failure.advise(advice))
}

impl Report for Serving {
    fn text(&self, paint: Paint) -> String {
        let url = paint.strong(&format!("http://{}", self.listen));
        let serving = format!("serving {url}, content in {}", self.data_dir.display());
        let configz = self.wasmplugins.as_ref().map(|FoundWasmPlugins { directory, found, converted }| {
            let directory = directory.display();
            format!(
                "{found} WasmPlugins in {directory}, of which Istio gets {converted}: {url}/debug/configz"
            )
        });
        let agent = self.agent.as_ref().map(|agent| agent.text(paint));
        std::iter::once(serving).chain(configz).chain(agent).collect::<Vec<_>>().join("\n")
    }
}
