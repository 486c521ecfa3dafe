use super::metadata::{PullFilter, PullRecord, PullRow, TagFilter, TagGroup};
use super::{Error, Result, Store, Timestamp};

impl Store {
    /// Adds reads to what is known of agents. Power loss may forget the last of them; content matters more.
    ///
    /// # Errors
    /// [`Error::Full`] where the disk is so full that the rest is left to pushes.
    pub async fn record_pulls(&self, records: &[PullRecord]) -> Result<()> {
        self.check_room_to_spare()?;
        if self.inner.metadata.record_pulls(records).await? {
            self.inner.event_bell.ring_of_fleet();
        }
        Ok(())
    }

    pub(super) fn check_room_to_spare(&self) -> Result<()> {
        if self.inner.reserve.has_room_to_spare() { Ok(()) } else { Err(Error::Full) }
    }

    /// What agents read, and what they report while that counts, by repository and reference.
    pub async fn list_pulls(&self, filter: &PullFilter) -> Result<Vec<PullRow>> {
        self.inner.metadata.list_pulls(filter, Timestamp::now()).await
    }

    /// The agents of each tag, in groups of those that have the same, by repository and tag. What agents report counts
    /// until [`Store::forget_reports`].
    pub async fn group_pulls(&self, filter: &TagFilter) -> Result<Vec<TagGroup>> {
        self.inner.metadata.group_pulls(filter).await
    }

    /// Forgets what agents reported whose lease has ended.
    pub async fn forget_reports(&self, now: Timestamp) -> Result<()> {
        self.inner.metadata.forget_reports(now).await
    }

    /// Forgets agents that were last seen before `before`, and of the others and of what they pulled the oldest beyond
    /// so many.
    pub async fn trim_pulls(&self, before: Timestamp, (agents, pulls): (u32, u32)) -> Result<()> {
        self.inner.metadata.trim_pulls(before, (agents, pulls)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::oci::Digest;
    use crate::storage::{AgentReport, Config, PluginReport, PullRead};

    fn record(at: Timestamp, module: &[u8]) -> PullRecord {
        let digest = Some(Digest::sha256(module));
        let read = PullRead::Manifest { reference: "v1".parse().unwrap(), digest, status: 200 };
        let (agent, kind) = ("gw".to_owned(), "agent".to_owned());
        let repository = "plugins/a".parse().unwrap();
        PullRecord { agent, kind, repository, read, first: at, last: at, count: 1 }
    }

    #[tokio::test]
    async fn what_a_wrong_clock_wrote_does_not_hide_what_comes_after() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
        let store = Store::open(&config).await.unwrap();
        let now = Timestamp::now();
        let (day, second) = (Duration::from_hours(24), Duration::from_secs(1));
        for (at, module, expected) in [
            (now, b"1", b"1"),
            // Written late, and of the same minute: what is there is newer.
            (now.before(second), b"2", b"1"),
            // The clock is a day ahead, and then right again.
            (now.after(day), b"3", b"3"),
            (now.after(second), b"4", b"4"),
        ] {
            store.record_pulls(&[record(at, module)]).await.unwrap();
            let rows = store.list_pulls(&PullFilter { limit: 9, ..PullFilter::default() }).await.unwrap();
            assert_eq!(rows[0].digest, Some(Digest::sha256(expected)));
        }
        let rows = store.list_pulls(&PullFilter { limit: 9, ..PullFilter::default() }).await.unwrap();
        assert_eq!((rows.len(), rows[0].resolves, rows[0].last), (1, 4, now.after(second)));
        assert_eq!(rows[0].agent_last, now.after(second));
        store.close().await;
    }
    #[tokio::test]
    async fn a_report_does_not_hide_the_reads_before_it_that_are_written_later() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
        let store = Store::open(&config).await.unwrap();
        let now = Timestamp::now();
        let plugin = PluginReport {
            repository: "plugins/a".parse().unwrap(),
            reference: "v1".parse().unwrap(),
            namespace: String::new(),
            name: "a".to_owned(),
            url: "oci://r.io/plugins/a:v1".to_owned(),
            policy: String::new(),
            sha256: String::new(),
            wanted: None,
            running: None,
            refused: None,
        };
        let (agent, kind) = ("gw".to_owned(), "agent".to_owned());
        let lease_until = now.after(Duration::from_mins(1));
        let report =
            AgentReport { agent, kind, received: now, lease_until, watches: false, plugins: vec![plugin] };
        store.record_report(&report).await.unwrap();
        store.record_pulls(&[record(now.before(Duration::from_secs(1)), b"1")]).await.unwrap();
        let rows = store.list_pulls(&PullFilter { limit: 9, ..PullFilter::default() }).await.unwrap();
        assert_eq!(rows[0].digest, Some(Digest::sha256(b"1")));
        assert_eq!((rows.len(), rows[0].status, rows[0].resolves), (1, 200, 1));
        store.close().await;
    }
}
