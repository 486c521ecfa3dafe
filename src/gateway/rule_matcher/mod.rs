//! The rule matcher that every plugin's SDK builds into the module: how it reads `pluginConfig`, and which
//! configuration it finds there for a request.
//!
//! `_rules_` is walked in the list's order, and the first rule whose condition the request meets has the say.
//! There is no most specific rule, and nothing of the global configuration is mixed in, unless the plugin
//! itself does so. Where no rule is for the request, the global configuration is; without one, the plugin
//! leaves the request alone.
//!
//! The SDKs agree on that, and on hosts and routes; on nearly everything else they differ, see [`Flavour`].

mod auth;
mod condition;
mod configure;
mod configure_error;
mod criterion;
mod decide;
mod decision;
mod domain;
mod flavour;
mod global;
mod match_key;
mod parser;
mod request;
mod rule;
mod service;
#[cfg(test)]
mod tests;
mod trap;
mod warning;

pub use auth::AuthCheck;
pub use configure_error::{ConfigureError, ConfigureFailure};
pub use decision::{Decision, Outcome, PassedOver};
use domain::DomainPattern;
pub use flavour::{Flavour, UnknownFlavour};
use global::Global;
pub use match_key::MatchKey;
pub use parser::{
    AcceptAny, CredentialsRequired, PluginParser, RuleBackup, RuleIsolation, without_matcher_keys,
};
pub use request::Request;
pub use rule::DISABLE_KEY;
use rule::Slot;
pub use trap::Trap;
pub use warning::{RuleWarning, WarningKind};

/// A configuration as a module of one flavour keeps it, ready for requests.
#[derive(Clone, Debug)]
pub struct RuleMatcher {
    flavour: Flavour,
    global: Global,
    /// In the order of `_rules_`, with the items that no rule was made of, so that a rule's place is its
    /// index.
    rules: Vec<Slot>,
    /// `global_auth`, of an authentication plugin.
    global_auth: Option<bool>,
    warnings: Vec<RuleWarning>,
    backup: RuleBackup,
}

impl RuleMatcher {
    fn new(flavour: Flavour, global: Global) -> Self {
        Self {
            flavour,
            global,
            rules: Vec::new(),
            global_auth: None,
            warnings: Vec::new(),
            backup: RuleBackup::default(),
        }
    }

    /// What does not do what it seems to, in the order of the rules.
    pub fn warnings(&self) -> &[RuleWarning] {
        &self.warnings
    }

    /// How many rules are in force.
    pub fn rule_count(&self) -> usize {
        self.rules.iter().filter(|slot| slot.rule().is_some()).count()
    }

    /// What the module keeps of its good rules for its next configuration; empty without rule isolation.
    pub fn backup(&self) -> &RuleBackup {
        &self.backup
    }
}
