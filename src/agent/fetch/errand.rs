use std::path::PathBuf;

use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, ModuleSource};
use crate::policy::{Flavour, ModuleKey, Moment, Pull, Reason};

use super::flights::Joins;
use super::{PullAction, PullError, PullSecret, Pulled};

/// A pull, and who asks.
#[derive(Clone, Copy)]
pub(super) struct Errand<'a> {
    pub(super) pull: &'a Pull,
    pub(super) secret: Option<&'a PullSecret>,
    pub(super) reason: Reason,
}

impl Errand<'_> {
    /// Under `Always` it matters when was asked.
    pub(super) fn joins(self) -> Joins {
        match Moment::policy(Flavour::Ours, self.pull).0 {
            EffectivePolicy::Always => Joins::NotStarted,
            EffectivePolicy::IfNotPresent | EffectivePolicy::Pinned | EffectivePolicy::Local => Joins::Any,
        }
    }

    pub(super) fn hit(self, path: PathBuf, content: &Digest, key: ModuleKey) -> Pulled {
        self.pulled(path, content, key.checksum, PullAction::Hit)
    }

    pub(super) fn pulled(
        self,
        path: PathBuf,
        content: &Digest,
        manifest: Digest,
        action: PullAction,
    ) -> Pulled {
        let (module, reason) = (Some(content.clone()), self.reason);
        Pulled { path, module, manifest: Some(manifest), action, reason }
    }

    pub(super) async fn local(self) -> Result<Pulled, PullError> {
        let ModuleSource::File(path) = self.pull.url.source() else {
            return Err(PullError::Refused(self.reason));
        };
        let failed = |reason: String| PullError::File { path: path.clone(), reason };
        let metadata = tokio::fs::metadata(path).await.map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("it is not a regular file".to_owned()));
        }
        let (path, reason) = (PathBuf::from(path), self.reason);
        Ok(Pulled { path, module: None, manifest: None, action: PullAction::Local, reason })
    }
}
