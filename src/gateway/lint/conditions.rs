use serde_json::Value;

use super::subject::spec_path;
use crate::gateway::{MatchKey, RULES};
use crate::plugin::{Config, FieldPath, Form, MatchRule, RouteType, WasmPlugin};

/// A rule that the module gets, where the file has it: an entry of `matchRules`, or one of a `_rules_` by hand.
pub(super) struct WrittenRule<'a> {
    /// The entry.
    pub(super) path: FieldPath,
    /// What requests have to meet, as far as it is lists of texts.
    pub(super) conditions: Vec<Condition<'a>>,
}

/// What requests have to meet, by one key.
pub(super) struct Condition<'a> {
    /// The key that the module sees.
    pub(super) key: MatchKey,
    /// The list.
    list: FieldPath,
    /// The list's texts, and their numbers in it.
    texts: Vec<(usize, &'a str)>,
}

impl<'a> Condition<'a> {
    fn of_field(key: MatchKey, list: FieldPath, texts: &'a [String]) -> Option<Self> {
        let texts: Vec<_> = texts.iter().map(String::as_str).enumerate().collect();
        (!texts.is_empty()).then_some(Self { key, list, texts })
    }

    /// The key as a rule's configuration has it.
    fn of_key(key: MatchKey, rule: &FieldPath, config: &'a Config) -> Option<Self> {
        let items = config.get(key.name())?.as_array()?.iter().enumerate();
        let texts: Vec<_> = items.filter_map(|(index, item)| Some((index, item.as_str()?))).collect();
        (!texts.is_empty()).then(|| Self { key, list: rule.key(key.name()), texts })
    }

    /// The texts of the list.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.texts.iter().map(|(_, text)| *text)
    }

    /// The texts of the list, and where each one stands.
    pub(super) fn placed(&self) -> impl Iterator<Item = (&'a str, Placed<'_>)> {
        self.texts.iter().map(|(index, text)| (*text, Placed { list: &self.list, index: *index }))
    }
}

/// Where a text of a list stands; a path only when somebody asks, as there are many texts and few findings.
pub(super) struct Placed<'c> {
    list: &'c FieldPath,
    index: usize,
}

impl Placed<'_> {
    /// The way to the text.
    pub(super) fn path(&self) -> FieldPath {
        self.list.index(self.index)
    }
}

impl<'a> WrittenRule<'a> {
    /// The rules of `plugin`, in the order in which requests are held against them.
    pub(super) fn all(plugin: &'a WasmPlugin) -> Vec<Self> {
        let spec = &plugin.spec;
        if plugin.form == Form::Istio || spec.plugin_config.is_some() {
            return by_hand("pluginConfig", spec.plugin_config.as_ref());
        }
        let kept = spec.match_rules.iter().enumerate().filter(|(_, rule)| !rule.config_disable);
        let kept: Vec<Self> = kept.map(|(index, rule)| Self::of_match_rule(index, rule)).collect();
        if kept.is_empty() && !spec.default_config_disable {
            return by_hand("defaultConfig", spec.default_config.as_ref());
        }
        kept
    }

    fn of_match_rule(index: usize, rule: &'a MatchRule) -> Self {
        let path = spec_path("matchRules").index(index);
        let field = |key, name: &str, texts| Condition::of_field(key, path.key(name), texts);
        // The names of gRPC routes never reach the module.
        let routes: &[String] = if rule.route_type == RouteType::Grpc { &[] } else { &rule.ingress };
        let fields = [
            field(MatchKey::Route, "ingress", routes),
            field(MatchKey::Domain, "domain", &rule.domain),
            field(MatchKey::Service, "service", &rule.service),
        ];
        let mut conditions: Vec<_> = fields.into_iter().flatten().collect();
        if let Some(config) = &rule.config {
            let passed_through = MatchKey::ALL.into_iter().filter(|key| !has_field(rule, *key));
            let config_path = path.key("config");
            conditions.extend(passed_through.filter_map(|key| Condition::of_key(key, &config_path, config)));
        }
        Self { path, conditions }
    }

    /// What requests have to meet, by `key`.
    pub(super) fn condition(&self, key: MatchKey) -> Option<&Condition<'a>> {
        self.conditions.iter().find(|condition| condition.key == key)
    }
}

/// Whether the rule has a condition of its own for `key`, which replaces the key in `config`.
pub(super) fn has_field(rule: &MatchRule, key: MatchKey) -> bool {
    match key {
        MatchKey::Route => !rule.ingress.is_empty(),
        MatchKey::Domain => !rule.domain.is_empty(),
        MatchKey::Service => !rule.service.is_empty(),
        MatchKey::RoutePrefix => false,
    }
}

fn by_hand<'a>(field: &str, config: Option<&'a Config>) -> Vec<WrittenRule<'a>> {
    let Some(Value::Array(rules)) = config.and_then(|config| config.get(RULES)) else { return Vec::new() };
    let list = spec_path(field).key(RULES);
    let objects = rules.iter().enumerate().filter_map(|(index, rule)| Some((index, rule.as_object()?)));
    let rule = |(index, rule): (usize, &'a Config)| {
        let path = list.index(index);
        let conditions = MatchKey::ALL.into_iter().filter_map(|key| Condition::of_key(key, &path, rule));
        WrittenRule { conditions: conditions.collect(), path: path.clone() }
    };
    objects.map(rule).collect()
}

/// Every text of the lists of `key`, and where it stands.
pub(super) fn texts_of<'s, 'a>(
    rules: &'s [WrittenRule<'a>],
    key: MatchKey,
) -> impl Iterator<Item = (&'a str, Placed<'s>)> {
    rules.iter().filter_map(move |rule| rule.condition(key)).flat_map(Condition::placed)
}
