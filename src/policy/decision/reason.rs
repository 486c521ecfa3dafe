use std::fmt;

use serde::{Serialize, Serializer};

/// Why an agent decided as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The URL names a file.
    Local,
    /// The digest that is asked for is there.
    PinnedPresent,
    /// The digest that is asked for is not there.
    PinnedAbsent,
    /// Nothing is known of the URL.
    FirstPull,
    /// The policy is content with what is there.
    Present,
    /// `Always`, and the version was seen.
    SameVersion,
    /// `Always`, and there is no version, which no recorded one equals.
    NoVersionIsKnown,
    /// `Always`, and the version is another one.
    NewVersion,
    /// `Always`, and the resource was not seen with this URL.
    FirstOfResource,
    /// `Always`, and there is no version, so that nothing says that it was seen.
    NoVersionIsNew,
    /// What the URL stood for is known, but the module is gone.
    ModuleGone,
    /// A digest that is not sha256.
    UnsupportedDigest,
    /// What the URL stood for is taken to be there, but is not.
    LeftoverEntry,
    /// The pull failed, and the module that the resource ran before is there.
    RanBefore,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "the file lies in the proxy's container",
            Self::PinnedPresent => "the module of this digest is in the cache",
            Self::PinnedAbsent => "the module of this digest is not in the cache",
            Self::FirstPull => "nothing is known of this URL",
            Self::Present => "IfNotPresent, and the URL was resolved before",
            Self::SameVersion => "Always, but the resource's version was seen before",
            Self::NoVersionIsKnown => "Always, but no version equals one never recorded",
            Self::NewVersion => "Always, and the resource's version is new",
            Self::FirstOfResource => "Always, and this resource is new to the URL",
            Self::NoVersionIsNew => "Always, and no version counts as a new one",
            Self::ModuleGone => "the URL's digest is remembered, its module is gone",
            Self::UnsupportedDigest => "only sha256 digests are understood",
            Self::RanBefore => "the pull failed; the resource ran this module before",
            Self::LeftoverEntry => "the URL's digest is trusted, but its module is gone",
        })
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
