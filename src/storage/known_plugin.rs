use super::metadata::{AgentReport, KnownPlugin, KnownPluginFilter, PluginSource};
use super::{Result, Store};
use crate::oci::{Reference, RepositoryName};

impl Store {
    /// Keeps a plugin; whether there was room among `most` of its source.
    pub async fn put_known_plugin(&self, plugin: &KnownPlugin, most: u32) -> Result<bool> {
        self.inner.metadata.put_known_plugin(plugin, most).await
    }

    /// Forgets a plugin that the API was told of; whether it was known.
    pub async fn delete_known_plugin(&self, namespace: &str, name: &str) -> Result<bool> {
        self.inner.metadata.delete_known_plugin(namespace, name).await
    }

    /// Lets `plugins` be all that are known from `source`.
    pub async fn replace_known_plugins(&self, source: PluginSource, plugins: &[KnownPlugin]) -> Result<()> {
        self.inner.metadata.replace_known_plugins(source, plugins).await
    }

    /// The known plugins by namespace, name and source.
    pub async fn list_known_plugins(&self, filter: &KnownPluginFilter) -> Result<Vec<KnownPlugin>> {
        self.inner.metadata.list_known_plugins(filter).await
    }

    /// The known plugins that name something from `first` to `last`, by repository and reference, at most `limit`.
    pub async fn known_plugins_between(
        &self,
        first: (&RepositoryName, &Reference),
        last: (&RepositoryName, &Reference),
        limit: u32,
    ) -> Result<Vec<KnownPlugin>> {
        self.inner.metadata.known_plugins_between(first, last, limit).await
    }

    /// Lets a report take the place of the agent's last one.
    ///
    /// # Errors
    /// [`Error::Full`](super::Error::Full), as for what agents read.
    pub async fn record_report(&self, report: &AgentReport) -> Result<()> {
        self.check_room_to_spare()?;
        if self.inner.metadata.record_report(report).await? {
            self.inner.event_bell.ring_of_fleet();
        }
        Ok(())
    }
}
