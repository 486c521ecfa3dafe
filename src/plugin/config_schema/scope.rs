//! What of a schema is about match rules, where one schema is written for both.

use serde_json::{Map, Value};

/// Where `hgctl` writes a member's scope, and where the console's own plugins do.
const KEYWORDS: [&str; 2] = ["x-scope", "scope"];

/// `schema` without the members that only the configuration for everything else has (`GLOBAL`): a rule need not name
/// them, and nobody makes them up for it.
pub(super) fn of_rules(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let global = global_members(&schema);
    for keyword in ["properties", "default", "example"] {
        if let Some(members) = schema.get_mut(keyword).and_then(Value::as_object_mut) {
            members.retain(|name, _| !global.contains(name));
        }
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !global.iter().any(|global| global == name)));
    }
    schema
}

fn global_members(schema: &Value) -> Vec<String> {
    let is_global = |property: &Value| {
        KEYWORDS.iter().any(|keyword| property.get(keyword).is_some_and(|scope| scope == "GLOBAL"))
    };
    let properties = schema.get("properties").and_then(Value::as_object).map(Map::iter);
    let global = properties.into_iter().flatten().filter(|(_, property)| is_global(property));
    global.map(|(name, _)| name.clone()).collect()
}
