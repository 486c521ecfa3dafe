use std::time::SystemTime;

use crate::oci::Digest;

use super::ModuleKey;

/// One thing to remember, or to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `url` now stands for `checksum`.
    Tagged {
        /// The URL in full.
        url: String,
        /// What it was resolved to.
        checksum: Digest,
    },
    /// `version` of `resource` was seen with `url`; of no effect for a URL that stands for nothing yet.
    Version {
        /// The URL in full.
        url: String,
        /// The resource.
        resource: String,
        /// Its version.
        version: String,
    },
    /// The module was used.
    Used {
        /// Which one.
        key: ModuleKey,
        /// When.
        at: SystemTime,
    },
    /// `url` goes with the module when that is removed.
    Referenced {
        /// The module.
        key: ModuleKey,
        /// The URL in full.
        url: String,
    },
    /// The module is in the cache.
    Stored {
        /// Under what it is found.
        key: ModuleKey,
        /// The sha256 of the module itself, by which its bytes are stored.
        content: Digest,
        /// When.
        at: SystemTime,
    },
    /// `resource` runs the module.
    Runs {
        /// The resource.
        resource: String,
        /// Its version.
        version: String,
        /// The URL in full.
        url: String,
        /// The module.
        key: ModuleKey,
    },
    /// The resource is gone, and what was remembered of it is not needed any more.
    Released {
        /// The resource.
        resource: String,
    },
    /// The module is removed. Its bytes may go when no other key has the same content.
    Removed {
        /// Which one.
        key: ModuleKey,
    },
    /// The URL stands for nothing any more.
    Untagged {
        /// The URL in full.
        url: String,
    },
}
