use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::configure_error::quote;
use super::{ConfigureFailure, Flavour};
use crate::gateway::{MATCH_DOMAIN, MATCH_ROUTE, MATCH_SERVICE};

/// A key of a rule that says which requests the rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchKey {
    /// `_match_route_`: route names, exactly.
    Route,
    /// `_match_route_prefix_`: beginnings of route names.
    RoutePrefix,
    /// `_match_domain_`: host patterns.
    Domain,
    /// `_match_service_`: upstream services, with or without a port.
    Service,
}

impl MatchKey {
    /// Every key, in the order in which the C++ SDK reads them.
    pub const ALL: [Self; 4] = [Self::Route, Self::RoutePrefix, Self::Domain, Self::Service];

    /// The key as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Route => MATCH_ROUTE,
            Self::RoutePrefix => "_match_route_prefix_",
            Self::Domain => MATCH_DOMAIN,
            Self::Service => MATCH_SERVICE,
        }
    }

    /// The values that a rule gives for this key, as the flavour reads them; none where the rule has none for
    /// it.
    fn values(self, flavour: Flavour, rule: &Value) -> Result<Vec<String>, ConfigureFailure> {
        let given = rule.get(self.name());
        let mut values = match flavour {
            Flavour::Go => go_list(given).map(go_text).collect(),
            Flavour::Cpp | Flavour::CppAuth => return cpp_list(self.name(), rule),
            Flavour::Rust => list(given).map(|item| item.as_str().unwrap_or_default().to_owned()).collect(),
            Flavour::AssemblyScript => list(given).map(assemblyscript_text).collect::<Vec<_>>(),
        };
        // Go, Rust and AssemblyScript drop empty names, but keep an empty domain, which only an empty host
        // equals.
        if self != Self::Domain {
            values.retain(|value| !value.is_empty());
        }
        Ok(values)
    }
}

/// `JsonArrayIterate` and `JsonValueAs<std::string>` of Higress's `json_util.cc`: nothing but an array will
/// do, and in it nothing but strings and unsigned integers.
pub(super) fn cpp_list(key: &'static str, object: &Value) -> Result<Vec<String>, ConfigureFailure> {
    let items = match object.get(key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(ConfigureFailure::NotAList { key, value: quote(other) }),
    };
    let text =
        |item: &Value| cpp_text(item).ok_or_else(|| ConfigureFailure::NotText { key, value: quote(item) });
    items.iter().map(text).collect()
}

/// gjson's `Array()`: `null` is no item, and anything else that is not an array is one.
pub(super) fn go_list(given: Option<&Value>) -> impl Iterator<Item = &Value> {
    match given {
        None | Some(Value::Null) => [].iter(),
        Some(Value::Array(items)) => items.iter(),
        Some(item) => std::slice::from_ref(item).iter(),
    }
}

/// The items of an array; anything else has none.
fn list(given: Option<&Value>) -> impl Iterator<Item = &Value> {
    given.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}

/// gjson's `String()`: `null` is empty, and a float is written without an exponent.
pub(super) fn go_text(item: &Value) -> String {
    match item {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => float(number).map_or_else(|| number.to_string(), |float| float.to_string()),
        other => other.to_string(),
    }
}

/// What the C++ SDK takes for a string.
fn cpp_text(item: &Value) -> Option<String> {
    match item {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        _ => None,
    }
}

/// `toString()` of assemblyscript-json: JSON text, but for strings, which stay bare.
fn assemblyscript_text(item: &Value) -> String {
    item.as_str().map_or_else(|| item.to_string(), str::to_owned)
}

/// The number, if it is not an integer.
fn float(number: &Number) -> Option<f64> {
    number.as_f64().filter(|_| number.is_f64())
}

/// The match keys of one rule that name at least one value, with their values as the flavour reads them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MatchValues(BTreeMap<MatchKey, Vec<String>>);

impl MatchValues {
    /// Reads them from a rule.
    pub(super) fn read(flavour: Flavour, rule: &Value) -> Result<Self, ConfigureFailure> {
        let mut read = BTreeMap::new();
        for key in MatchKey::ALL {
            let values = key.values(flavour, rule)?;
            if !values.is_empty() {
                read.insert(key, values);
            }
        }
        Ok(Self(read))
    }

    /// The keys there are.
    pub(super) fn keys(&self) -> impl Iterator<Item = MatchKey> {
        self.0.keys().copied()
    }

    /// The key's values.
    pub(super) fn of(&self, key: MatchKey) -> &[String] {
        self.0.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same, whatever order the values had: what rule isolation knows a rule by.
    #[must_use]
    pub(super) fn sorted(mut self) -> Self {
        self.0.values_mut().for_each(|values| values.sort());
        self
    }
}
