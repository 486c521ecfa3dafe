use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::context::Context;
use super::exit::{self, EXIT_CODES};
use super::output::{Output, OutputArgs, ReaderGone};
use super::{
    agent, completions, config, copy, delete, events, explain, fleet, history, impact, inspect, list, login,
    logout, pack, pull, push, rollback, serve, tag, wasmplugin, webhooks,
};

/// From plugin.wasm to a running Envoy gateway: packs, checks, stores and serves proxy-wasm plugins as OCI images
#[derive(Debug, Parser)]
#[command(name = "hwasm-registry", version, after_help = EXIT_CODES)]
pub(super) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Configuration file, instead of ./hwasm-registry.toml, the user's or the machine's
    #[arg(long = "config", value_name = "FILE", env = "HWASM_REGISTRY_CONFIG", hide_env_values = true)]
    #[arg(global = true)]
    config_file: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Push(push::Args),
    Pull(pull::Args),
    Pack(pack::Args),
    Inspect(inspect::Args),
    List(list::Args),
    Tag(tag::Args),
    Delete(delete::Args),
    History(history::Args),
    Rollback(rollback::Args),
    Events(events::Args),
    Copy(copy::Args),
    #[command(name = "wasmplugin")]
    WasmPlugin(wasmplugin::Args),
    Explain(explain::Args),
    Agent(Box<agent::Args>),
    Fleet(fleet::Args),
    Impact(impact::Args),
    Webhooks(webhooks::Args),
    Login(login::Args),
    Logout(logout::Args),
    Config(config::Args),
    Completions(completions::Args),
}

/// Reads the command line, does what it says, and answers with the exit code.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::new(Output::new(&cli.output), cli.config_file);
    match cli.command.run(&context).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            context.output.failure(&error, exit::advice(&error));
            exit::code(&error).into()
        }
    }
}

impl Command {
    async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Self::Serve(args) => args.run(context).await,
            Self::Push(args) => args.run(context).await,
            Self::Pull(args) => args.run(context).await,
            Self::Pack(args) => args.run(context).await,
            Self::Inspect(args) => args.run(context).await,
            Self::List(args) => args.run(context).await,
            Self::Tag(args) => args.run(context).await,
            Self::Delete(args) => args.run(context).await,
            Self::History(args) => args.run(context).await,
            Self::Rollback(args) => args.run(context).await,
            Self::Events(args) => args.run(context).await,
            Self::Copy(args) => args.run(context).await,
            Self::WasmPlugin(args) => args.run(context).await,
            Self::Explain(args) => args.run(context),
            Self::Agent(args) => args.run(context).await,
            Self::Fleet(args) => args.run(context).await,
            Self::Impact(args) => args.run(context).await,
            Self::Webhooks(args) => args.run(context).await,
            Self::Login(args) => args.run(context).await,
            Self::Logout(args) => args.run(context).await,
            Self::Config(args) => args.run(context),
            Self::Completions(args) => args.run(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
