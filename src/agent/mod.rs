//! Keeps a gateway's modules current, and serves them to its Envoys. When a module is asked for again is [`policy`]'s to
//! decide.
//!
//! - [`WatchedDirectory`] holds the resources, [`Desired`] says what they ask of one gateway.
//! - [`XdsServer`] serves plugins to any number of Envoys, from the [`Snapshot`] that a [`Publisher`] replaces, and
//!   [`Envoys`] tells who is connected and what each one took or refused.
//! - [`ModuleCache`] has the modules on disk, and what is known of them; a [`Puller`] brings them there, by the decision.
//! - [`TagWatcher`] hears of tags that move.
//! - [`Reporter`] tells registries like ours how it is doing.
//! - [`Keeper`] is what joins them: a directory changes, modules are pulled, what there is gets published.
//!
//! [`policy`]: crate::policy

mod bootstrap;
mod cache;
mod config;
mod desired;
mod doubts;
mod fetch;
mod file_marks;
mod keeper;
mod modules;
mod on_failed_pull;
mod plugin_delivery;
mod plugin_status;
mod report;
mod secret_files;
mod tended;
mod tending;
mod watch;
mod watched_directory;
mod xds;

pub use bootstrap::Bootstrap;
pub use cache::{CacheError, CacheLimits, Live, ModuleCache, Swept};
pub use config::Config;
pub use desired::{Desired, DesiredPlugin, Installation};
pub use fetch::{
    FailedPull, FetchResult, PullAction, PullError, PullMetrics, PullSecret, PullSecretError, PullSecrets,
    Pulled, Puller, PullerOptions,
};
pub use keeper::{AgentStatus, Keeper, Keeping, StatusReader};
pub use modules::Modules;
pub use on_failed_pull::{OnFailedPull, UnknownOnFailedPull};
pub use plugin_delivery::{PluginDelivery, ReportedPlugin};
pub use plugin_status::{LastPull, PluginState, PluginStatus};
pub use report::Reporter;
pub use watch::{Moved, TagWatcher, Watched};
pub use watched_directory::{FileFault, WatchedDirectory};
pub use xds::{
    Clock, EnvoyStatus, Envoys, Limits, Publisher, Rejection, Resource, ResourceState, ResourceStatus,
    Service, Snapshot, Transition, Variant, Version, XdsServer,
};
