//! What a schema says about the configuration to begin with.

use serde_json::Value;

use crate::plugin::Config;

/// What the schema's defaults make of nothing.
pub(super) fn of(schema: &Value) -> Config {
    let mut config = schema["default"].as_object().cloned().unwrap_or_default();
    fill(schema, &mut config);
    config
}

/// `example` of the schema itself; those of single members are no configuration, and often lists of examples.
pub(super) fn example(schema: &Value) -> Option<Config> {
    schema["example"].as_object().cloned()
}

/// Gives `object` what it lacks. Each schema is visited once, so that the result is no larger than the schema.
fn fill(schema: &Value, object: &mut Config) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        match object.get_mut(name) {
            Some(Value::Object(inner)) => fill(property, inner),
            Some(_) => {}
            None => {
                if let Some(value) = initial(schema, name, property) {
                    object.insert(name.clone(), value);
                }
            }
        }
    }
}

/// The property's default, or an object for its members' defaults where the property has to be there.
fn initial(parent: &Value, name: &str, property: &Value) -> Option<Value> {
    match property.get("default") {
        Some(Value::Object(_)) => Some(Value::Object(of(property))),
        Some(default) => Some(default.clone()),
        None => {
            let required = parent["required"].as_array()?.iter().any(|required| required == name);
            let inner = if required { of(property) } else { Config::new() };
            (!inner.is_empty()).then_some(Value::Object(inner))
        }
    }
}
