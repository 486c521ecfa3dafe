//! From a delivery to a module on disk: the decision, the network, and the cache.
//!
//! [`Puller::pull`] asks the decision, does what it says and applies what follows from it. Everybody who
//! wants the same at the same time, with the same credential, shares one request. A module that somebody's
//! credential has fetched is handed to another's only after the registry has said that this one may have it.

mod authorize;
mod download;
mod endpoints;
mod errand;
mod flights;
mod glance;
mod image;
mod last_good;
mod metrics;
mod pull_error;
mod pull_secret;
mod pull_secrets;
mod pulled;
mod puller;
mod puller_options;
mod unpack;

pub use last_good::FailedPull;
pub use metrics::{FetchResult, PullMetrics};
pub use pull_error::PullError;
pub use pull_secret::{PullSecret, PullSecretError};
pub use pull_secrets::PullSecrets;
pub use pulled::{PullAction, Pulled};
pub use puller::Puller;
pub use puller_options::PullerOptions;
