use std::time::SystemTime;

use crate::agent::cache::{Identity, Proof, Standing};
use crate::client::{ErrorKind, Remote};
use crate::oci::{ImageReference, Reference};
use crate::policy::ModuleKey;

use super::endpoints::Caller;
use super::errand::Errand;
use super::flights::Joins;
use super::image::{self, Audience};
use super::{PullError, PullSecret, Puller};

impl Puller {
    /// A module is everybody's who could have fetched it, and nobody else's.
    pub(super) async fn authorize(&self, errand: Errand<'_>, key: &ModuleKey) -> Result<(), PullError> {
        let Some(image) = errand.pull.url.image() else { return Ok(()) };
        let (caller, remote) = self.caller(errand.secret, image)?;
        let who = &caller.identity;
        let standing = self.cache.standing(key, who, SystemTime::now());
        if standing == Standing::Granted {
            return Ok(());
        }
        let manifest = Reference::Digest(key.checksum.clone());
        let flight = (key.clone(), who.clone());
        match self.looks.join(flight, Joins::Any, || image::look(remote, manifest)).await {
            Ok(()) => {
                self.cache.grant(key, who, Proof::Checked, SystemTime::now());
                Ok(())
            }
            Err(error) if standing == Standing::Stale && error.kind() == ErrorKind::Network => Ok(()),
            Err(error) => {
                self.cache.revoke(key, who);
                Err(PullError::Denied(error))
            }
        }
    }

    pub(super) fn caller(
        &self,
        secret: Option<&PullSecret>,
        image: &ImageReference,
    ) -> Result<(Caller, Remote), PullError> {
        let caller = self.endpoints.caller(&self.cache, &image.registry, secret)?;
        let remote = self.endpoints.registry(&image.registry, &caller).map_err(PullError::Manifest)?;
        let remote = remote.repository(&image.repository);
        Ok((caller, remote))
    }

    pub(super) fn grant(&self, key: &ModuleKey, who: &Identity, proof: Proof, audience: Audience) {
        let now = SystemTime::now();
        self.cache.grant(key, who, proof, now);
        if audience == Audience::Everybody {
            self.cache.grant(key, &Identity::Anonymous, proof, now);
        }
    }
}
