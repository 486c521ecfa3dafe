use std::sync::Arc;

use super::{FailedPull, Live, PullSecret, PullSecretError, Pulled, Puller};
use crate::oci::Digest;
use crate::policy::Pull;

/// Where a [`Keeper`](super::Keeper) has its modules from.
pub trait Modules {
    /// Gets a plugin's module onto this machine, by its policy.
    fn pull(
        &self,
        pull: Pull,
        secret: Option<Result<PullSecret, PullSecretError>>,
    ) -> impl Future<Output = Result<Pulled, FailedPull>> + Send + 'static;

    /// Whether the module's file still holds what it should. One that does not is pulled again by the next pull.
    fn is_sound(&self, module: Digest) -> impl Future<Output = bool> + Send + 'static;

    /// Hears what has to stay on this machine from now on.
    fn keep(&self, live: Live);
}

impl Modules for Arc<Puller> {
    fn pull(
        &self,
        pull: Pull,
        secret: Option<Result<PullSecret, PullSecretError>>,
    ) -> impl Future<Output = Result<Pulled, FailedPull>> + Send + 'static {
        let puller = Self::clone(self);
        async move { puller.pull_or_last_good(&pull, secret).await }
    }

    fn is_sound(&self, module: Digest) -> impl Future<Output = bool> + Send + 'static {
        let cache = Arc::clone(&self.cache);
        async move { cache.check_again(&module).await }
    }

    fn keep(&self, live: Live) {
        self.cache.set_live(live);
    }
}
