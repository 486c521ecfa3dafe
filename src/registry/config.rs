use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use super::{Plugins, Tags};

/// What the registry allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The `[limits]` section.
    pub limits: Limits,
    /// The `[plugins]` section.
    pub plugins: Plugins,
    /// The `[tags]` section.
    pub tags: Tags,
}

/// The bounds on what clients may send and keep open: the `[limits]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest manifest. Default: 4 MiB, which distribution-spec 1.1.1 asks registries to accept at least.
    pub manifest_size: ByteSize,
    /// Largest blob. Default: 16 GiB.
    pub blob_size: ByteSize,
    /// Most upload sessions open at a time. Default: 1000.
    pub open_uploads: u32,
    /// Most uploads that receive bytes at a time; each may hold about 2 MiB of memory. Default: 256.
    pub running_uploads: u32,
    /// How long an upload session may rest before it is forgotten. Default: 24 hours.
    #[serde(with = "humantime_serde")]
    pub upload_expiry: Duration,
    /// Most entries of one page of tags, repositories or referrers. Default: 10,000.
    pub page_size: u32,
    /// Most `tag` parameters of one manifest push. Default: 32.
    pub tags_per_push: u32,
    /// How many events are kept for those who ask later. Default: 100,000.
    pub events: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_size: ByteSize::mib(4),
            blob_size: ByteSize::gib(16),
            open_uploads: 1000,
            running_uploads: 256,
            upload_expiry: Duration::from_hours(24),
            page_size: 10_000,
            tags_per_push: 32,
            events: 100_000,
        }
    }
}
