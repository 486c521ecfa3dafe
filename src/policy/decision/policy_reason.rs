use std::fmt;

use serde::{Serialize, Serializer};

use crate::plugin::{ModuleSource, ModuleUrl, PullPolicy};

use super::Pull;
use super::rules::Untagged;

/// Why a pull policy is in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyReason {
    /// Nothing is pulled.
    File,
    /// `sha256` says which module it is.
    Sha256,
    /// The URL's digest says so.
    DigestInUrl,
    /// The resource says which.
    Set(PullPolicy),
    /// The URL ends in `:latest`.
    EndsInLatest,
    /// The URL has no tag, which the agent reads as `:latest`.
    UntaggedIsLatest,
    /// The URL has no tag, which the agent does not read as `:latest`.
    UntaggedIsNotLatest,
    /// The URL has another tag.
    OtherTag,
    /// The URL names no image.
    NoImage,
}

impl PolicyReason {
    pub(super) fn of(pull: &Pull, untagged: Untagged) -> Self {
        match (pull.url.source(), pull.policy) {
            (ModuleSource::File(_), _) => Self::File,
            _ if pull.sha256.is_some() => Self::Sha256,
            _ if pull.url.digest().is_some() => Self::DigestInUrl,
            (_, PullPolicy::Always | PullPolicy::IfNotPresent) => Self::Set(pull.policy),
            (_, PullPolicy::Unspecified) => Self::of_url(&pull.url, untagged),
        }
    }

    fn of_url(url: &ModuleUrl, untagged: Untagged) -> Self {
        match (url.image(), untagged) {
            (None, _) => Self::NoImage,
            (Some(_), _) if url.ends_in_latest() => Self::EndsInLatest,
            (Some(image), _) if image.tag.is_some() => Self::OtherTag,
            (Some(_), Untagged::Latest) => Self::UntaggedIsLatest,
            (Some(_), Untagged::AsWritten) => Self::UntaggedIsNotLatest,
        }
    }
}

impl fmt::Display for PolicyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unset = "imagePullPolicy is not set";
        match self {
            Self::File => f.write_str("the URL names a file in the proxy's container"),
            Self::Sha256 => f.write_str("sha256 wins over every policy"),
            Self::DigestInUrl => f.write_str("the digest in the URL wins over every policy"),
            Self::Set(policy) => write!(f, "imagePullPolicy says {policy}"),
            Self::EndsInLatest => write!(f, "{unset}, and the URL ends in `:latest`"),
            Self::UntaggedIsLatest => write!(f, "{unset}, and no tag is read as `:latest`"),
            Self::UntaggedIsNotLatest => {
                write!(
                    f,
                    "{unset}, and the URL does not end in `:latest`, although `latest` is what is fetched"
                )
            }
            Self::OtherTag => write!(f, "{unset}, and the URL does not end in `:latest`"),
            Self::NoImage => write!(f, "{unset}, and the URL names no image"),
        }
    }
}

impl Serialize for PolicyReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
