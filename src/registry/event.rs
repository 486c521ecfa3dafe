use tokio::sync::watch;

use super::{Event, EventRange, Registry, Result};

impl Registry {
    /// What happened behind the event numbered `after`, oldest first, at most `limit`.
    pub async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>> {
        Ok(self.store.list_events(after, limit).await?)
    }

    /// Which events are kept.
    pub async fn event_range(&self) -> Result<EventRange> {
        Ok(self.store.event_range().await?)
    }

    /// Changes whenever there may be new events.
    pub fn watch_events(&self) -> watch::Receiver<()> {
        self.store.watch_events()
    }
}
