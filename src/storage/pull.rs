use super::metadata::{PullFilter, PullRecord, PullRow};
use super::{Result, Store, Timestamp};

impl Store {
    /// Adds reads to what is known of agents. Power loss may forget the last of them; content matters more.
    pub async fn record_pulls(&self, records: &[PullRecord]) -> Result<()> {
        self.inner.metadata.record_pulls(records).await
    }

    /// What agents read, by repository and reference.
    pub async fn list_pulls(&self, filter: &PullFilter) -> Result<Vec<PullRow>> {
        self.inner.metadata.list_pulls(filter).await
    }

    /// Forgets agents that were last seen before `before`, and of the others and of what they pulled the oldest beyond
    /// so many.
    pub async fn trim_pulls(&self, before: Timestamp, (agents, pulls): (u32, u32)) -> Result<()> {
        self.inner.metadata.trim_pulls(before, (agents, pulls)).await
    }
}
