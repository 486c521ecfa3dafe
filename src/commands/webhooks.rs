use serde::Serialize;
use serde_json::Value;

use crate::oci::RegistryHost;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report, printable};
use super::session::{Session, SessionArgs, with_session};
use super::table::table;

/// Show whom a registry tells of events, how far each has come, and what was given up on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Webhooks are configured where the registry runs, under [[webhooks]].

Examples:
  # How the webhooks of the local registry do
  hwasm-registry webhooks

  # What one of another registry could not deliver
  hwasm-registry webhooks registry.example.com --dead-letters ci --format json")]
pub(super) struct Args {
    /// The registry's host; without it the local registry
    #[arg(value_name = "REGISTRY")]
    registry: Option<RegistryHost>,
    /// Show what this webhook has given up on
    #[arg(long, value_name = "NAME")]
    dead_letters: Option<String>,
    #[command(flatten)]
    session: SessionArgs,
}

/// The webhooks, as the registry gave them.
#[derive(Debug, Serialize)]
struct Shown {
    webhooks: Vec<Value>,
}

/// The dead letters of one, as the registry gave them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Dead {
    dead_letters: Vec<Value>,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        with_session(context, &self.session, async |session| self.show(session).await).await
    }

    async fn show(&self, session: &Session<'_>) -> anyhow::Result<()> {
        if self.registry.is_none() && session.serves_itself().await? {
            let message = format!("no registry answers at {}, so nobody is told", session.local_host());
            let failure = Failure::new(Exit::Network, message);
            return Err(failure.advise("start one with `hwasm-registry serve`, or name another").into());
        }
        let registry = session.registry(self.registry.as_ref()).await?;
        let output = &session.context.output;
        match &self.dead_letters {
            None => output.report(&Shown { webhooks: registry.webhooks().await? }),
            Some(name) => output.report(&Dead { dead_letters: registry.dead_letters(name).await? }),
        }
    }
}

/// A JSON value for one cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        other => other.to_string(),
    }
}

impl Report for Shown {
    fn text(&self, paint: Paint) -> String {
        let columns = ["name", "url", "pending", "attempts", "lastDelivered", "deadLetters", "lastError"];
        let rows = self.webhooks.iter().map(|webhook| columns.map(|column| cell(&webhook[column])));
        let titles = ["NAME", "URL", "PENDING", "ATTEMPTS", "LAST DELIVERED", "DEAD LETTERS", "LAST ERROR"];
        table(paint, titles, rows)
    }
}

impl Report for Dead {
    fn text(&self, paint: Paint) -> String {
        let rows = self.dead_letters.iter().map(|letter| {
            let what = match &letter["event"] {
                Value::Null => format!("{} lost events", cell(&letter["lost"])),
                event => format!("{} {}", cell(&event["id"]), cell(&event["type"])),
            };
            let event = &letter["event"];
            let place = match &event["tag"] {
                Value::Null => cell(&event["repository"]),
                tag => format!("{}:{}", cell(&event["repository"]), cell(tag)),
            };
            [
                cell(&letter["id"]),
                cell(&letter["time"]),
                what,
                place,
                cell(&letter["attempts"]),
                cell(&letter["lastError"]),
            ]
        });
        table(paint, ["ID", "GIVEN UP", "EVENT", "PLACE", "ATTEMPTS", "LAST ERROR"], rows)
    }
}
