//! Keeps a gateway's modules current: when an agent asks for a module again, and what runs meanwhile.
//!
//! - [`Moment::decide`] is the decision, pure: what is known and a delivery in; hit, resolve or fetch out,
//!   with the reason. A [`Flavour`] says whose decision, of the agents there are or of ours.
//! - [`Simulation`] plays deliveries, moved tags, idle days, restarts and failing registries against it, and
//!   tells what a registry would see.
//! - [`Explanation`] is what all of that means for one URL.
//! - [`WatchedDirectory`] holds the resources, [`Desired`] says what they ask of one gateway.
//! - [`XdsServer`] serves plugins to any number of Envoys, from the [`Snapshot`] that a [`Publisher`] replaces, and
//!   [`Envoys`] tells who is connected and what each one took or refused.
//! - [`ModuleCache`] has the modules on disk, and what is known of them; a [`Puller`] brings them there, by the decision.
//! - [`TagWatcher`] hears of tags that move.
//! - [`Keeper`] is what joins them: a directory changes, modules are pulled, what there is gets published.

mod bootstrap;
mod cache;
mod config;
mod decision;
mod desired;
mod explanation;
mod fetch;
mod file_marks;
mod keeper;
mod on_failed_pull;
mod plugin_delivery;
mod plugin_status;
mod secret_files;
mod simulation;
mod tended;
mod tending;
mod watch;
mod watched_directory;
mod xds;

pub use bootstrap::Bootstrap;
pub use cache::{CacheError, CacheLimits, Live, ModuleCache, Swept};
pub use config::Config;
pub use decision::{
    Action, Arrival, Attempts, CachedModule, Change, Decision, Failure, Flavour, Found, Knowledge, ModuleKey,
    ModuleName, Moment, PolicyReason, Pull, Reason, ResourceUse, Sha256Error, TagEntry, UnknownFlavour,
    given_sha256,
};
pub use desired::{Desired, DesiredPlugin, Installation};
pub use explanation::{Explanation, Question, Row, Situation, Surprise, Trap};
pub use fetch::{
    FailedPull, FetchResult, PullAction, PullError, PullMetrics, PullSecret, PullSecretError, PullSecrets,
    Pulled, Puller, PullerOptions,
};
pub use keeper::{AgentStatus, Keeper, Keeping, StatusReader};
pub use on_failed_pull::{OnFailedPull, UnknownOnFailedPull};
pub use plugin_delivery::{PluginDelivery, ReportedPlugin};
pub use plugin_status::{LastPull, PluginState, PluginStatus};
pub use simulation::{Endpoint, Event, FakeImage, FakeRegistry, Outcome, Running, Simulation, Step};
pub use watch::{Moved, TagWatcher, Watched};
pub use watched_directory::{FileFault, WatchedDirectory};
pub use xds::{
    Clock, EnvoyStatus, Envoys, Limits, Publisher, Rejection, Resource, ResourceState, ResourceStatus,
    Service, Snapshot, Transition, Variant, Version, XdsServer,
};
