use std::time::{Duration, SystemTime};

use crate::agent::cache::Standing;
use crate::policy::{ModuleKey, Pull, Reason};

use super::errand::Errand;
use super::{PullAction, PullSecret, PullSecretError, Pulled, Puller};

/// A pull that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedPull {
    /// Why.
    pub reason: String,
    /// What the resource ran before, if that is still there.
    pub last_good: Option<Pulled>,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Puller {
    /// [`Puller::pull`] with the secret that the plugin names, if there is one; where that fails, the module that it ran before.
    ///
    /// # Errors
    /// Either there is no secret of that name, or the pull failed.
    pub async fn pull_or_last_good(
        &self,
        pull: &Pull,
        secret: Option<Result<PullSecret, PullSecretError>>,
    ) -> Result<Pulled, FailedPull> {
        let (reason, last_good, retry_after) = match secret.transpose() {
            Ok(secret) => match self.pull(pull, secret.as_ref()).await {
                Ok(module) => return Ok(module),
                Err(error) => {
                    let last_good = self.last_good(pull, secret.as_ref()).await;
                    (with_causes(&error), last_good, error.retry_after())
                }
            },
            Err(error) => (error.to_string(), None, None),
        };
        tracing::warn!(plugin = pull.resource, %reason, "a module could not be pulled");
        Err(FailedPull { reason, last_good, retry_after })
    }

    /// The module that the resource ran before, of the same URL, if it is still there: what serves on while
    /// the registry is away and the agent has started anew.
    ///
    /// Nobody is asked; so it is for those only of whom the registry once said that they may have it.
    pub async fn last_good(&self, pull: &Pull, secret: Option<&PullSecret>) -> Option<Pulled> {
        let errand = Errand { pull, secret, reason: Reason::RanBefore };
        let (key, content) = self.cache.ran_before(pull)?;
        if !self.was_allowed(errand, &key) {
            return None;
        }
        let path = self.cache.find(&content, SystemTime::now()).await?;
        Some(errand.pulled(path, &content, key.checksum, PullAction::Hit))
    }

    fn was_allowed(&self, errand: Errand<'_>, key: &ModuleKey) -> bool {
        let Some(image) = errand.pull.url.image() else { return true };
        self.caller(errand.secret, image).is_ok_and(|(caller, _)| {
            self.cache.standing(key, &caller.identity, SystemTime::now()) != Standing::Unknown
        })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
