use std::io::IsTerminal;

use anyhow::Context as _;
use serde::Serialize;

use crate::client::Access;
use crate::oci::Reference;

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report};
use super::place::Place;
use super::session::{Session, SessionArgs, with_session};

/// Delete a tag, or a manifest with all its tags
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A tag is removed and its manifest stays reachable by digest; a digest removes the manifest and every
tag on it.

Examples:
  hwasm-registry delete plugins/key-auth:1.0.0
  hwasm-registry delete --yes plugins/key-auth@sha256:9c2f…")]
pub(super) struct Args {
    /// What to delete: [host/]repository:tag or @digest, or the same in an OCI layout or bundle
    #[arg(value_name = "REF")]
    reference: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was deleted.
#[derive(Debug, Serialize)]
struct Deleted {
    /// As named.
    deleted: String,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let deleted =
            with_session(context, &self.session, async |session| self.delete(session).await).await?;
        context.output.report(&deleted)
    }

    async fn delete(&self, session: &Session<'_>) -> anyhow::Result<Deleted> {
        let place = session.place(&self.reference)?;
        let reference = named_reference(&place)?;
        self.confirm(&place, &reference)?;
        let image = session.image(&place, Access::Read).await?;
        image.target.delete(&reference).await?;
        image.target.finish().await?;
        Ok(Deleted { deleted: place.to_string() })
    }

    fn confirm(&self, place: &Place, reference: &Reference) -> anyhow::Result<()> {
        if self.yes {
            return Ok(());
        }
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            let message = format!("`{place}` was not deleted: there is no terminal to ask on");
            return Err(Failure::new(Exit::Usage, message).advise("add `--yes`").into());
        }
        let prompt = match reference {
            Reference::Tag(_) => format!("Delete tag {place}?"),
            Reference::Digest(_) => format!("Delete manifest {place} and every tag on it?"),
        };
        let sure =
            dialoguer::Confirm::new().with_prompt(prompt).default(false).interact().context("cannot ask")?;
        if sure { Ok(()) } else { Err(Failure::new(Exit::Failure, "nothing was deleted").into()) }
    }
}

/// The tag or digest that `place` names; deleting never guesses `latest`.
fn named_reference(place: &Place) -> Result<Reference, Failure> {
    place.reference().ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{place}` names neither a tag nor a digest"))
            .advise("name what to delete, such as `plugins/key-auth:1.0.0`")
    })
}

impl Report for Deleted {
    fn text(&self, _: Paint) -> String {
        format!("deleted {}", self.deleted)
    }
}
