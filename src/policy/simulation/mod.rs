//! Plays what happens to an agent and its registry, and tells what the registry sees and what the gateway
//! runs.
//!
//! It is the decision of [`Moment`](super::Moment) with a [`FakeRegistry`] around it: no network, no files,
//! and a clock that [`Event::Pass`] moves. Nothing in it decides anything.

mod fake_registry;
mod played;
mod step;

#[cfg(test)]
mod tests;

pub use fake_registry::{Endpoint, FakeImage, FakeRegistry};
pub use played::{Event, Simulation};
pub use step::{Outcome, Running, Step};
