//! When an agent asks for a module again, and what runs meanwhile. Pure: nothing here waits, or touches a network or a file.
//!
//! - [`Moment::decide`] is the decision: what is known and a delivery in; hit, resolve or fetch out, with the reason. A
//!   [`Flavour`] says whose decision, of the agents there are or of ours.
//! - [`Simulation`] plays deliveries, moved tags, idle days, restarts and failing registries against it, and tells what a
//!   registry would see.
//! - [`Explanation`] is what all of that means for one URL.

mod decision;
mod explanation;
mod simulation;

pub use decision::{
    Action, Arrival, Attempts, CachedModule, Change, Decision, Failure, Flavour, Found, Knowledge, ModuleKey,
    ModuleName, Moment, PolicyReason, Pull, Reason, ResourceUse, Sha256Error, TagEntry, UnknownFlavour,
    given_sha256,
};
pub use explanation::{Explanation, Question, Row, Situation, Surprise, Trap};
pub use simulation::{Endpoint, Event, FakeImage, FakeRegistry, Outcome, Running, Simulation, Step};
