use serde_json::Value;

use super::{ConfigureFailure, PluginParser};
use crate::gateway::RULES;

/// The configuration for requests that no rule is for.
#[derive(Clone, Debug)]
pub(super) enum Global {
    /// There is one.
    Config(Value),
    /// There is none, as the plugin refuses it, for this reason.
    Refused(String),
    /// There is none, for this reason.
    None(String),
}

impl Global {
    pub(super) fn none(why: &str) -> Self {
        Self::None(why.to_owned())
    }

    /// What the plugin makes of a configuration with at least one key.
    pub(super) fn read(config: &Value, parser: &dyn PluginParser) -> Self {
        let has_own_keys = config.as_object().is_some_and(|config| config.keys().any(|key| key != RULES));
        if !has_own_keys {
            return Self::none("there is no global configuration");
        }
        parser.global(config).map_or_else(Self::Refused, Self::Config)
    }

    pub(super) fn config(&self) -> Option<&Value> {
        match self {
            Self::Config(config) => Some(config),
            Self::Refused(_) | Self::None(_) => None,
        }
    }

    /// There are no rules, so this is all there is.
    pub(super) fn must_be_there(&self) -> Result<(), ConfigureFailure> {
        match self {
            Self::Config(_) => Ok(()),
            Self::Refused(refusal) => Err(ConfigureFailure::Global(refusal.clone())),
            Self::None(_) => Err(ConfigureFailure::Nothing),
        }
    }
}
