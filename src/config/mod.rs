//! The configuration of the whole program: each room's own `Config` under that room's name, gathered from one
//! documented precedence and validated once.
//!
//! From strongest to weakest: flags, environment (`HWASM_REGISTRY__SECTION__KEY`), one TOML file, defaults. The
//! file is the one that `--config` or `HWASM_REGISTRY_CONFIG` names, else the first that exists of
//! `./hwasm-registry.toml`, the user's configuration directory and `/etc/hwasm-registry/config.toml`.
//! A key that no room knows is an error: a misspelt limit must not silently be the default.

mod effective;
mod error;
mod layer;
mod settings;
mod sources;

pub use effective::Effective;
pub use error::Error;
pub use settings::Config;
pub use sources::{Flag, Sources};
