use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::configure_error::quote;
use super::match_key::cpp_list;
use super::rule::DISABLE_KEY;
use super::{ConfigureFailure, PluginParser};

/// Whether an authentication plugin asks a request for credentials. Only [`Flavour::CppAuth`](super::Flavour)
/// says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "check", rename_all = "camelCase")]
pub enum AuthCheck {
    /// It does not.
    Passes {
        /// Why not.
        reason: String,
    },
    /// It does.
    Checked {
        /// The consumers that the matched rule allows, and no others. An empty list is the plugin's to read:
        /// key-auth of today lets nobody pass then, older plugins everybody. Without a list, every consumer
        /// of the effective configuration will do.
        #[serde(skip_serializing_if = "Option::is_none")]
        allow: Option<BTreeSet<String>>,
    },
}

impl AuthCheck {
    /// `checkAuthRule`: what becomes of the configuration and the list that the rules led to.
    pub(super) fn of(
        config: Option<&Value>,
        allow: Option<&BTreeSet<String>>,
        global_auth: Option<bool>,
    ) -> Self {
        let passes = |reason: &str| Self::Passes { reason: reason.to_owned() };
        if config.is_none() {
            passes("there is no configuration with consumers to check against")
        } else if allow.is_none() && global_auth == Some(false) {
            passes("`global_auth` is false, and no list of allowed consumers is in force")
        } else {
            Self::Checked { allow: allow.cloned() }
        }
    }
}

impl fmt::Display for AuthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes { reason } => write!(f, "asks for no credentials: {reason}"),
            Self::Checked { allow: None } => f.write_str("asks for the credentials of any consumer"),
            Self::Checked { allow: Some(allow) } if allow.is_empty() => f.write_str(
                "asks for credentials, and allows nobody's (older plugins: anybody's): the list is empty",
            ),
            Self::Checked { allow: Some(allow) } => {
                let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
                write!(f, "asks for the credentials of one of: {}", allow.join(", "))
            }
        }
    }
}

/// What an authentication plugin's rule says beyond its condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum AuthRule {
    /// It has consumers or credentials of its own; its `allow` is not looked at then.
    Local(Value),
    /// It uses the global configuration, for these consumers.
    Allow(BTreeSet<String>),
}

impl AuthRule {
    /// `parseAuthRuleConfig`, a rule's part.
    pub(super) fn parse(rule: &Value, parser: &dyn PluginParser) -> Result<Self, ConfigureFailure> {
        let allow = cpp_list("allow", rule)?.into_iter().collect();
        if !has_more_than_its_condition(rule) {
            return Ok(Self::Allow(allow));
        }
        match parser.rule(rule, None) {
            Ok(config) => Ok(Self::Local(config)),
            Err(_) if rule.get("allow").is_some() => Ok(Self::Allow(allow)),
            Err(refusal) => Err(ConfigureFailure::Rule(refusal)),
        }
    }
}

/// Whether the plugin's parser is run on a rule at all: the SDK counts one match key, `allow` or
/// `enable_auth`, and `_disable_`, and takes what is left for the rule's own configuration, a second match
/// key included.
fn has_more_than_its_condition(rule: &Value) -> bool {
    let has = |key: &str| usize::from(rule.get(key).is_some());
    let counted = 1 + has("allow").max(has("enable_auth")) + has(DISABLE_KEY);
    rule.as_object().is_some_and(|rule| rule.len() > counted)
}

/// `global_auth`, where there is one.
pub(super) fn global_auth(config: &Value) -> Result<Option<bool>, ConfigureFailure> {
    let Some(value) = config.get("global_auth") else { return Ok(None) };
    cpp_bool(value).map(Some).ok_or_else(|| ConfigureFailure::GlobalAuth(quote(value)))
}

/// `JsonValueAs<bool>` of Higress's `json_util.cc`, which takes the words too.
pub(super) fn cpp_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(word) => word.parse().ok(),
        _ => None,
    }
}
