use anyhow::Context as _;
use serde::Serialize;

use crate::client::{self, ErrorKind, Expected, FetchedManifest, PutManifest, TagChange, Target as _};
use crate::oci::{Digest, Reference};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report};
use super::session::{Session, SessionArgs, with_session};
use super::table::short;
use super::tagged::Tagged;

/// Point a tag back at what it named before
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The tag moves only if nobody else moves it meanwhile. Rolled back twice, it is where it was: name what is
further back with --to. A tag that was deleted comes back.

Examples:
  hwasm-registry rollback plugins/key-auth:latest
  hwasm-registry history plugins/key-auth:latest
  hwasm-registry rollback plugins/key-auth:latest --to sha256:9c2f…")]
pub(super) struct Args {
    /// The tag: [host/]repository:tag
    #[arg(value_name = "REF")]
    reference: String,
    /// What it shall name: the digest of a manifest in its repository
    #[arg(long, value_name = "DIGEST")]
    to: Option<Digest>,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was rolled back.
#[derive(Debug, Serialize)]
struct RolledBack {
    /// The tag, as named.
    image: String,
    /// What it named; none where it was deleted.
    from: Option<Digest>,
    /// What it names now.
    to: Digest,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let done =
            with_session(context, &self.session, async |session| self.roll_back(session).await).await?;
        context.output.report(&done)
    }

    async fn roll_back(&self, session: &Session<'_>) -> anyhow::Result<RolledBack> {
        let tagged = Tagged::named(session, &self.reference).await?;
        let (from, to) = self.way(&tagged).await?;
        let manifest = fetch(&tagged, &to).await?;
        if from.as_ref() == Some(&to) {
            session.context.output.note("the tag names that already");
        } else {
            put(&tagged, manifest, from.as_ref())
                .await
                .with_context(|| format!("`{}` was not rolled back to `{to}`", tagged.place))?;
        }
        Ok(RolledBack { image: tagged.place.to_string(), from, to })
    }

    /// What the tag names, and what it shall name.
    async fn way(&self, tagged: &Tagged) -> anyhow::Result<(Option<Digest>, Digest)> {
        if let Some(to) = &self.to {
            return Ok((tagged.current().await?, to.clone()));
        }
        let history = tagged.history().await?;
        way_back(&history).ok_or_else(|| {
            let message = format!("`{}` has named nothing else before", tagged.place);
            Failure::new(Exit::NotFound, message).advise("name a digest of its repository with `--to`").into()
        })
    }
}

/// What the tag names, and what it named before that: the newest digest that is another. None where there is none.
fn way_back(history: &[TagChange]) -> Option<(Option<Digest>, Digest)> {
    let (newest, older) = history.split_first()?;
    let to = older
        .iter()
        .filter_map(|change| change.digest.as_ref())
        .find(|to| Some(*to) != newest.digest.as_ref());
    Some((newest.digest.clone(), to?.clone()))
}

async fn fetch(tagged: &Tagged, to: &Digest) -> anyhow::Result<FetchedManifest> {
    let fetched = tagged.remote.fetch_manifest(&Reference::Digest(to.clone())).await;
    fetched.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("the repository of `{}` does not hold `{to}`", tagged.place);
            let advice = "name another digest with `--to`; `hwasm-registry history` shows what the tag named";
            anyhow::Error::new(error).context(Failure::new(Exit::NotFound, message).advise(advice))
        }
        _ => error.into(),
    })
}

async fn put(tagged: &Tagged, manifest: FetchedManifest, from: Option<&Digest>) -> Result<(), client::Error> {
    let expected = from.cloned().map_or(Expected::Absent, Expected::Digest);
    let reference = Reference::Tag(tagged.tag.clone());
    let put = PutManifest::new(manifest.descriptor.media_type, manifest.bytes, reference);
    tagged.remote.put_manifest(&PutManifest { expected, ..put }).await?;
    Ok(())
}

impl Report for RolledBack {
    fn text(&self, paint: Paint) -> String {
        let from = self.from.as_ref().map_or_else(|| "deleted".to_owned(), short);
        format!("{}: {from} -> {}", self.image, paint.strong(&short(&self.to)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_to_the_newest_digest_that_is_another() {
        let digest = |name: &str| Digest::sha256(name.as_bytes());
        // A letter for each digest that the tag named, newest first; `-` where it was deleted.
        for (history, expected) in [
            ("ba", Some("ba")),
            ("cba", Some("cb")),
            ("aba", Some("ab")),
            ("b-a", Some("ba")),
            ("-ba", Some("-b")),
            ("a-a", None),
            ("a", None),
            ("-", None),
            ("", None),
        ] {
            let read = |letter: &str| (letter != "-").then(|| digest(letter));
            let letters =
                |text: &str| text.chars().map(|letter| read(&letter.to_string())).collect::<Vec<_>>();
            let change = |digest| TagChange { digest, changed: String::new(), changed_by: String::new() };
            let changes: Vec<_> = letters(history).into_iter().map(change).collect();
            let expected = expected.map(|pair| (letters(pair)[0].clone(), letters(pair)[1].clone().unwrap()));
            assert_eq!(way_back(&changes), expected, "{history}");
        }
    }
}
