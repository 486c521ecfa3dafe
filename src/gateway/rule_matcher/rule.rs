use serde_json::Value;

use super::auth::{AuthRule, cpp_bool};
use super::condition::Condition;
use super::match_key::MatchValues;
use super::{ConfigureFailure, Flavour, PluginParser, Request};

/// The key of a rule that leaves requests alone.
pub const DISABLE_KEY: &str = "_disable_";

/// One item of `_rules_`, as the module keeps it.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// A rule.
    Rule(Rule),
    /// The rule's last good copy, as the plugin refuses the rule, for this reason.
    Restored { rule: Rule, refusal: String },
    /// No rule was made of it, for this reason.
    LeftOut { reason: String },
}

impl Slot {
    /// The plugin refuses the rule, and goes on without it.
    pub(super) fn refused(refusal: &str) -> Self {
        let reason =
            format!("the plugin refuses its configuration, and has no earlier copy of it: {refusal}");
        Self::LeftOut { reason }
    }

    /// The rule in force.
    pub(super) fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Rule(rule) | Self::Restored { rule, .. } => Some(rule),
            Self::LeftOut { .. } => None,
        }
    }

    /// Whether there is a rule, and it is for this request: how its condition is met, or why it is not.
    pub(super) fn compare(&self, flavour: Flavour, request: &Request) -> Result<(&Rule, String), String> {
        match self {
            Self::LeftOut { reason } => Err(reason.clone()),
            Self::Rule(rule) | Self::Restored { rule, .. } => {
                rule.condition.compare(flavour, request).map(|how| (rule, how))
            }
        }
    }
}

/// A rule in force.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) condition: Condition,
    pub(super) then: Then,
}

/// What a rule does with the requests that it is for.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// The plugin runs with this configuration.
    Run(Value),
    /// The authentication plugin runs.
    Authenticate(AuthRule),
    /// The plugin leaves the request alone.
    Disable,
}

impl Rule {
    /// Reads the match keys, and has the plugin read the rest.
    ///
    /// Go reads the match keys first, the others last: that decides which of two faults is told.
    pub(super) fn parse(
        flavour: Flavour,
        rule: &Value,
        global: Option<&Value>,
        parser: &dyn PluginParser,
    ) -> Result<Self, ConfigureFailure> {
        let condition = || Condition::of(flavour, &MatchValues::read(flavour, rule)?);
        let then = || Then::parse(flavour, rule, global, parser);
        let (condition, then) = if flavour == Flavour::Go {
            (condition()?, then()?)
        } else {
            let then = then()?;
            (condition()?, then)
        };
        Ok(Self { condition, then })
    }
}

impl Then {
    /// The plugin reads a rule that is disabled too, and may refuse it.
    fn parse(
        flavour: Flavour,
        rule: &Value,
        global: Option<&Value>,
        parser: &dyn PluginParser,
    ) -> Result<Self, ConfigureFailure> {
        let run = |global| parser.rule(rule, global).map(Self::Run).map_err(ConfigureFailure::Rule);
        let then = match flavour {
            Flavour::Go | Flavour::Rust => run(global)?,
            Flavour::Cpp | Flavour::AssemblyScript => run(None)?,
            Flavour::CppAuth => Self::Authenticate(AuthRule::parse(rule, parser)?),
        };
        let disables = flavour.knows_disable() && rule.get(DISABLE_KEY).and_then(cpp_bool) == Some(true);
        Ok(if disables { Self::Disable } else { then })
    }
}
