use std::path::PathBuf;

use crate::config::{Config, Effective, Flag, Sources};

use super::output::Output;

/// What every command works with.
#[derive(Debug)]
pub(super) struct Context {
    /// The printer.
    pub(super) output: Output,
    /// `--config`.
    config_file: Option<PathBuf>,
}

impl Context {
    /// A context that prints to `output`.
    pub(super) fn new(output: Output, config_file: Option<PathBuf>) -> Self {
        Self { output, config_file }
    }

    /// The configuration in force, `flags` on top.
    pub(super) fn config(&self, flags: Vec<Flag>) -> anyhow::Result<Effective> {
        let sources = Sources { flags, ..Sources::of_process(self.config_file.clone()) };
        Ok(Config::load(&sources)?)
    }
}
