use super::metadata::{PullFilter, PullRecord, PullRow, TagFilter, TagGroup};
use super::{Result, Store, Timestamp};

impl Store {
    /// Adds reads to what is known of agents. Power loss may forget the last of them; content matters more.
    pub async fn record_pulls(&self, records: &[PullRecord]) -> Result<()> {
        if self.inner.metadata.record_pulls(records).await? {
            self.inner.event_bell.ring_of_fleet();
        }
        Ok(())
    }

    /// What agents read, and what they report while that counts, by repository and reference.
    pub async fn list_pulls(&self, filter: &PullFilter) -> Result<Vec<PullRow>> {
        self.inner.metadata.list_pulls(filter, Timestamp::now()).await
    }

    /// The agents of each tag, in groups of those that have the same, by repository and tag.
    pub async fn group_pulls(&self, filter: &TagFilter) -> Result<Vec<TagGroup>> {
        self.inner.metadata.group_pulls(filter, Timestamp::now()).await
    }

    /// Forgets agents that were last seen before `before`, and of the others and of what they pulled the oldest beyond
    /// so many.
    pub async fn trim_pulls(&self, before: Timestamp, (agents, pulls): (u32, u32)) -> Result<()> {
        self.inner.metadata.trim_pulls(before, (agents, pulls)).await
    }
}
