use std::time::Duration;

use crate::policy::Moment;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes of all modules together. Default 1 GiB. What is needed must fit in twice while it is replaced.
    pub total_bytes: u64,
    /// How long a module that no live resource names may be idle. Default 24 hours.
    pub expiry: Duration,
    /// How long a module that was just used is live whatever is said of it, since who asked for it may not
    /// have had the time to say. Default 5 minutes.
    pub grace: Duration,
}

impl CacheLimits {
    /// URLs that are remembered. Beyond it those go first that no resource names.
    pub const URLS: usize = 10_000;
    /// Who may have a module, for one module. Beyond it the oldest go first, and ask again.
    pub const IDENTITIES: usize = 256;
    /// Bytes of an index that is read.
    pub const INDEX_BYTES: u64 = 64 * 1024 * 1024;
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { total_bytes: 1024 * 1024 * 1024, expiry: Moment::EXPIRY, grace: Duration::from_mins(5) }
    }
}
