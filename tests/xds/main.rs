//! The discovery server from outside: over HTTP/2, as Envoy speaks to it, and with a real Envoy where there is one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod contract;
mod envoy;
mod harness;
mod limits;
mod reconnect;
mod scale;
