use tokio::sync::watch;

use super::{Event, EventKind, EventRange, Registry, Result};

impl Registry {
    /// What happened of these kinds behind the event numbered `after`, oldest first, at most `limit`.
    pub async fn events(&self, kinds: &[EventKind], after: u64, limit: u32) -> Result<Vec<Event>> {
        Ok(self.store.list_events(kinds, after, limit).await?)
    }

    /// Which events are kept.
    pub async fn event_range(&self) -> Result<EventRange> {
        Ok(self.store.event_range().await?)
    }

    /// Changes whenever there may be new events of these kinds.
    pub fn watch_events(&self, kinds: &[EventKind]) -> watch::Receiver<()> {
        self.store.watch_events(kinds)
    }
}
