use std::fmt::Write as _;

use serde::Serialize;

use crate::client::TagChange;
use crate::oci::Digest;

use super::context::Context;
use super::output::{Paint, Report, printable};
use super::session::{Session, SessionArgs, with_session};
use super::table::{short, table};
use super::tagged::{Tagged, next_version};

/// Show what a tag has named: every move, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The registry has to keep this history, as hwasm-registry's does. For a version, such as 1.0.0, the next free one
is named too.

Examples:
  hwasm-registry history plugins/key-auth:latest
  hwasm-registry history registry.example.com/plugins/key-auth:1.0.0 --format json")]
pub(super) struct Args {
    /// The tag: [host/]repository:tag
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    session: SessionArgs,
}

/// What a tag has named.
#[derive(Debug, Serialize)]
struct Moves {
    /// The tag, as named.
    image: String,
    /// Its moves, newest first.
    history: Vec<Move>,
    /// The version above all of the repository's, where the tag is one.
    next_version: Option<String>,
}

/// One move of the tag.
#[derive(Debug, Serialize)]
struct Move {
    /// What it named from then on; none where it was deleted.
    digest: Option<Digest>,
    /// When.
    changed: String,
    /// By whom.
    changed_by: String,
    /// Whether this is how things are.
    current: bool,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let history = with_session(context, &self.session, async |session| self.ask(session).await).await?;
        context.output.report(&history)
    }

    async fn ask(&self, session: &Session<'_>) -> anyhow::Result<Moves> {
        let tagged = Tagged::named(session, &self.reference).await?;
        let history = tagged.history().await?.into_iter().enumerate().map(Move::of).collect();
        let next_version = next_version(&tagged.remote, &tagged.tag).await.map(|next| next.to_string());
        Ok(Moves { image: tagged.place.to_string(), history, next_version })
    }
}

impl Move {
    fn of((number, change): (usize, TagChange)) -> Self {
        let TagChange { digest, changed, changed_by } = change;
        Self { digest, changed, changed_by, current: number == 0 }
    }

    fn row(&self) -> [String; 4] {
        let digest = self.digest.as_ref().map_or_else(|| "deleted".to_owned(), short);
        let mark = if self.current { "current" } else { "" };
        [printable(&self.changed), digest, printable(&self.changed_by), mark.to_owned()]
    }
}

impl Report for Moves {
    fn text(&self, paint: Paint) -> String {
        let mut text = table(paint, ["WHEN", "DIGEST", "BY", ""], self.history.iter().map(Move::row));
        if let Some(next) = &self.next_version {
            let _ = write!(text, "\n\nThe next free version is {}.", paint.strong(next));
        }
        text
    }
}
