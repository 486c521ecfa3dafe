use anyhow::Context as _;
use serde::Serialize;

use crate::client::{CredentialFiles, logout};

use super::context::Context;
use super::login::{kept, registry_host};
use super::output::{Paint, Report};

/// Forget the credentials for a registry
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hwasm-registry logout registry.example.com")]
pub(super) struct Args {
    /// The registry: host or host:port
    registry: String,
}

/// What was forgotten.
#[derive(Debug, Serialize)]
struct LoggedOut {
    /// The registry.
    registry: String,
    /// Where there were credentials.
    forgotten: Vec<String>,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let host = registry_host(&self.registry)?;
        let stored = logout(&host, &CredentialFiles::from_environment()).await;
        let stored = stored.with_context(|| format!("cannot log out of `{host}`"))?;
        let report = LoggedOut { registry: host.to_string(), forgotten: stored.iter().map(kept).collect() };
        context.output.report(&report)
    }
}

impl Report for LoggedOut {
    fn text(&self, _: Paint) -> String {
        match self.forgotten.as_slice() {
            [] => format!("no credentials for {} were kept", self.registry),
            places => format!("logged out of {}; removed from {}", self.registry, places.join(", ")),
        }
    }
}
