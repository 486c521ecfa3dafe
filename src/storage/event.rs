use tokio::sync::watch;

use super::metadata::{Event, EventRange};
use super::{Result, Store};

/// Tells that there are events, to whoever waits for them.
#[derive(Default)]
pub(super) struct EventBell(watch::Sender<()>);

impl EventBell {
    /// To be called when reads see what the events tell: who hears of a push must not meet what was before it.
    pub(super) fn ring(&self) {
        self.0.send_replace(());
    }
}

impl Store {
    /// The events behind the one numbered `after`, oldest first, at most `limit`.
    pub async fn list_events(&self, after: u64, limit: u32) -> Result<Vec<Event>> {
        self.inner.metadata.list_events(after, limit).await
    }

    /// Which events are kept.
    pub async fn event_range(&self) -> Result<EventRange> {
        self.inner.metadata.event_range().await
    }

    /// Changes whenever there may be new events.
    pub fn watch_events(&self) -> watch::Receiver<()> {
        self.inner.event_bell.0.subscribe()
    }

    /// Forgets the oldest events but for about `keep`.
    pub async fn trim_events(&self, keep: u64) -> Result<()> {
        let EventRange { oldest, newest } = self.event_range().await?;
        let last = newest.saturating_sub(keep);
        if last < oldest { Ok(()) } else { self.inner.metadata.forget_events(last).await }
    }
}
