use serde::Serialize;
use serde_json::Value;

use super::auth::AuthRule;
use super::configure_error::quote;
use super::criterion::Criterion;
use super::match_key::MatchValues;
use super::rule::{DISABLE_KEY, Rule, Slot, Then};
use super::{Flavour, MatchKey, Trap};

/// Something about a configuration that does not do what it seems to, whatever the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleWarning {
    /// Which rule it is about, counted from 0 in `_rules_`; none where it is about the whole.
    pub rule: Option<usize>,
    /// What it is.
    pub kind: WarningKind,
    /// The same in one sentence.
    pub message: String,
}

/// What a [`RuleWarning`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// A key that this flavour does not go by.
    IgnoredKey,
    /// Several match keys, which the flavour takes and its older releases refuse.
    SeveralKeys,
    /// A match key whose value is no list.
    NotAList,
    /// An empty beginning of a route name, which every route has.
    EmptyPrefix,
    /// A rule before it is for every request.
    Unreachable,
    /// The plugin refuses the global configuration, and there is none.
    GlobalRefused,
    /// The item of `_rules_` is not in force.
    RuleLeftOut,
    /// The plugin refuses the rule, and its last good copy is in force.
    RuleRestored,
    /// A value that does not match what it seems to.
    #[serde(untagged)]
    Trap(Trap),
}

pub(super) fn of_refused_global(refusal: &str) -> RuleWarning {
    let message = format!(
        "the plugin refuses the global configuration, so requests that no rule is for meet none: {refusal}"
    );
    RuleWarning { rule: None, kind: WarningKind::GlobalRefused, message }
}

/// No request gets past the rule before it.
pub(super) fn of_unreachable(index: usize, before: usize) -> RuleWarning {
    let message = format!("the rule is for no request: rule {before} before it is for every one");
    RuleWarning { rule: Some(index), kind: WarningKind::Unreachable, message }
}

/// What there is to know about an item of `_rules_`.
pub(super) fn of_slot(flavour: Flavour, index: usize, item: &Value, slot: &Slot) -> Vec<RuleWarning> {
    let mut found = Vec::new();
    match slot {
        Slot::Rule(_) => {}
        Slot::LeftOut { reason } => found.push((WarningKind::RuleLeftOut, reason.clone())),
        Slot::Restored { refusal, .. } => found.push((
            WarningKind::RuleRestored,
            format!(
                "the plugin refuses the rule's configuration, and goes on with its last good copy: {refusal}"
            ),
        )),
    }
    if let (Some(rule), Ok(values)) = (slot.rule(), MatchValues::read(flavour, item)) {
        found.extend(of_keys(flavour, item, rule, &values));
        found.extend(of_values(rule));
    }
    found.into_iter().map(|(kind, message)| RuleWarning { rule: Some(index), kind, message }).collect()
}

fn of_keys(flavour: Flavour, item: &Value, rule: &Rule, values: &MatchValues) -> Vec<(WarningKind, String)> {
    let mut found = Vec::new();
    let counted: Vec<_> = rule.condition.criteria().iter().map(Criterion::key).collect();
    let names = counted.iter().map(|key| format!("`{}`", key.name())).collect::<Vec<_>>().join(" and ");
    for key in values.keys().filter(|key| !counted.contains(key)) {
        let message = format!("`{}` is not looked at: {} goes by {names}", key.name(), flavour.sdk());
        found.push((WarningKind::IgnoredKey, message));
    }
    if flavour == Flavour::Go && values.keys().count() > 1 {
        let message = "the rule has several match keys, which modules refuse that were built with the Go SDK of \
                       Higress's own repository, before it moved to higress-group/wasm-go";
        found.push((WarningKind::SeveralKeys, message.to_owned()));
    }
    found.extend(MatchKey::ALL.into_iter().filter_map(|key| of_bare_value(flavour, item, key)));
    if item.get(DISABLE_KEY).is_some() && !flavour.knows_disable() {
        let message = format!("`{DISABLE_KEY}` is not looked at: {} does not know it", flavour.sdk());
        found.push((WarningKind::IgnoredKey, message));
    }
    if let (Then::Authenticate(AuthRule::Local(_)), Some(_)) = (&rule.then, item.get("allow")) {
        let message = "`allow` is not looked at: the rule has a configuration of its own";
        found.push((WarningKind::IgnoredKey, message.to_owned()));
    }
    found
}

/// C++ refuses such a rule, so here it is another flavour.
fn of_bare_value(flavour: Flavour, item: &Value, key: MatchKey) -> Option<(WarningKind, String)> {
    let value = item.get(key.name()).filter(|value| !value.is_array() && !value.is_null())?;
    let what = if flavour == Flavour::Go {
        "the Go SDK takes it for a list of one, where others refuse it or look away".to_owned()
    } else {
        format!("{} does not look at it", flavour.sdk())
    };
    let message = format!("`{}` is `{}` and no list: {what}", key.name(), quote(value));
    Some((WarningKind::NotAList, message))
}

fn of_values(rule: &Rule) -> Vec<(WarningKind, String)> {
    let criteria = rule.condition.criteria().iter();
    let values =
        criteria.flat_map(|criterion| criterion.values().iter().map(|value| (criterion.key(), value)));
    values.filter_map(|(key, value)| of_value(key, value)).collect()
}

fn of_value(key: MatchKey, value: &str) -> Option<(WarningKind, String)> {
    if let Some(trap) = Trap::of(key, value) {
        let message = format!("`{value}` in `{}`: {}", key.name(), trap.explain(value));
        return Some((WarningKind::Trap(trap), message));
    }
    let is_every_route = key == MatchKey::RoutePrefix && value.is_empty();
    is_every_route
        .then(|| (WarningKind::EmptyPrefix, format!("an empty text in `{}` matches every route", key.name())))
}
