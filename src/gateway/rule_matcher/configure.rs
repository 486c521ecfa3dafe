use serde_json::{Map, Value};

use super::configure_error::quote;
use super::global::Global;
use super::match_key::{MatchValues, go_list, go_text};
use super::rule::{Rule, Slot};
use super::warning;
use super::{ConfigureError, ConfigureFailure, Flavour, PluginParser, RuleIsolation, RuleMatcher, auth};
use crate::gateway::RULES;
use crate::plugin::Config;

/// Names the plugin in the Go SDK's log lines; the SDK takes it out before anything is parsed.
const PLUGIN_ID_KEY: &str = "_plugin_id_";

impl RuleMatcher {
    /// What a module of this flavour makes of a `pluginConfig` when it starts.
    ///
    /// An absent and an empty `pluginConfig` are the same to a module: discovery sends it no bytes for
    /// either.
    ///
    /// # Errors
    /// Why the module refuses to start.
    pub fn configure(
        flavour: Flavour,
        config: Option<&Config>,
        parser: &dyn PluginParser,
    ) -> Result<Self, ConfigureError> {
        match config.filter(|config| !config.is_empty()) {
            None => without_bytes(flavour, parser),
            Some(config) => from_value(flavour, &Value::Object(config.clone()), parser),
        }
    }
}

/// Without configuration bytes, Go and AssemblyScript go on as if there were an empty object, the C++ plugins
/// parse nothing (and a few, such as bot-detect, then run on what they have built in), and Rust's start
/// fails.
fn without_bytes(flavour: Flavour, parser: &dyn PluginParser) -> Result<RuleMatcher, ConfigureError> {
    match flavour {
        Flavour::Go | Flavour::AssemblyScript => from_value(flavour, &Value::Object(Map::new()), parser),
        Flavour::Cpp | Flavour::CppAuth => {
            Ok(RuleMatcher::new(flavour, Global::none("the module got no configuration")))
        }
        Flavour::Rust => Err(ConfigureError::whole(ConfigureFailure::NoBytes)),
    }
}

/// What a module makes of configuration bytes that are this JSON.
pub(super) fn from_value(
    flavour: Flavour,
    value: &Value,
    parser: &dyn PluginParser,
) -> Result<RuleMatcher, ConfigureError> {
    let config = object(flavour, value).map_err(ConfigureError::whole)?;
    if config.is_empty() {
        let global = of_empty_object(flavour, parser).map_err(ConfigureError::whole)?;
        return Ok(RuleMatcher::new(flavour, global));
    }
    let config = Value::Object(config);
    let mut matcher = RuleMatcher::new(flavour, Global::read(&config, parser));
    if flavour == Flavour::CppAuth {
        matcher.global_auth = auth::global_auth(&config).map_err(ConfigureError::whole)?;
    }
    match rules(flavour, config.get(RULES)).map_err(ConfigureError::whole)? {
        None => matcher.global.must_be_there().map_err(ConfigureError::whole)?,
        Some(rules) => matcher.add_rules(&rules, parser)?,
    }
    Ok(matcher)
}

/// The keys that the flavour sees.
fn object(flavour: Flavour, value: &Value) -> Result<Map<String, Value>, ConfigureFailure> {
    let mut config = match (value, flavour) {
        (Value::Object(config), _) => config.clone(),
        (_, Flavour::Go | Flavour::Rust) => Map::new(),
        (_, Flavour::Cpp | Flavour::CppAuth | Flavour::AssemblyScript) => {
            return Err(ConfigureFailure::NotAnObject { value: quote(value), sdk: flavour.sdk() });
        }
    };
    if flavour == Flavour::Go && config.get(PLUGIN_ID_KEY).is_some_and(|id| !go_text(id).is_empty()) {
        config.remove(PLUGIN_ID_KEY);
    }
    Ok(config)
}

fn of_empty_object(flavour: Flavour, parser: &dyn PluginParser) -> Result<Global, ConfigureFailure> {
    let empty = Value::Object(Map::new());
    match flavour {
        Flavour::Go | Flavour::AssemblyScript => {
            parser.global(&empty).map(Global::Config).map_err(ConfigureFailure::Global)
        }
        // The type's default, without asking the parser.
        Flavour::Rust => Ok(Global::Config(empty)),
        Flavour::Cpp | Flavour::CppAuth => Err(ConfigureFailure::EmptyObject),
    }
}

/// The items of `_rules_`, or none where that means that there has to be a global configuration.
///
/// C++ and AssemblyScript are content with an empty list. Go takes anything that is no list for the one rule.
fn rules(flavour: Flavour, given: Option<&Value>) -> Result<Option<Vec<&Value>>, ConfigureFailure> {
    let list = given.and_then(Value::as_array).map(|items| items.iter().collect::<Vec<_>>());
    match flavour {
        Flavour::Go => Ok(Some(go_list(given).collect::<Vec<_>>()).filter(|rules| !rules.is_empty())),
        Flavour::Rust => Ok(list.filter(|rules| !rules.is_empty())),
        Flavour::AssemblyScript => Ok(list),
        Flavour::Cpp | Flavour::CppAuth => match given {
            Some(other) if list.is_none() => Err(ConfigureFailure::RulesNotAList(quote(other))),
            _ => Ok(list),
        },
    }
}

impl RuleMatcher {
    fn add_rules(&mut self, rules: &[&Value], parser: &dyn PluginParser) -> Result<(), ConfigureError> {
        if let Global::Refused(refusal) = &self.global {
            self.warnings.push(warning::of_refused_global(refusal));
        }
        let isolation = isolation(self.flavour, parser);
        if let RuleIsolation::On(backup) = isolation {
            self.backup = backup.clone();
        }
        let mut catch_all = None;
        for (index, rule) in rules.iter().enumerate() {
            let slot = self.slot(rule, parser).map_err(|failure| ConfigureError::in_rule(index, failure))?;
            self.warnings.extend(warning::of_slot(self.flavour, index, rule, &slot));
            if let Some(before) = catch_all {
                self.warnings.push(warning::of_unreachable(index, before));
            } else if slot.rule().is_some_and(|rule| rule.condition.is_met_by_all()) {
                catch_all = Some(index);
            }
            self.rules.push(slot);
        }
        match isolation {
            RuleIsolation::On(_) => self.must_have_a_rule(),
            RuleIsolation::Off => Ok(()),
        }
    }

    fn slot(&mut self, rule: &Value, parser: &dyn PluginParser) -> Result<Slot, ConfigureFailure> {
        if self.flavour == Flavour::AssemblyScript && !rule.is_object() {
            let reason = format!("`{}` is no object, so the SDK leaves it out", quote(rule));
            return Ok(Slot::LeftOut { reason });
        }
        let parsed = self.parse_rule(rule, parser);
        if let RuleIsolation::Off = isolation(self.flavour, parser) {
            return parsed.map(Slot::Rule);
        }
        let values = MatchValues::read(self.flavour, rule)?;
        match parsed {
            Ok(parsed) => {
                self.backup.store(values, rule.clone());
                Ok(Slot::Rule(parsed))
            }
            Err(ConfigureFailure::Rule(refusal)) => {
                let good = self.backup.load(&values);
                Ok(match good.and_then(|good| self.parse_rule(good, parser).ok()) {
                    Some(rule) => Slot::Restored { rule, refusal },
                    None => Slot::refused(&refusal),
                })
            }
            Err(failure) => Err(failure),
        }
    }

    fn parse_rule(&self, rule: &Value, parser: &dyn PluginParser) -> Result<Rule, ConfigureFailure> {
        Rule::parse(self.flavour, rule, self.global.config(), parser)
    }

    /// Rule isolation forgives much, but not that no rule is left, even if there is a global configuration.
    fn must_have_a_rule(&self) -> Result<(), ConfigureError> {
        match self.rules.first() {
            Some(Slot::LeftOut { reason }) if self.rule_count() == 0 => {
                Err(ConfigureError::whole(ConfigureFailure::EveryRule(reason.clone())))
            }
            _ => Ok(()),
        }
    }
}

/// The option, where the SDK has it.
fn isolation(flavour: Flavour, parser: &dyn PluginParser) -> RuleIsolation<'_> {
    if flavour == Flavour::Go { parser.isolation() } else { RuleIsolation::Off }
}
