//! The plugin chain: which plugins a gateway runs, in which order, and what Envoy is told of each one.
//!
//! - [`Chain::order`] puts the plugins into their order and says of each [`Link`] why it stands there; a
//!   plugin that this gateway does not run comes back as [`Excluded`], with the reason.
//! - [`Chain::http_filters`] is the list that Envoy gets in the listener: the built-in filters of the
//!   [`Line`], and a `config_discovery` stub for each plugin.
//! - [`ecds_resource`] is what the stub's name is answered with: the plugin itself.
//! - [`Chain::report`] is all of it as one JSON value.
//!
//! Control planes differ in the built-in filters, the names and the stubs' shape, so everything asks for a
//! [`Line`].

mod attach;
mod built_in;
mod code;
mod config_text;
mod ecds;
mod filter;
mod line;
mod order;
mod report;
mod slots;
mod workload;

#[cfg(test)]
mod ecds_tests;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod seed_tests;

pub use attach::Exclusion;
pub use config_text::config_text;
pub use ecds::{TypedExtensionConfig, ecds_resource};
pub use filter::HttpFilter;
pub use line::{Line, UnknownLine};
pub use order::{Chain, Excluded, Link};
pub use report::{ChainReport, ConditionalFilter, ExcludedReport, LinkReport};
pub use workload::Workload;
