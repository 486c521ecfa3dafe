//! An agent's modules, pulled from registries and web servers in this process that count what they are asked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

#[expect(dead_code, reason = "it is the client's, who asks for more than an agent does")]
#[path = "../client/fake.rs"]
mod fake;

mod addresses;
mod crash;
mod failures;
mod restart;
mod secrets;
mod sharing;
mod truth_table;
mod watch;
mod web;
mod world;
