use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use crate::client::{self, ErrorKind, Event, Events, Notice, Registry};
use crate::oci::{Digest, RegistryHost, RepositoryName};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Output, Paint, Report, printable};
use super::session::{Session, SessionArgs, with_session};
use super::stop_signals::StopSignals;
use super::table::short;

/// Pause before a registry that went away is asked again; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause while it is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Show what happened at a registry: pushes, moved tags, deletions, pulls and refusals by agents
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --follow, prints the events that the registry keeps, oldest first; with it, those to come, until it is
interrupted. It comes back to a registry that was away, and then misses nothing that is kept.

Examples:
  hwasm-registry events
  hwasm-registry events --follow --repository plugins/key-auth

  # Somewhere else, behind an event that was seen, one JSON document on each line
  hwasm-registry events registry.example.com --after 41 --follow --format json")]
pub(super) struct Args {
    /// The registry's host; without it the local registry
    #[arg(value_name = "REGISTRY")]
    registry: Option<RegistryHost>,
    /// Go on with what comes, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Begin behind the event with this number
    #[arg(long, value_name = "ID")]
    after: Option<u64>,
    /// Only those of this repository
    #[arg(long, value_name = "NAME")]
    repository: Option<RepositoryName>,
    #[command(flatten)]
    session: SessionArgs,
}

/// An event, for one line.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Line<'a>(&'a Event);

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        with_session(context, &self.session, async |session| {
            let registry = session.registry(self.registry.as_ref()).await?;
            if self.follow {
                self.follow(session, &registry).await
            } else {
                self.tell(session, &registry).await
            }
        })
        .await
    }

    /// Prints what is kept by now.
    async fn tell(&self, session: &Session<'_>, registry: &Registry) -> anyhow::Result<()> {
        let output = &session.context.output;
        let mut after = self.after.unwrap_or(0);
        let mut page = registry.event_page(after).await?;
        let newest = page.newest;
        if self.after.is_some_and(|after| after + 1 < page.oldest) {
            warn_of_gap(output);
        }
        while let Some(last) = page.events.last().map(|event| event.id) {
            page.events.iter().try_for_each(|event| self.print(output, event))?;
            // What happens while this is printed is for the next call, or this one might never end.
            if last >= newest || last <= after {
                break;
            }
            after = last;
            page = registry.event_page(after).await?;
        }
        Ok(())
    }

    /// Prints what comes, until somebody interrupts.
    async fn follow(&self, session: &Session<'_>, registry: &Registry) -> anyhow::Result<()> {
        if self.registry.is_none() && session.serves_itself().await? {
            let message = format!("no registry answers at {}, so nothing can happen", session.local_host());
            let failure = Failure::new(Exit::Network, message);
            return Err(failure.advise("start one with `hwasm-registry serve`, or name another").into());
        }
        let mut stop = StopSignals::listen()?;
        tokio::select! {
            ended = self.listen(&session.context.output, registry) => ended,
            () = stop.next() => Ok(()),
        }
    }

    async fn listen(&self, output: &Output, registry: &Registry) -> anyhow::Result<()> {
        let (mut last, mut failures) = (self.after, None);
        loop {
            let broke_off = match registry.events(last, &[]).await {
                Ok(mut events) => {
                    failures = Some(0);
                    let broke_off = self.hear(output, &mut events).await;
                    last = events.last_id();
                    broke_off?
                }
                // One that has never answered is not waited for.
                Err(error) if failures.is_none() || error.kind() != ErrorKind::Network => {
                    return Err(error.into());
                }
                Err(error) => Some(error),
            };
            let reason = broke_off
                .map_or_else(|| "the registry ended its events".to_owned(), |error| error.to_string());
            let wait = pause(failures.unwrap_or(0));
            output.note(format_args!("{reason}; asking again in {} s", wait.as_secs()));
            failures = failures.map(|failures: u32| failures.saturating_add(1));
            sleep(wait).await;
        }
    }

    /// Prints one stream to its end; what broke it off.
    async fn hear(&self, output: &Output, events: &mut Events) -> anyhow::Result<Option<client::Error>> {
        loop {
            match events.next().await {
                Ok(Some(Notice::Event(event))) => self.print(output, &event)?,
                Ok(Some(Notice::StartedLate)) => warn_of_gap(output),
                Ok(Some(Notice::Unknown)) => output.warn("an event cannot be read, and is left out"),
                Ok(Some(Notice::Started)) => {}
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error)),
            }
        }
    }

    fn print(&self, output: &Output, event: &Event) -> anyhow::Result<()> {
        if self.repository.as_ref().is_some_and(|only| *only != event.repository) {
            return Ok(());
        }
        output.line(&Line(event))
    }
}

fn warn_of_gap(output: &Output) {
    output.warn("the registry does not keep all events behind that one; those that are gone are left out");
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE)
}

/// What the event was about: the tag's or the manifest's digest, and which one it took the place of.
fn digests(event: &Event) -> String {
    let short = |digest: &Option<Digest>| digest.as_ref().map(short);
    match (short(&event.previous), short(&event.digest)) {
        (Some(from), Some(to)) => format!("{from} -> {to}"),
        (from, to) => to.or(from).unwrap_or_default(),
    }
}

impl Report for Line<'_> {
    fn text(&self, paint: Paint) -> String {
        let Event { id, kind, time, repository, tag, actor, .. } = self.0;
        let place = tag.as_ref().map_or_else(|| repository.to_string(), |tag| format!("{repository}:{tag}"));
        let (time, kind, actor) = (printable(time), printable(kind), printable(actor));
        format!("{id:>6}  {time}  {kind:<16}  {}  {}  by {actor}", paint.strong(&place), digests(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_is_away_is_asked_more_and_more_rarely() {
        let pauses = [0, 1, 2, 4, 5, 100].map(|failures| pause(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 16, 30, 30]);
    }
}
