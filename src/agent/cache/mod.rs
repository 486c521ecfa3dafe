//! Modules on disk, by their own sha256, and what is known of them.
//!
//! ```text
//! <dir>/lock                    held by the agent that has the directory open
//! <dir>/index.json              what is known: modules, URLs, resources, who may have what
//! <dir>/modules/<sha256>.wasm   the modules, which Envoy reads
//! ```
//!
//! A module is written under a temporary name, synced and renamed, so that a name always leads to a whole
//! module; so is the index. What is needed to answer as before after a restart is in the index before the
//! answer is given. That a module was used again is not: it goes along with the next write.
//!
//! At start-up only lengths are compared. The digest of a file is compared when it is first used, once for
//! each start: a large cache opens at once, and Envoy reads the file right after us anyway.

mod error;
mod grants;
mod index;
mod limits;
mod live;
mod lock;
mod module_cache;
mod open;
mod shelf;
mod staged;
mod state;
mod sweep;

#[cfg(test)]
mod tests;

pub use error::CacheError;
pub use limits::CacheLimits;
pub use live::Live;
pub use module_cache::ModuleCache;
pub use sweep::Swept;

pub(super) use grants::{Fingerprint, Identity, Proof, Standing};
pub(super) use staged::Staged;
