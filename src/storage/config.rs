use std::path::PathBuf;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// Where and how content is kept: the `[storage]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the store; created where it does not exist. Default: `hwasm-registry` in the user's data
    /// directory (`~/.local/share` on Linux), else `./data`.
    pub data_dir: PathBuf,
    /// How much memory tags and manifests that were read lately may take. Default: 32 MiB.
    pub cache_size: ByteSize,
    /// How many database readers work at once. Default: 4.
    pub read_connections: u32,
}

impl Default for Config {
    fn default() -> Self {
        let data_dir = dirs::data_dir().map_or_else(|| "data".into(), |dir| dir.join("hwasm-registry"));
        Self { data_dir, cache_size: ByteSize::mib(32), read_connections: 4 }
    }
}
