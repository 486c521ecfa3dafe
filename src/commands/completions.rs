use clap::CommandFactory;
use clap_complete::Shell;

use super::cli::Cli;
use super::context::Context;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Bash, for this user
  hwasm-registry completions bash > ~/.local/share/bash-completion/completions/hwasm-registry

  # Zsh, in a directory of $fpath
  hwasm-registry completions zsh > ~/.zfunc/_hwasm-registry")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    /// Runs the command.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "hwasm-registry", &mut script);
        context.output.raw(&script)
    }
}
