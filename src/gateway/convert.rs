//! Higress's `WasmPlugin` to Istio's, as its controller does it (Higress 2.2, `pkg/ingress/config/ingress_config.go`,
//! `convertIstioWasmPlugin`).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{ConversionWarning, GatewaySettings, GrpcRouteNames};
use crate::plugin::{Config, Form, MatchRule, Metadata, RouteType, Spec, WasmPlugin};

/// The key of the rules in a converted configuration.
pub const RULES: &str = "_rules_";
/// The key of a rule's route names.
pub const MATCH_ROUTE: &str = "_match_route_";
/// The key of a rule's host patterns.
pub const MATCH_DOMAIN: &str = "_match_domain_";
/// The key of a rule's services.
pub const MATCH_SERVICE: &str = "_match_service_";

/// What the controller makes of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Conversion {
    /// It hands this to Istio.
    Converted(Box<Converted>),
    /// Nothing: the plugin is withdrawn from the gateway.
    Dropped,
    /// It refuses the resource, and keeps what it made of the version before.
    Refused {
        /// The rule without a condition, counted from 0 in `spec.matchRules`.
        rule: usize,
    },
    /// It does not look at the resource.
    Ignored {
        /// The resource's namespace, which is not the controller's.
        namespace: String,
    },
    /// The resource is Istio's already.
    Unchanged(Box<WasmPlugin>),
}

/// A resource in Istio's form, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The resource.
    pub plugin: WasmPlugin,
    /// For each entry of `_rules_` that the controller wrote, the entry of `spec.matchRules` that it stands for.
    pub rules: Vec<usize>,
    /// What the author should know.
    pub warnings: Vec<ConversionWarning>,
}

impl Conversion {
    /// What Istio gets, if anything.
    pub fn plugin(&self) -> Option<&WasmPlugin> {
        match self {
            Self::Converted(converted) => Some(&converted.plugin),
            Self::Unchanged(plugin) => Some(plugin),
            Self::Dropped | Self::Refused { .. } | Self::Ignored { .. } => None,
        }
    }

    /// The outcome in one word, for programs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Converted(_) => "converted",
            Self::Dropped => "dropped",
            Self::Refused { .. } => "error",
            Self::Ignored { .. } => "ignored",
            Self::Unchanged(_) => "unchanged",
        }
    }

    /// What the outcome means in a cluster, in one sentence.
    pub fn meaning(&self) -> String {
        match self {
            Self::Converted(_) => "the gateway gets the plugin in this form".to_owned(),
            Self::Dropped => {
                "the plugin is withdrawn from the gateway: `defaultConfigDisable` is true and no match rule \
                              is left; the controller logs it and tells nobody else"
                    .to_owned()
            }
            Self::Refused { rule } => format!(
                "the version converted last stays live until the next valid edit, or until the controller restarts and \
                 the plugin is gone: `spec.matchRules[{rule}]` has no `ingress`, `domain` or `service`, and the \
                 controller refuses the whole resource for it"
            ),
            Self::Ignored { namespace } => format!(
                "nothing happens: the controller only looks at its own namespace, and this resource is in `{namespace}`"
            ),
            Self::Unchanged(_) => "the resource is Istio's already; Higress does not convert it".to_owned(),
        }
    }
}

/// What became of one resource, as programs read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversionReport {
    /// The resource's name.
    pub name: String,
    /// The resource's namespace, where it names one.
    pub namespace: Option<String>,
    /// `converted`, `dropped`, `error`, `ignored` or `unchanged`.
    pub outcome: &'static str,
    /// What that means in a cluster.
    pub meaning: String,
    /// What the author should know.
    pub warnings: Vec<ConversionWarning>,
    /// For each entry of `_rules_` that the controller wrote, the entry of `spec.matchRules` that it stands for.
    pub rules: Vec<usize>,
    /// What Istio gets, if anything.
    pub resource: Option<WasmPlugin>,
}

impl ConversionReport {
    /// Says what `conversion` made of `plugin`.
    pub fn new(plugin: &WasmPlugin, conversion: &Conversion) -> Self {
        let (rules, warnings) = match conversion {
            Conversion::Converted(converted) => (converted.rules.clone(), converted.warnings.clone()),
            _ => (Vec::new(), Vec::new()),
        };
        Self {
            name: plugin.metadata.name.clone(),
            namespace: plugin.metadata.namespace.clone(),
            outcome: conversion.outcome(),
            meaning: conversion.meaning(),
            warnings,
            rules,
            resource: conversion.plugin().cloned(),
        }
    }
}

/// Converts `plugin` as a controller with `settings` does.
pub fn convert(plugin: &WasmPlugin, settings: &GatewaySettings) -> Conversion {
    if plugin.form == Form::Istio {
        return Conversion::Unchanged(Box::new(plugin.clone()));
    }
    match &plugin.metadata.namespace {
        Some(namespace) if *namespace != settings.namespace => {
            Conversion::Ignored { namespace: namespace.clone() }
        }
        _ => match plugin_config(&plugin.spec, settings) {
            Err(rule) => Conversion::Refused { rule },
            Ok(None) => Conversion::Dropped,
            Ok(Some(built)) => Conversion::Converted(Box::new(Converted {
                plugin: istio_form(plugin, built.config, settings),
                rules: built.rules,
                warnings: ConversionWarning::of(&plugin.spec, settings),
            })),
        },
    }
}

/// A `pluginConfig`, absent as Higress may leave it.
struct Built {
    config: Option<Config>,
    rules: Vec<usize>,
}

/// The algorithm itself: nothing where the plugin is dropped, the number of a rule where the whole resource is refused
/// for it.
fn plugin_config(spec: &Spec, settings: &GatewaySettings) -> Result<Option<Built>, usize> {
    if let Some(config) = &spec.plugin_config {
        return Ok(Some(Built { config: Some(config.clone()), rules: Vec::new() }));
    }
    let mut base = if spec.default_config_disable { None } else { spec.default_config.clone() };
    if !spec.match_rules.is_empty() {
        base.get_or_insert_default();
    }
    let (mut bodies, mut rules) = (Vec::new(), Vec::new());
    // A disabled rule is left out before anybody looks at it.
    for (index, rule) in spec.match_rules.iter().enumerate().filter(|(_, rule)| !rule.config_disable) {
        bodies.push(rule_body(rule, settings).ok_or(index)?);
        rules.push(index);
    }
    if bodies.is_empty() {
        return Ok((!spec.default_config_disable).then_some(Built { config: base, rules }));
    }
    base.get_or_insert_default().insert(RULES.to_owned(), bodies.into());
    Ok(Some(Built { config: base, rules }))
}

/// One entry of `_rules_`: the rule's configuration, with its conditions over any keys of the same name. Nothing where
/// it has no condition.
fn rule_body(rule: &MatchRule, settings: &GatewaySettings) -> Option<Value> {
    let routes = match (rule.route_type, settings.grpc) {
        (RouteType::Http, _) => rule.ingress.clone(),
        // The entry is lost in a path join with one argument.
        (RouteType::Grpc, GrpcRouteNames::AsHigress) => vec!["GRPC".to_owned(); rule.ingress.len()],
        (RouteType::Grpc, GrpcRouteNames::Fixed) => {
            rule.ingress.iter().map(|name| settings.grpc_route_name(name)).collect()
        }
    };
    let conditions = [(MATCH_ROUTE, &routes), (MATCH_SERVICE, &rule.service), (MATCH_DOMAIN, &rule.domain)];
    if conditions.iter().all(|(_, values)| values.is_empty()) {
        return None;
    }
    let mut body = rule.config.clone().unwrap_or_default();
    for (key, values) in conditions.into_iter().filter(|(_, values)| !values.is_empty()) {
        body.insert(key.to_owned(), values.iter().map(String::as_str).collect());
    }
    Some(body.into())
}

fn istio_form(plugin: &WasmPlugin, config: Option<Config>, settings: &GatewaySettings) -> WasmPlugin {
    let spec = &plugin.spec;
    WasmPlugin {
        form: Form::Istio,
        // Labels, annotations, creation time and version stay behind.
        metadata: Metadata {
            name: plugin.metadata.name.clone(),
            namespace: Some(settings.namespace.clone()),
            ..Metadata::default()
        },
        spec: Spec {
            url: spec.url.clone(),
            sha256: spec.sha256.clone(),
            image_pull_policy: spec.image_pull_policy,
            image_pull_secret: spec.image_pull_secret.clone(),
            verification_key: spec.verification_key.clone(),
            plugin_config: config,
            plugin_name: spec.plugin_name.clone(),
            phase: spec.phase,
            priority: spec.priority,
            fail_strategy: spec.fail_strategy,
            vm_config: spec.vm_config.clone(),
            selector: Some(BTreeMap::from([settings.selector()])),
            ..Spec::default()
        },
    }
}

#[cfg(test)]
mod tests;
