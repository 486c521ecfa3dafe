use std::sync::Arc;
use std::time::Duration;

use crate::agent::CacheError;
use crate::artifact::{ModuleError, NoModuleLayer, UnpackError};
use crate::client;
use crate::oci::{Digest, ManifestError};
use crate::policy::Reason;

use super::{FetchResult, PullSecretError};

/// Why there is no module. It can be shared by all who waited for the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PullError {
    /// The plugin's secret cannot be used; nobody was asked without it.
    #[error(transparent)]
    Secret(#[from] PullSecretError),
    /// The file is not there.
    #[error("file `{path}` cannot be used: {reason}")]
    File {
        /// The path.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// What the resource asks for can never be had.
    #[error("nothing is asked: {0}")]
    Refused(Reason),
    /// The registry did not tell what the URL stands for.
    #[error("cannot resolve the image: {0}")]
    Manifest(Arc<client::Error>),
    /// The manifest cannot be understood.
    #[error("cannot resolve the image: {0}")]
    BadManifest(Arc<ManifestError>),
    /// The image is not for agents.
    #[error("image has no manifest for linux/amd64, which agents ask for")]
    NoPlatform,
    /// The image has no module.
    #[error("image holds no module: {0}")]
    NoModule(NoModuleLayer),
    /// The layer, or a web server's file, did not come.
    #[error("cannot download the module: {0}")]
    Download(Arc<client::Error>),
    /// More bytes than are fetched.
    #[error("layer has {size_bytes} bytes, more than the {limit_bytes} that are fetched")]
    TooLarge {
        /// Its length.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The module cannot be taken out of what came.
    #[error("cannot unpack the module: {0}")]
    Unpack(Arc<UnpackError>),
    /// It is not a module that a gateway could run.
    #[error("no usable module: {0}")]
    Module(Arc<ModuleError>),
    /// It is not what was asked for.
    #[error("`{expected}` was asked for, but `{found}` is there")]
    Mismatch {
        /// What the resource asks for.
        expected: Digest,
        /// What was found.
        found: Digest,
    },
    /// The module is in the cache, but the plugin's own credential does not get it.
    #[error("the module is in the cache, but this plugin may not have it: {0}")]
    Denied(Arc<client::Error>),
    /// It took too long.
    #[error("the pull was not done after {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The cache does not take it.
    #[error(transparent)]
    Cache(#[from] Arc<CacheError>),
}

impl PullError {
    /// Under which result Istio counts it, where something was fetched at all.
    pub fn result(&self) -> Option<FetchResult> {
        match self {
            Self::Manifest(_) | Self::BadManifest(_) | Self::NoPlatform | Self::NoModule(_) => {
                Some(FetchResult::ManifestFailure)
            }
            Self::Download(_) | Self::TooLarge { .. } | Self::TimedOut(_) => {
                Some(FetchResult::DownloadFailure)
            }
            Self::Unpack(error) if matches!(**error, UnpackError::NotWasm) => Some(FetchResult::FetchFailure),
            Self::Unpack(_) => Some(FetchResult::DownloadFailure),
            Self::Mismatch { .. } => Some(FetchResult::ChecksumMismatched),
            Self::Module(_) | Self::Secret(_) => Some(FetchResult::FetchFailure),
            Self::File { .. } | Self::Refused(_) | Self::Denied(_) | Self::Cache(_) => None,
        }
    }

    /// What went wrong with the registry or web server, where that is it.
    pub fn of_server(&self) -> Option<&client::Error> {
        match self {
            Self::Manifest(error) | Self::Download(error) | Self::Denied(error) => Some(error),
            _ => None,
        }
    }

    /// How long the server asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.of_server()? {
            client::Error::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    pub(super) fn cache(error: CacheError) -> Self {
        Self::Cache(Arc::new(error))
    }
}
