use std::collections::BTreeMap;

use serde_json::Value;

use super::match_key::MatchValues;
use super::rule::DISABLE_KEY;
use crate::gateway::RULES;

/// The plugin's own half of reading a configuration.
pub trait PluginParser {
    /// What the plugin makes of the whole configuration, `_rules_` included.
    ///
    /// # Errors
    /// Why the plugin refuses it.
    fn global(&self, config: &Value) -> Result<Value, String>;

    /// What the plugin makes of one rule, its `_match_…` keys included. `global` is what it made of the
    /// whole, for plugins that let a rule override parts of it: Go's override parser and Rust's override
    /// function are handed it, C++ and AssemblyScript have nothing of the kind.
    ///
    /// # Errors
    /// Why the plugin refuses it.
    fn rule(&self, rule: &Value, global: Option<&Value>) -> Result<Value, String>;

    /// Whether a rule that the plugin refuses spoils the whole configuration. Only the Go SDK asks.
    fn isolation(&self) -> RuleIsolation<'_> {
        RuleIsolation::Off
    }
}

/// The plugin option of the Go SDK that isolates rules from each other.
#[derive(Clone, Copy, Debug)]
pub enum RuleIsolation<'a> {
    /// One refused rule refuses the configuration.
    Off,
    /// A refused rule is replaced by its last good copy in this backup, or else left out.
    On(&'a RuleBackup),
}

/// The last good copy of each rule, by the rule's match keys: what a Go plugin with rule isolation keeps in
/// its VM.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleBackup(BTreeMap<MatchValues, Value>);

impl RuleBackup {
    pub(super) fn store(&mut self, values: MatchValues, rule: Value) {
        self.0.insert(values.sorted(), rule);
    }

    pub(super) fn load(&self, values: &MatchValues) -> Option<&Value> {
        self.0.get(&values.clone().sorted())
    }

    /// How many rules it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A plugin that takes any configuration as it is, and reads neither the rules nor the match keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptAny;

impl PluginParser for AcceptAny {
    fn global(&self, config: &Value) -> Result<Value, String> {
        Ok(without_matcher_keys(config))
    }

    fn rule(&self, rule: &Value, _global: Option<&Value>) -> Result<Value, String> {
        Ok(without_matcher_keys(rule))
    }
}

/// A plugin that checks credentials and insists on having some, in the whole configuration or in a rule of
/// its own: `parsePluginConfig` of Higress's key-auth and basic-auth, as far as it goes by which keys there
/// are. Of its newest authentication plugins, hmac-auth, jwt-auth and oauth insist on nothing, so they are
/// [`AcceptAny`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CredentialsRequired;

impl PluginParser for CredentialsRequired {
    fn global(&self, config: &Value) -> Result<Value, String> {
        match (config.get("consumers").is_some(), config.get("credentials").is_some()) {
            (true, true) => Err("it has both `consumers` and `credentials`: expected one of them".to_owned()),
            (false, false) => {
                Err("it has neither `consumers` nor `credentials`: expected one of them".to_owned())
            }
            _ => Ok(without_matcher_keys(config)),
        }
    }

    fn rule(&self, rule: &Value, _global: Option<&Value>) -> Result<Value, String> {
        self.global(rule)
    }
}

/// What is left for the plugin of a configuration or a rule, without the keys that are the rule matcher's:
/// `_rules_`, `_disable_`, `_match_…_`.
pub fn without_matcher_keys(config: &Value) -> Value {
    let Value::Object(config) = config else { return config.clone() };
    let own = config.iter().filter(|(key, _)| !is_matcher_key(key));
    Value::Object(own.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn is_matcher_key(key: &str) -> bool {
    matches!(key, RULES | DISABLE_KEY) || (key.starts_with("_match_") && key.ends_with('_'))
}
