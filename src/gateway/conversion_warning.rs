use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::convert::{MATCH_DOMAIN, MATCH_ROUTE, MATCH_SERVICE, RULES};
use super::{GatewaySettings, GrpcRouteNames};
use crate::plugin::{FieldPath, RouteType, Spec};

/// Something that conversion does and that the author may not expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversionWarning {
    /// `pluginConfig` is taken as it is, and the other fields of the configuration are not looked at.
    RawConfigWins {
        /// The field that is not looked at.
        field: &'static str,
    },
    /// `_rules_` of `defaultConfig` gives way to the match rules.
    RulesReplaced,
    /// A key of a rule's configuration gives way to the rule's condition.
    KeyReplaced {
        /// The rule.
        rule: usize,
        /// The key.
        key: &'static str,
    },
    /// The names in `ingress` are lost.
    GrpcNamesLost {
        /// The rule.
        rule: usize,
        /// What they should have become.
        meant: Vec<String>,
    },
}

impl ConversionWarning {
    /// Every warning for `spec`, in the order of its fields.
    pub(super) fn of(spec: &Spec, settings: &GatewaySettings) -> Vec<Self> {
        if spec.plugin_config.is_some() {
            let fields = [
                ("defaultConfig", spec.default_config.is_some()),
                ("defaultConfigDisable", spec.default_config_disable),
                ("matchRules", !spec.match_rules.is_empty()),
            ];
            let ignored = fields.into_iter().filter(|(_, given)| *given);
            return ignored.map(|(field, _)| Self::RawConfigWins { field }).collect();
        }
        let in_force = spec.default_config.as_ref().filter(|_| !spec.default_config_disable);
        let has_rules = spec.match_rules.iter().any(|rule| !rule.config_disable);
        let replaced = has_rules && in_force.is_some_and(|config| config.contains_key(RULES));
        let in_rules = (0..spec.match_rules.len()).flat_map(|rule| Self::of_rule(spec, rule, settings));
        replaced.then_some(Self::RulesReplaced).into_iter().chain(in_rules).collect()
    }

    fn of_rule(spec: &Spec, index: usize, settings: &GatewaySettings) -> Vec<Self> {
        let rule = &spec.match_rules[index];
        if rule.config_disable {
            return Vec::new();
        }
        let conditions =
            [(MATCH_ROUTE, &rule.ingress), (MATCH_SERVICE, &rule.service), (MATCH_DOMAIN, &rule.domain)];
        let has_key = |key: &str| rule.config.as_ref().is_some_and(|config| config.contains_key(key));
        let replaced = conditions.into_iter().filter(|(key, values)| !values.is_empty() && has_key(key));
        let mut warnings: Vec<Self> =
            replaced.map(|(key, _)| Self::KeyReplaced { rule: index, key }).collect();
        let lost = rule.route_type == RouteType::Grpc && !rule.ingress.is_empty();
        if lost && settings.grpc == GrpcRouteNames::AsHigress {
            let meant = rule.ingress.iter().map(|name| settings.grpc_route_name(name)).collect();
            warnings.push(Self::GrpcNamesLost { rule: index, meant });
        }
        warnings
    }

    /// The field it is about.
    pub fn path(&self) -> FieldPath {
        let spec = FieldPath::of(&["spec"]);
        match self {
            Self::RawConfigWins { field } => spec.key(field),
            Self::RulesReplaced => spec.key("defaultConfig").key(RULES),
            Self::KeyReplaced { rule, key } => spec.key("matchRules").index(*rule).key("config").key(key),
            Self::GrpcNamesLost { rule, .. } => spec.key("matchRules").index(*rule).key("routeType"),
        }
    }
}

impl fmt::Display for ConversionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RawConfigWins { field } => {
                write!(f, "`{field}` is not looked at, because `pluginConfig` is there")
            }
            Self::RulesReplaced => {
                write!(f, "`{RULES}` of `defaultConfig` is replaced by the match rules")
            }
            Self::KeyReplaced { key, .. } => {
                write!(f, "`{key}` of the rule's `config` is replaced by the rule's own condition")
            }
            Self::GrpcNamesLost { meant, .. } => write!(
                f,
                "Higress 2.2 writes the text `GRPC` in place of each route name, so that the rule matches no request; \
                 meant was {}",
                meant.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

/// `{"path": …, "message": …}`
impl Serialize for ConversionWarning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ConversionWarning", 2)?;
        fields.serialize_field("path", &self.path())?;
        fields.serialize_field("message", &self.to_string())?;
        fields.end()
    }
}
