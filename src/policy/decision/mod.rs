//! What an agent does when a resource is delivered: use the module it has, resolve the URL again, or fetch.
//!
//! The steps are those of Istio's module cache (`getOrFetch`, `getEntry`, `addEntry`, `pkg/wasm/cache.go`,
//! 1.15 and later), which every agent here descends from; where one departs, its [`Flavour`] says so as data.
//!
//! 1. [`Moment::decide`] looks into the [`Knowledge`] and says [`Action::Hit`], [`Action::Resolve`] or
//!    [`Action::Fetch`].
//! 2. When the digest is known, from the manifest or the body, [`Moment::arrived`] says whether it may be
//!    used, and whether the module is there already.
//! 3. When the module itself is there, [`Moment::stored`] says what to remember of it.
//!
//! Each gives [`Change`]s, which [`Knowledge::apply`] carries out. Nothing here waits, reads a clock or
//! touches a file, so the same functions serve a simulation and an agent, which holds its lock only while it
//! calls them.

mod arrival;
mod change;
mod decide;
mod expiry;
mod flavour;
mod key;
mod knowledge;
mod policy_reason;
mod pull;
mod reason;
mod rules;
mod subject;

#[cfg(test)]
mod tests;

pub use arrival::{Arrival, Found};
pub use change::Change;
pub use decide::{Action, Decision, Moment};
pub use flavour::{Attempts, Failure, Flavour, UnknownFlavour};
pub use key::{ModuleKey, ModuleName};
pub use knowledge::{CachedModule, Knowledge, ResourceUse, TagEntry};
pub use policy_reason::PolicyReason;
pub use pull::{Pull, Sha256Error, given_sha256};
pub use reason::Reason;
