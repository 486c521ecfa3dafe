use serde::Serialize;
use serde_json::Value;

use crate::client::{Location, Registry, RepositoryLocation};
use crate::oci::{Reference, RegistryHost, RepositoryName};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::impact::{movers, policy, short_text, text};
use super::list::is_host;
use super::output::{Paint, Report};
use super::place::Place;
use super::session::{Session, SessionArgs, with_session};
use super::table::table;

/// Show who pulls plugins from a registry, what they have, and who stays behind a moved tag
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without REF, or with a registry's host, each tag and how far its agents are; with REF or --state, each agent. A policy with
a question mark is a guess from requests alone.

Examples:
  # How far the agents of each tag of the local registry are
  hwasm-registry fleet

  # Who has which version of one plugin, and who stays behind
  hwasm-registry fleet plugins/key-auth:1.0.0

  # Stale agents of another registry
  hwasm-registry fleet registry.example.com --state stale --format json")]
pub(super) struct Args {
    /// [host/]repository[:tag][@digest], or a host; without it the local registry
    #[arg(value_name = "REF")]
    reference: Option<String>,
    /// Only agents in this state: current, resolved, stale, pinned, gone, refused or unknown
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    session: SessionArgs,
}

/// What is asked about.
struct Subject {
    /// Another registry than the local one.
    host: Option<RegistryHost>,
    repository: Option<RepositoryName>,
    reference: Option<Reference>,
}

/// The rows, as the registry gave them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Shown {
    Agents(Vec<Value>),
    Tags(Vec<Value>),
}

const STATES: [&str; 7] = ["current", "resolved", "stale", "pinned", "gone", "refused", "unknown"];

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        if let Some(state) = self.state.as_deref().filter(|state| !STATES.contains(state)) {
            let message = format!("`{state}` is no state, expected one of {}", STATES.join(", "));
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let shown = with_session(context, &self.session, async |session| self.ask(session).await).await?;
        context.output.report(&shown)
    }

    async fn ask(&self, session: &Session<'_>) -> anyhow::Result<Shown> {
        let subject = self.subject(session)?;
        let registry = session.registry(subject.host.as_ref()).await?;
        if subject.repository.is_none() && self.state.is_none() {
            return Ok(Shown::Tags(registry.fleet_tags().await?));
        }
        self.agents(&registry, &subject).await
    }

    async fn agents(&self, registry: &Registry, subject: &Subject) -> anyhow::Result<Shown> {
        let rows = registry.fleet(subject.repository.as_ref(), subject.reference.as_ref()).await?;
        let wanted = |row: &Value| self.state.as_deref().is_none_or(|state| row["state"] == state);
        Ok(Shown::Agents(rows.into_iter().filter(wanted).collect()))
    }

    fn subject(&self, session: &Session<'_>) -> anyhow::Result<Subject> {
        let usage = |error: String| Failure::new(Exit::Usage, error);
        let Some(text) = self.reference.as_deref() else {
            return Ok(Subject { host: None, repository: None, reference: None });
        };
        if is_host(text) {
            let named: RepositoryLocation = text.parse().map_err(|error| usage(format!("{error}")))?;
            return Ok(Subject { host: Some(named.registry), repository: None, reference: None });
        }
        let place = session.place(text)?;
        let (is_local, reference) = (matches!(place, Place::Local(_)), place.reference());
        let Location::Registry(image) = place.into_location() else {
            return Err(usage(format!("`{text}` is in no registry, and nobody pulls from there")).into());
        };
        let host = (!is_local).then_some(image.registry);
        Ok(Subject { host, repository: Some(image.repository), reference })
    }
}

impl Report for Shown {
    fn text(&self, paint: Paint) -> String {
        match self {
            Self::Agents(rows) => table(
                paint,
                ["AGENT", "REFERENCE", "WASMPLUGIN", "STATE", "HAS", "POLICY", "LAST ASKED", "MOVES WITH"],
                rows.iter().map(agent_row),
            ),
            Self::Tags(rows) => table(
                paint,
                ["TAG", "NAMES", "AGENTS", "CURRENT", "STALE", "REFUSED", "OTHER", "HAVE"],
                rows.iter().map(tag_row),
            ),
        }
    }
}

fn agent_row(row: &Value) -> [String; 8] {
    let (repository, reference) = (text(&row["repository"]), text(&row["reference"]));
    let separator = if reference.contains(':') { '@' } else { ':' };
    let state = match row["refused"].as_str() {
        Some(reason) => format!("{}: {}", text(&row["state"]), super::output::printable(reason)),
        None => text(&row["state"]),
    };
    [
        text(&row["agent"]),
        format!("{repository}{separator}{reference}"),
        text(&row["plugin"]),
        state,
        short_text(&row["digest"]),
        policy(&row["policy"]),
        text(&row["last"]),
        movers(&row["movesWith"]),
    ]
}

fn tag_row(row: &Value) -> [String; 8] {
    let count = |state: &str| row["states"][state].as_u64().unwrap_or_default();
    let agents = row["agents"].as_u64().unwrap_or_default();
    let [current, stale, refused] = ["current", "stale", "refused"].map(count);
    let digests = row["digests"].as_object().into_iter().flatten();
    let have: Vec<String> = digests
        .map(|(digest, agents)| format!("{agents} {}", short_text(&Value::from(digest.as_str()))))
        .collect();
    [
        format!("{}:{}", text(&row["repository"]), text(&row["tag"])),
        short_text(&row["current"]),
        agents.to_string(),
        current.to_string(),
        stale.to_string(),
        refused.to_string(),
        (agents - current - stale - refused).to_string(),
        have.join(", "),
    ]
}
