use std::sync::Arc;

use serde::Serialize;

use crate::client::{self, Events, Target as _};
use crate::oci::RegistryHost;
use crate::plugin::ModuleSource;
use crate::policy::Pull;

use super::{PullError, PullSecret, Puller};

/// What an agent wants to hear of.
const TAG_EVENTS: [&str; 2] = ["tag-moved", "tag-deleted"];

impl Puller {
    /// What tells whether the URL of `pull` stands for something else than before: of an image the digest that its tag names,
    /// of a web server's file what the server calls its version. Nothing where it cannot be told without fetching the file.
    ///
    /// One request without a body; the cache is neither asked nor told.
    ///
    /// # Errors
    /// Who serves it does not answer, or the plugin may not have it.
    pub async fn glance(
        &self,
        pull: &Pull,
        secret: Option<&PullSecret>,
    ) -> Result<Option<String>, PullError> {
        let looked = tokio::time::timeout(self.timeout, self.look_at(pull, secret)).await;
        looked.unwrap_or(Err(PullError::TimedOut(self.timeout)))
    }

    async fn look_at(&self, pull: &Pull, secret: Option<&PullSecret>) -> Result<Option<String>, PullError> {
        let failed = |error| PullError::Manifest(Arc::new(error));
        match pull.url.source() {
            ModuleSource::Oci(image) => {
                let (_, remote) = self.caller(secret, image)?;
                let named = remote.resolve(&image.reference()).await.map_err(failed)?;
                Ok(Some(named.digest.to_string()))
            }
            ModuleSource::Http(url) => self.endpoints.web().validator(url).await.map_err(failed),
            ModuleSource::File(_) => Ok(None),
        }
    }

    /// The events of a registry that has them, as the agent itself may hear them.
    ///
    /// # Errors
    /// As [`client::Registry::events`].
    pub async fn events(
        &self,
        host: &RegistryHost,
        after: Option<u64>,
    ) -> Result<Events, Arc<client::Error>> {
        let registry = self.endpoints.registry(host, &self.endpoints.agent())?;
        registry.events(after, &TAG_EVENTS).await.map_err(Arc::new)
    }

    /// Tells a registry like ours how the agent `id` is doing.
    ///
    /// # Errors
    /// As [`client::Registry::report`].
    pub async fn report(
        &self,
        host: &RegistryHost,
        id: &str,
        report: &impl Serialize,
    ) -> Result<(), Arc<client::Error>> {
        let registry = self.endpoints.registry(host, &self.endpoints.agent())?;
        registry.report(id, report).await.map_err(Arc::new)
    }
}
