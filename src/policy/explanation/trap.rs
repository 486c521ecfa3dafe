use std::fmt;

use serde::Serialize;

/// A way in which an agent does not do what the author of a resource expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trap {
    /// `IfNotPresent`, and the tag moved.
    MovedTag,
    /// No tag, and a policy that looks at the text.
    UntaggedIsNotLatest,
    /// `Always`, and the version stays.
    NotOnATimer,
    /// An unchanged module is downloaded again.
    DownloadedAgain,
    /// A resource moves because another one pulled.
    SharedTag,
    /// A restart resolves what was settled.
    RestartForgets,
    /// A module nobody delivered for a day is resolved anew.
    Expiry,
    /// A pull that fails is taken for done.
    ForgottenFailure,
    /// `Always` without a version never asks.
    EmptyVersion,
    /// A digest is remembered after its module is gone, and nothing else is accepted.
    DanglingTag,
    /// The digest of an index is never the one compared.
    IndexDigest,
    /// A digest in `sha256`, and a tag in the URL that moves away from it.
    Sha256OfAMovedTag,
    /// `sha256` and the digest in the URL are not the same.
    DigestsDiffer,
    /// A pull fails.
    FailedPull,
}

impl Trap {
    /// Every trap.
    pub const ALL: [Self; 14] = [
        Self::MovedTag,
        Self::UntaggedIsNotLatest,
        Self::NotOnATimer,
        Self::DownloadedAgain,
        Self::SharedTag,
        Self::RestartForgets,
        Self::Expiry,
        Self::ForgottenFailure,
        Self::EmptyVersion,
        Self::DanglingTag,
        Self::IndexDigest,
        Self::Sha256OfAMovedTag,
        Self::DigestsDiffer,
        Self::FailedPull,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MovedTag => "moved-tag",
            Self::UntaggedIsNotLatest => "untagged-is-not-latest",
            Self::NotOnATimer => "not-on-a-timer",
            Self::DownloadedAgain => "downloaded-again",
            Self::SharedTag => "shared-tag",
            Self::RestartForgets => "restart-forgets",
            Self::Expiry => "expiry",
            Self::ForgottenFailure => "forgotten-failure",
            Self::EmptyVersion => "empty-version",
            Self::DanglingTag => "dangling-tag",
            Self::IndexDigest => "index-digest",
            Self::Sha256OfAMovedTag => "sha256-of-a-moved-tag",
            Self::DigestsDiffer => "digests-differ",
            Self::FailedPull => "failed-pull",
        }
    }
}

/// The sentence for the author of the resource.
impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MovedTag => {
                "what is pushed to the same place does not arrive: release under a new tag or file name, or \
                 set Always"
            }
            Self::UntaggedIsNotLatest => {
                "without a tag `latest` is fetched, but the policy looks for `:latest` in the text: write \
                 it, or set Always"
            }
            Self::NotOnATimer => {
                "nothing is asked until the resource's version changes, however long that takes"
            }
            Self::DownloadedAgain => "the whole module is downloaded, although it has not changed",
            Self::SharedTag => {
                "another resource with the same URL pulled, and this one changes its module at its next \
                 delivery, unasked"
            }
            Self::RestartForgets => {
                "a gateway that restarts resolves the URL anew, so that gateways of one resource run \
                 different modules"
            }
            Self::Expiry => {
                "a module that no delivery names for a day is removed even while it runs, and the URL is \
                 then resolved anew"
            }
            Self::ForgottenFailure => {
                "the version counts as seen although its pull failed: the old module runs until the version \
                 changes again"
            }
            Self::EmptyVersion => {
                "without a version Always never asks: an empty one equals one never recorded"
            }
            Self::DanglingTag => {
                "the digest is remembered without its module, and what the tag leads to now is refused at \
                 each delivery, until a restart or, under Always, a new version"
            }
            Self::IndexDigest => {
                "a digest is compared with that of the linux/amd64 manifest, so that of an index never \
                 fits: pin the manifest"
            }
            Self::Sha256OfAMovedTag => {
                "sha256 keeps other modules out, but the URL still asks for the tag, which has moved: put \
                 the digest into the URL"
            }
            Self::DigestsDiffer => {
                "sha256 and the digest in the URL are not the same, so that no module fits both"
            }
            Self::FailedPull => "there is no module for the delivery",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trap_has_one_name_in_text_and_json() {
        for trap in Trap::ALL {
            assert_eq!(serde_json::to_value(trap).unwrap(), trap.name());
            assert!(!trap.to_string().is_empty());
        }
    }
}
