use std::collections::BTreeMap;

use super::fields::{Fields, Findings};
use super::{
    FailStrategy, FieldPath, Form, Node, Phase, PluginType, PullPolicy, TargetRef, TrafficSelector, VmConfig,
};

/// A plugin's configuration: any JSON object. Numbers are what the file says, integers of 64 bits among them.
pub type Config = serde_json::Map<String, serde_json::Value>;

/// `spec` of either form. A field that the other form has is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// `url`, as written; `ModuleUrl` says what it means.
    pub url: String,
    /// `sha256`.
    pub sha256: String,
    /// `imagePullPolicy`.
    pub image_pull_policy: PullPolicy,
    /// `imagePullSecret`.
    pub image_pull_secret: String,
    /// `verificationKey`.
    pub verification_key: String,
    /// `pluginConfig`.
    pub plugin_config: Option<Config>,
    /// `pluginName`.
    pub plugin_name: String,
    /// `phase`.
    pub phase: Phase,
    /// `priority`; a plugin without one comes after every plugin that has one.
    pub priority: Option<i32>,
    /// `failStrategy`.
    pub fail_strategy: FailStrategy,
    /// `vmConfig`.
    pub vm_config: Option<VmConfig>,

    /// `defaultConfig`, Higress only.
    pub default_config: Option<Config>,
    /// `matchRules`, Higress only, in the file's order.
    pub match_rules: Vec<MatchRule>,
    /// `defaultConfigDisable`, Higress only.
    pub default_config_disable: bool,

    /// `selector.matchLabels`, Istio only.
    pub selector: Option<BTreeMap<String, String>>,
    /// `targetRefs`, or the one `targetRef`; Istio only.
    pub target_refs: Vec<TargetRef>,
    /// `match`, Istio only.
    pub traffic: Vec<TrafficSelector>,
    /// `type`, Istio only.
    pub plugin_type: PluginType,
}

/// One entry of Higress's `spec.matchRules`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatchRule {
    /// `ingress`: route names.
    pub ingress: Vec<String>,
    /// `domain`: host patterns.
    pub domain: Vec<String>,
    /// `service`: upstream services.
    pub service: Vec<String>,
    /// `config`.
    pub config: Option<Config>,
    /// `configDisable`.
    pub config_disable: bool,
    /// `routeType`.
    pub route_type: RouteType,
}

/// `spec.matchRules[].routeType`: what the names in `ingress` name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteType {
    /// `HTTP`, or no field.
    #[default]
    Http,
    /// `GRPC`.
    Grpc,
}

impl Spec {
    pub(super) fn read(fields: &mut Fields<'_>, form: Form) -> Self {
        let common = Self {
            url: fields.text("url").unwrap_or_default(),
            sha256: fields.text("sha256").unwrap_or_default(),
            image_pull_policy: fields.word("imagePullPolicy", &PullPolicy::WORDS),
            image_pull_secret: fields.text("imagePullSecret").unwrap_or_default(),
            verification_key: fields.text("verificationKey").unwrap_or_default(),
            plugin_config: fields.config("pluginConfig"),
            plugin_name: fields.text("pluginName").unwrap_or_default(),
            phase: fields.word("phase", &Phase::WORDS),
            priority: fields.int32("priority"),
            fail_strategy: fields.word("failStrategy", FailStrategy::words(form)),
            vm_config: fields.inner("vmConfig", VmConfig::read),
            ..Self::default()
        };
        match form {
            Form::Higress => common.with_higress_fields(fields),
            Form::Istio => common.with_istio_fields(fields),
        }
    }

    fn with_higress_fields(self, fields: &mut Fields<'_>) -> Self {
        Self {
            default_config: fields.config("defaultConfig"),
            match_rules: fields.items("matchRules", |findings, item, path| {
                // A rule that cannot be read is an empty one, so that the others keep their numbers.
                Some(MatchRule::read(findings, item, path).unwrap_or_default())
            }),
            default_config_disable: fields.flag("defaultConfigDisable"),
            ..self
        }
    }

    fn with_istio_fields(self, fields: &mut Fields<'_>) -> Self {
        let mut target_refs = fields.items("targetRefs", TargetRef::read);
        target_refs.extend(fields.inner("targetRef", TargetRef::of));
        Self {
            selector: fields.inner("selector", |fields| fields.text_map("matchLabels").unwrap_or_default()),
            target_refs,
            traffic: fields.items("match", TrafficSelector::read),
            plugin_type: fields.word("type", &PluginType::WORDS),
            ..self
        }
    }
}

impl MatchRule {
    fn read(findings: &mut Findings, node: &Node, path: &FieldPath) -> Option<Self> {
        let mut fields = Fields::open(node, path.clone(), findings)?;
        let rule = Self {
            ingress: fields.texts("ingress"),
            domain: fields.texts("domain"),
            service: fields.texts("service"),
            config: fields.config("config"),
            config_disable: fields.flag("configDisable"),
            route_type: fields.word("routeType", &[("HTTP", RouteType::Http), ("GRPC", RouteType::Grpc)]),
        };
        fields.close();
        Some(rule)
    }
}
