use serde::Serialize;
use serde_json::Value;

use super::{AuthCheck, Flavour};

/// What a plugin does with one request, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whose rules they were.
    pub flavour: Flavour,
    /// Which configuration the request meets.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The rules before the one that matched, or all of them, in order.
    pub passed_over: Vec<PassedOver>,
    /// Whether credentials are asked for, where an authentication plugin decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthCheck>,
}

impl Decision {
    /// The configuration that the plugin runs the request with; none where it leaves the request alone.
    pub fn config(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Rule { config, .. } => config.as_ref(),
            Outcome::Global { config } => Some(config),
            Outcome::Idle { .. } | Outcome::Disabled { .. } | Outcome::LookupFailed { .. } => None,
        }
    }

    /// The rule that matched, counted from 0 in `_rules_`, one that switches the plugin off included.
    pub fn rule(&self) -> Option<usize> {
        match self.outcome {
            Outcome::Rule { rule, .. } | Outcome::Disabled { rule, .. } => Some(rule),
            Outcome::Global { .. } | Outcome::Idle { .. } | Outcome::LookupFailed { .. } => None,
        }
    }
}

/// Which configuration a request meets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// A rule's. Nothing of the global configuration is mixed in, unless the plugin itself does so.
    Rule {
        /// Which rule, counted from 0 in `_rules_`.
        rule: usize,
        /// How the request met its condition.
        because: String,
        /// The configuration. An authentication plugin's rule without consumers of its own has the global
        /// one's, and none where there is no global one.
        config: Option<Value>,
    },
    /// The global one, as no rule matched.
    Global {
        /// The configuration.
        config: Value,
    },
    /// None: the plugin leaves the request alone.
    Idle {
        /// Why there is none.
        reason: String,
    },
    /// None: the matched rule has `_disable_`.
    Disabled {
        /// Which rule, counted from 0 in `_rules_`.
        rule: usize,
        /// How the request met its condition.
        because: String,
    },
    /// None: the SDK could not look it up, logs an error, and lets the request go on.
    LookupFailed {
        /// What was missing.
        reason: String,
    },
}

/// A rule that did not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Which rule, counted from 0 in `_rules_`.
    pub rule: usize,
    /// Why not, in one sentence that names what was compared.
    pub reason: String,
}
