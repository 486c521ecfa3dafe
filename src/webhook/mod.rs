//! Tells others what happened to content: each event, as a signed HTTP request, in order, until it is taken.
//!
//! [`Config`] names the receivers. [`Webhooks`] is the room's face: opened once, it runs a deliverer for each of them and
//! answers what became of the events. The table of events is the queue and a cursor for each webhook is its place in it, so
//! that a restart loses nothing; what is given up on stays to be seen as a dead letter. A deliverer reads behind the
//! pushes: no receiver, however slow, holds one up.

mod backoff;
mod cloud_event;
mod config;
mod deliverer;
mod entry;
mod error;
mod metrics;
mod outage;
mod receiver;
mod secret;
mod signature;
mod status;
mod webhooks;

pub use config::{Config, ConfigError};
pub use entry::{Entry, EntryError};
pub use error::{Error, OpenError};
pub use metrics::WebhookMetrics;
pub use receiver::Failure;
pub use secret::{Secret, SecretError};
pub use status::WebhookStatus;
pub use webhooks::Webhooks;

pub use crate::storage::{DeadLetter, Event, EventKind, Undelivered};
