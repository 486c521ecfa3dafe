//! `agent`: keeps a gateway's modules current and serves them to its Envoys; one file per verb.

mod agent_args;
mod bootstrap;
mod run;
mod running_agent;
mod status;

use clap::Subcommand;

use super::context::Context;

pub(super) use agent_args::AgentArgs;
pub(super) use running_agent::{AgentReady, RunningAgent};

/// Where an agent serves Envoys, by default.
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:18000";

/// Keep a gateway's plugins current: pull their modules by policy and serve them to Envoy over ECDS
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
The agent watches a directory of WasmPlugins, Higress's or Istio's, converts and orders them, pulls the modules into a \
cache of its own, and tells Envoy to load them from there: no connection is interrupted. It runs until it is interrupted.

Examples:
  hwasm-registry agent --wasmplugins plugins/

  # Follow tags under `Always` and `latest` too, at once or, where a registry has no events, every 5 seconds
  hwasm-registry agent --wasmplugins plugins/ --watch=5s

  # An Envoy that takes its plugins from there
  hwasm-registry agent bootstrap --wasmplugins plugins/ > envoy.yaml
  envoy -c envoy.yaml

  # How it is doing
  hwasm-registry agent status")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: run::RunArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Status(status::Args),
    Bootstrap(Box<bootstrap::Args>),
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.verb {
            None => self.run.run(context).await,
            Some(Verb::Status(args)) => args.run(context).await,
            Some(Verb::Bootstrap(args)) => args.run(context),
        }
    }
}
