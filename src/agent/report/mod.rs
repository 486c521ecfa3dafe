//! Tells the registries that modules come from what the agent wants, runs and refuses, where they want to know.

mod reporter;
mod said;

pub use reporter::Reporter;
