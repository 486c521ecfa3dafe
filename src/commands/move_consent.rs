use crate::client::{self, ErrorKind, Registry};
use crate::oci::{Digest, RepositoryName, Tag};

use super::exit::{Exit, Failure};
use super::impact::Impact;
use super::output::{Output, Paint, Report as _};

/// Consent to moving tags that gateways follow.
#[derive(Debug)]
pub(super) struct MoveConsent<'a> {
    /// Where it is asked for.
    pub(super) output: &'a Output,
    /// Whether it was given beforehand.
    pub(super) given: bool,
}

impl MoveConsent<'_> {
    /// Looks what it does to let `tags` name `new`, shows it where somebody feels it, and asks on a terminal.
    ///
    /// # Errors
    /// Somebody feels it, and nobody consents.
    pub(super) async fn obtain(
        &self,
        registry: &Registry,
        (repository, tags): (&RepositoryName, &[Tag]),
        new: &Digest,
    ) -> anyhow::Result<()> {
        for tag in tags {
            let impact = match Impact::ask(registry, (repository, tag), Some(new)).await {
                Ok(impact) => impact,
                // Most registries cannot tell, and a repository may be new.
                Err(client::Error::Lacks { .. }) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            if impact.is_felt() {
                self.ask(&impact, tag)?;
            }
        }
        Ok(())
    }

    fn ask(&self, impact: &Impact, tag: &Tag) -> anyhow::Result<()> {
        self.output.note(impact.text(Paint::NONE));
        if self.given {
            return Ok(());
        }
        if !self.output.can_ask() {
            let message =
                format!("moving `{tag}` is felt by gateways, and there is nobody to ask; nothing was pushed");
            return Err(Failure::new(Exit::Conflict, message)
                .advise("consent with `--yes`, or with `--if-unchanged DIGEST` to what the tag names now")
                .into());
        }
        let asked =
            dialoguer::Confirm::new().with_prompt(format!("Move `{tag}`?")).default(false).interact()?;
        if asked { Ok(()) } else { Err(Failure::new(Exit::Conflict, "nothing was pushed").into()) }
    }
}
