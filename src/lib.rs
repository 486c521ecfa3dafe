//! `hwasm-registry` takes a proxy-wasm plugin from `./plugin.wasm` to running in an Envoy gateway.
//!
//! The house has floors, and imports point down them; `tests/architecture.rs` holds the code to it:
//!
//! | floor | room | what it is |
//! |---|---|---|
//! | 6 | [`commands`] | one file per subcommand |
//! | 5 | [`config`] | file < environment < flags, validated once |
//! | 4 | [`server`] | HTTP in, HTTP out |
//! | 3 | [`agent`] | keeps a gateway's modules current and serves them to its Envoys |
//! | 3 | [`fleet`] | who pulled what, under which policy, and what they run now |
//! | 3 | [`webhook`] | tells others of events, signed and in order |
//! | 2 | [`registry`] | what a registry does, without HTTP |
//! | 2 | [`policy`] | when an agent asks for a module again, and what runs meanwhile |
//! | 2 | [`client`] | content moves between registries, layouts and bundles |
//! | 2 | [`gateway`] | what a `WasmPlugin` does in a gateway |
//! | 1 | [`storage`] | where bytes and facts rest |
//! | 1 | [`artifact`] | `.wasm` to OCI image and back; who can load it |
//! | 1 | [`plugin`] | the `WasmPlugin` resource as data |
//! | 0 | [`oci`] | the specifications' words as types |
//! | 0 | [`telemetry`] | logs and metrics |

pub mod agent;
pub mod artifact;
pub mod client;
pub mod commands;
pub mod config;
pub mod fleet;
pub mod gateway;
pub mod oci;
pub mod plugin;
pub mod policy;
pub mod registry;
pub mod server;
pub mod storage;
pub mod telemetry;
pub mod webhook;
