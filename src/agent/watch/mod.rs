//! Hears of tags that move: from the events of registries that have them, and of all others by looking now and then.
//!
//! [`TagWatcher`] is told what to watch by a list that may change, and says what is to be pulled again. No agent of Istio,
//! Higress or Envoy Gateway does that: theirs ask once for each change of a resource.

mod follow;
mod marks;
mod watched;
mod watcher;

pub use watched::{Moved, Watched};
pub use watcher::TagWatcher;
