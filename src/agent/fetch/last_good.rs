use std::time::SystemTime;

use crate::agent::cache::Standing;
use crate::agent::{ModuleKey, Pull, Reason};

use super::errand::Errand;
use super::{PullAction, PullSecret, Pulled, Puller};

impl Puller {
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
        self.caller(errand, image).is_ok_and(|(caller, _)| {
            self.cache.standing(key, &caller.identity, SystemTime::now()) != Standing::Unknown
        })
    }
}
