use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// How much of a value an error quotes, in characters.
const QUOTED: usize = 120;

/// A configuration that a module refuses when it starts.
///
/// The VM does not start then. `failStrategy` decides what that does to traffic: `FAIL_CLOSE` answers every
/// request of the listener with an error, `FAIL_OPEN` leaves the plugin out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{failure}", place(*.rule))]
pub struct ConfigureError {
    /// Which rule it is about, counted from 0 in `_rules_`; none where it is about the whole.
    pub rule: Option<usize>,
    /// What is wrong.
    pub failure: ConfigureFailure,
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigureFailure {
    /// Nothing was delivered, which is what discovery makes of an absent and of an empty `pluginConfig`.
    #[error("the module gets no configuration bytes, and the Rust SDK does not start without: give it a key")]
    NoBytes,
    /// A JSON value that is not an object.
    #[error("the configuration is `{value}`: {sdk} takes an object only")]
    NotAnObject {
        /// The value, as JSON.
        value: String,
        /// The SDK.
        sdk: &'static str,
    },
    /// An object without keys.
    #[error(
        "the configuration is an empty object: the C++ SDK takes one with a global configuration or `_rules_`"
    )]
    EmptyObject,
    /// The plugin refuses the global configuration, and there is nothing else.
    #[error("the plugin refuses the global configuration, and there are no rules: {0}")]
    Global(String),
    /// Neither a global configuration nor a rule.
    #[error("there is no global configuration and no rule: expected at least one of them")]
    Nothing,
    /// `_rules_` is something else than a list.
    #[error("`_rules_` is `{0}`: the C++ SDK takes a list only")]
    RulesNotAList(String),
    /// `global_auth` is neither true nor false.
    #[error("`global_auth` is `{0}`: expected `true` or `false`")]
    GlobalAuth(String),
    /// A rule's match key, or its `allow`, is something else than a list.
    #[error("`{key}` is `{value}`: the C++ SDK takes a list only")]
    NotAList {
        /// The key.
        key: &'static str,
        /// Its value, as JSON.
        value: String,
    },
    /// An item of a rule's match key, or of its `allow`, is no text.
    #[error("`{key}` holds `{value}`: the C++ SDK takes strings and unsigned integers only")]
    NotText {
        /// The key.
        key: &'static str,
        /// The item, as JSON.
        value: String,
    },
    /// A rule without a condition.
    #[error(
        "no match key names a value: expected `_match_route_`, `_match_domain_`, `_match_service_` or \
         `_match_route_prefix_` with a list of names"
    )]
    NoMatchKey,
    /// A rule with more conditions than the SDK takes.
    #[error("{keys} are in one rule: {sdk} takes one match key for each rule")]
    SeveralMatchKeys {
        /// The keys.
        keys: String,
        /// The SDK.
        sdk: &'static str,
    },
    /// The plugin refuses a rule's own configuration.
    #[error("the plugin refuses the rule's configuration: {0}")]
    Rule(String),
    /// Rules are isolated from each other, and not one of them is good or was.
    #[error("no rule is left; of the first, {0}")]
    EveryRule(String),
}

impl ConfigureError {
    /// What it means for the gateway.
    pub const CONSEQUENCE: &str = "the module refuses to start, and `failStrategy` decides: FAIL_CLOSE fails \
                                     requests, FAIL_OPEN goes on without it";

    pub(super) fn whole(failure: ConfigureFailure) -> Self {
        Self { rule: None, failure }
    }

    pub(super) fn in_rule(rule: usize, failure: ConfigureFailure) -> Self {
        Self { rule: Some(rule), failure }
    }
}

fn place(rule: Option<usize>) -> String {
    rule.map(|rule| format!("`_rules_[{rule}]`: ")).unwrap_or_default()
}

/// A value as JSON, cut where an error would become unreadable.
pub(super) fn quote(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Serialize for ConfigureError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ConfigureError", 3)?;
        object.serialize_field("rule", &self.rule)?;
        object.serialize_field("reason", &self.failure.to_string())?;
        object.serialize_field("consequence", Self::CONSEQUENCE)?;
        object.end()
    }
}
