use std::cell::RefCell;

use serde_json::{Map, Value, json};

use super::super::{PluginParser, RuleBackup, RuleIsolation};

/// A plugin whose configuration is a name and an age, like the one of the Go and Rust test suites.
pub(super) struct Person;

impl PluginParser for Person {
    fn global(&self, config: &Value) -> Result<Value, String> {
        let name = config.get("name").cloned().unwrap_or_else(|| json!(""));
        let age = config.get("age").cloned().unwrap_or_else(|| json!(0));
        match (name.is_string(), age.is_i64()) {
            (true, true) => Ok(json!({"name": name, "age": age})),
            (false, _) => Err("`name` is no text".to_owned()),
            (_, false) => Err("`age` is no integer".to_owned()),
        }
    }

    fn rule(&self, rule: &Value, _global: Option<&Value>) -> Result<Value, String> {
        self.global(rule)
    }
}

/// The same, with rules isolated from each other.
pub(super) struct Isolated(pub(super) RuleBackup);

impl PluginParser for Isolated {
    fn global(&self, config: &Value) -> Result<Value, String> {
        Person.global(config)
    }

    fn rule(&self, rule: &Value, global: Option<&Value>) -> Result<Value, String> {
        Person.rule(rule, global)
    }

    fn isolation(&self) -> RuleIsolation<'_> {
        RuleIsolation::On(&self.0)
    }
}

/// A plugin with an override parser: consumers are global, who of them is allowed is a rule's.
pub(super) struct Consumers;

impl PluginParser for Consumers {
    fn global(&self, config: &Value) -> Result<Value, String> {
        if config.get("allow").is_some() {
            return Err("`allow` is not global".to_owned());
        }
        let consumers = config.get("consumers").ok_or("`consumers` is missing")?;
        Ok(json!({"consumers": consumers}))
    }

    fn rule(&self, rule: &Value, global: Option<&Value>) -> Result<Value, String> {
        if rule.get("consumers").is_some() {
            return Err("`consumers` is global".to_owned());
        }
        let mut config = global.and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
        config.insert("allow".to_owned(), rule.get("allow").cloned().unwrap_or_default());
        Ok(Value::Object(config))
    }
}

/// A plugin that refuses everything.
pub(super) struct RefuseAll;

impl PluginParser for RefuseAll {
    fn global(&self, _config: &Value) -> Result<Value, String> {
        Err("not this".to_owned())
    }

    fn rule(&self, _rule: &Value, _global: Option<&Value>) -> Result<Value, String> {
        Err("not that".to_owned())
    }
}

/// A plugin that takes rules, but no global configuration.
pub(super) struct RulesOnly;

impl PluginParser for RulesOnly {
    fn global(&self, _config: &Value) -> Result<Value, String> {
        Err("rules only".to_owned())
    }

    fn rule(&self, _rule: &Value, _global: Option<&Value>) -> Result<Value, String> {
        Ok(json!({}))
    }
}

/// A plugin that takes everything and notes what it was given.
#[derive(Default)]
pub(super) struct Recorder(pub(super) RefCell<Vec<(Value, Option<Value>)>>);

impl PluginParser for Recorder {
    fn global(&self, config: &Value) -> Result<Value, String> {
        self.0.borrow_mut().push((config.clone(), None));
        Ok(json!("global"))
    }

    fn rule(&self, rule: &Value, global: Option<&Value>) -> Result<Value, String> {
        self.0.borrow_mut().push((rule.clone(), global.cloned()));
        Ok(json!("rule"))
    }
}
