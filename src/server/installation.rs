use std::time::Duration;

use super::wasmplugin_directory::WasmPluginDirectory;
use super::workshop::{Capacity, Workshop};
use crate::gateway::{Config, GatewaySettings};

/// The Higress installation that is asked about, and what answers may cost.
pub(super) struct Installation {
    config: Config,
    /// Questions about what a client sends.
    pub(super) questions: Workshop,
    /// Views of the directory.
    pub(super) views: Workshop,
    /// What is applied to it, if anything is known of that.
    pub(super) directory: Option<WasmPluginDirectory>,
}

impl Installation {
    /// Requests whose text, at most a MiB, or answer, at most sixteen, is in memory.
    const QUESTIONS: usize = 16;
    /// Two seconds are many times what the largest text takes.
    const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
    /// One at a time is read, because a directory may be large; the others wait for their turn.
    const VIEWS: Capacity = Capacity { places: 4, benches: 1, patience: Duration::from_secs(10) };

    pub(super) fn new(config: Config) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let questions = Capacity { places: Self::QUESTIONS, benches: cores, patience: Self::ANSWER_PATIENCE };
        let directory =
            config.wasmplugins.as_ref().map(|path| WasmPluginDirectory::new(path, config.settings()));
        Self { config, questions: Workshop::new(questions), views: Workshop::new(Self::VIEWS), directory }
    }

    /// The settings where a request names no others.
    pub(super) fn settings(&self) -> GatewaySettings {
        self.config.settings()
    }
}
