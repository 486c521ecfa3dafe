//! The `client` room from outside: against a scripted registry in this process, layouts and bundles.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod auth;
mod bundles;
mod copies;
mod downloads;
mod fake;
mod manifests;
mod tls;
mod uploads;
mod writers;
