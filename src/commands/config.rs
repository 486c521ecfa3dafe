use crate::config::Effective;

use super::context::Context;
use super::flags::ServerFlags;
use super::output::{Paint, Report};

/// Print the configuration in force and where each value comes from
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Save the defaults as a file to edit
  hwasm-registry config > hwasm-registry.toml

  # See what one environment variable changes
  HWASM_REGISTRY__SERVER__LISTEN=0.0.0.0:5000 hwasm-registry config")]
pub(super) struct Args {
    #[command(flatten)]
    flags: ServerFlags,
}

impl Args {
    /// Runs the command.
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<()> {
        context.output.report(&context.config(self.flags.given())?)
    }
}

impl Report for Effective {
    fn text(&self, _: Paint) -> String {
        self.to_string().trim_end().to_owned()
    }
}
