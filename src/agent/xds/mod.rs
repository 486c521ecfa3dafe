//! The discovery server: plugins as resources of extension config discovery (ECDS), for any number of Envoys.
//!
//! - [`Resource`] is a plugin or what stands in for one, encoded once; a [`Publisher`] replaces the [`Snapshot`] of all.
//! - [`XdsServer`] serves it, on Envoy's own service for extensions and on the aggregated one, each in the
//!   state-of-the-world and in the delta variant of the protocol.
//! - [`Envoys`] remembers of every Envoy what it was sent, what it took, and what it refused and why.
//!
//! What Envoy does with an answer shaped four rules (measured with Envoy 1.40):
//!
//! - **One resource in each response.** A response is refused as a whole, so one bad module would take the others along.
//! - **A local file, never `code.remote`.** Envoy acknowledges a remote module at once, and lets requests pass without
//!   the plugin until it is there.
//! - **What was refused comes back with another byte.** Envoy remembers the refused resource as the last one it saw: it
//!   acknowledges the same bytes without loading them. See [`Publisher::retry`].
//! - **A removed plugin is replaced by a filter that does nothing**, under the same name. An answer without the resource
//!   does nothing in the state-of-the-world variant; in the delta variant, `removed_resources` makes Envoy answer 500
//!   where the filter has no default. A name that was never published is not answered at all: a plugin whose file is
//!   missing must not open the gate that it keeps.
//!
//! A stream has no task and no queue: it is asked for its next response when the connection has room for one. An idle Envoy
//! on the aggregated service costs some 130 KiB, of which its own description of itself is more than half, and less than
//! 1 KiB more for each plugin. In the state-of-the-world variant it repeats that description with every acknowledgement,
//! unless its bootstrap says `set_node_on_first_message_only`.

mod delta;
mod discovery;
mod envoy_status;
mod envoys;
mod limits;
mod listener;
mod placeholder;
mod resource;
mod session;
mod snapshot;
mod sotw;
mod stream;
mod subscription;
mod wasm;

pub use envoy_status::{EnvoyStatus, Rejection, ResourceState, ResourceStatus, Service, Transition, Variant};
pub use envoys::{Clock, Envoys};
pub use limits::Limits;
pub use listener::XdsServer;
pub use resource::{Resource, Version};
pub use snapshot::{Publisher, Snapshot};

/// The one type of resource that is served.
const EXTENSION_CONFIG: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
