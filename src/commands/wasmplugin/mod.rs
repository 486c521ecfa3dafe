//! `wasmplugin`: work with `WasmPlugin` resources, one file per verb.

mod chain;
mod chain_args;
mod config_file;
mod convert;
mod gateway_args;
pub(super) mod image_facts;
mod input;
mod lint;
mod match_request;
mod new;
mod rule_page;
mod track;
mod workflow_command;
mod workload_args;

use clap::Subcommand;

pub(super) use gateway_args::GatewayArgs;
pub(super) use input::InputArgs;
pub(super) use workload_args::WorkloadArgs;

use super::context::Context;

/// Write, check and convert WasmPlugin resources, and see what a request meets
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hwasm-registry wasmplugin new plugins/key-auth:1.0.0 > key-auth.yaml
  hwasm-registry wasmplugin lint key-auth.yaml
  hwasm-registry wasmplugin convert key-auth.yaml")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    New(new::Args),
    Lint(lint::Args),
    Convert(convert::Args),
    #[command(name = "match")]
    Match(match_request::Args),
    Chain(chain::Args),
    Track(track::Args),
    Untrack(track::UntrackArgs),
    Tracked(track::TrackedArgs),
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.verb {
            Verb::New(args) => args.run(context).await,
            Verb::Lint(args) => args.run(context).await,
            Verb::Convert(args) => args.run(context),
            Verb::Match(args) => args.run(context),
            Verb::Chain(args) => args.run(context),
            Verb::Track(args) => args.run(context).await,
            Verb::Untrack(args) => args.run(context).await,
            Verb::Tracked(args) => args.run(context).await,
        }
    }
}
