use serde::Serialize;
use serde_json::Value;

use crate::client::{Location, RepositoryLocation};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::list::is_host;
use super::output::{Paint, Report, printable};
use super::place::Place;
use super::session::{Session, SessionArgs, with_session};
use super::table::table;

/// Show who pulls plugins from a registry, what they have, and what they would do about a moved tag
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The registry tells it from requests alone: the policy is a guess, with what speaks for it.

Examples:
  # Everybody who pulls from the local registry
  hwasm-registry fleet

  # Who has which version of one plugin, and who stays behind
  hwasm-registry fleet plugins/key-auth:1.0.0

  # Stale agents of another registry
  hwasm-registry fleet registry.example.com --state stale --format json")]
pub(super) struct Args {
    /// [host/]repository[:tag][@digest], or a host; without it the local registry
    #[arg(value_name = "REF")]
    reference: Option<String>,
    /// Only agents in this state: current, resolved, stale, pinned, gone or refused
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    session: SessionArgs,
}

/// The rows, as the registry gave them.
#[derive(Debug, Serialize)]
struct Shown {
    agents: Vec<Value>,
}

const STATES: [&str; 6] = ["current", "resolved", "stale", "pinned", "gone", "refused"];

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        if let Some(state) = self.state.as_deref().filter(|state| !STATES.contains(state)) {
            let message = format!("`{state}` is no state, expected one of {}", STATES.join(", "));
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let rows = with_session(context, &self.session, async |session| self.rows(session).await).await?;
        let wanted = |row: &Value| self.state.as_deref().is_none_or(|state| row["state"] == state);
        context.output.report(&Shown { agents: rows.into_iter().filter(wanted).collect() })
    }

    async fn rows(&self, session: &Session<'_>) -> anyhow::Result<Vec<Value>> {
        let usage = |error: String| Failure::new(Exit::Usage, error);
        let (host, repository, reference) = match self.reference.as_deref() {
            None => (None, None, None),
            Some(text) if is_host(text) => {
                let named: RepositoryLocation = text.parse().map_err(|error| usage(format!("{error}")))?;
                (Some(named.registry), None, None)
            }
            Some(text) => {
                let place = session.place(text)?;
                let (is_local, reference) = (matches!(place, Place::Local(_)), place.reference());
                let Location::Registry(image) = place.into_location() else {
                    return Err(
                        usage(format!("`{text}` is in no registry, and nobody pulls from there")).into()
                    );
                };
                ((!is_local).then_some(image.registry), Some(image.repository), reference)
            }
        };
        let registry = session.registry(host.as_ref()).await?;
        Ok(registry.fleet(repository.as_ref(), reference.as_ref()).await?)
    }
}

impl Report for Shown {
    fn text(&self, paint: Paint) -> String {
        let text = |value: &Value| printable(value.as_str().unwrap_or("-"));
        let short = |digest: &Value| text(digest).chars().take("sha256:".len() + 12).collect::<String>();
        let rows = self.agents.iter().map(|row| {
            let (repository, reference) = (text(&row["repository"]), text(&row["reference"]));
            let separator = if reference.contains(':') { '@' } else { ':' };
            let policy = match row["inferred"]["policy"].as_str() {
                Some(policy) => format!("{}? ({})", printable(policy), text(&row["inferred"]["confidence"])),
                None => "-".to_owned(),
            };
            [
                text(&row["agent"]),
                format!("{repository}{separator}{reference}"),
                text(&row["state"]),
                short(&row["digest"]),
                policy,
                text(&row["last"]),
                text(&row["movesWith"]),
            ]
        });
        table(paint, ["AGENT", "REFERENCE", "STATE", "HAS", "POLICY", "LAST ASKED", "ASKS AGAIN WITH"], rows)
    }
}
