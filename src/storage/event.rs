use tokio::sync::watch;

use super::metadata::{Event, EventKind, EventRange};
use super::{Result, Store};

/// Tells that there are events, to whoever waits for them. Those about agents come by the thousand after a push, and who
/// follows content alone is not woken for them.
#[derive(Default)]
pub(super) struct EventBell {
    content: watch::Sender<()>,
    any: watch::Sender<()>,
}

impl EventBell {
    /// To be called when something is known of agents that was not.
    pub(super) fn ring_of_fleet(&self) {
        self.any.send_replace(());
    }

    /// To be called when reads see what the events tell: who hears of a push must not meet what was before it.
    pub(super) fn ring(&self) {
        self.content.send_replace(());
        self.any.send_replace(());
    }
}

impl Store {
    /// The events of these kinds behind the one numbered `after`, oldest first, at most `limit`.
    pub async fn list_events(&self, kinds: &[EventKind], after: u64, limit: u32) -> Result<Vec<Event>> {
        self.inner.metadata.list_events(kinds, after, limit).await
    }

    /// Which events are kept.
    pub async fn event_range(&self) -> Result<EventRange> {
        self.inner.metadata.event_range().await
    }

    /// Changes whenever there may be new events of these kinds.
    pub fn watch_events(&self, kinds: &[EventKind]) -> watch::Receiver<()> {
        let bell = &self.inner.event_bell;
        let is_content = kinds.iter().all(|kind| EventKind::CONTENT.contains(kind));
        if is_content { bell.content.subscribe() } else { bell.any.subscribe() }
    }

    /// Forgets the oldest events but for about `keep`.
    pub async fn trim_events(&self, keep: u64) -> Result<()> {
        let EventRange { oldest, newest } = self.event_range().await?;
        let last = newest.saturating_sub(keep);
        if last < oldest { Ok(()) } else { self.inner.metadata.forget_events(last).await }
    }
}
