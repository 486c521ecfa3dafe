//! What the module reads.

use serde_json::Value;

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Finding, Findings, Subject};
use crate::gateway::{
    AcceptAny, ConfigureError, ConfigureFailure, Conversion, Flavour, RULES, RuleMatcher,
    without_matcher_keys,
};
use crate::plugin::{Config, ConfigSchema, FieldPath, Node, NodeValue, Step};

rules! {
    NO_CONFIG: "no-config" Info {
        title: "No configuration",
        why: "Discovery sends the module no bytes where `pluginConfig` is absent or an empty object. Go and \
              AssemblyScript plugins read that as `{}`, C++ ones stand idle, and Rust ones do not start.",
        fix: "Write a `defaultConfig` (Istio: `pluginConfig`) with at least one key, if the plugin is Rust's.",
    },
    CONFIG_REFUSED: "config-refused" Error {
        title: "A configuration that the SDK refuses",
        why: "The rule matcher that is built into the module refuses the configuration before the plugin sees it. The VM \
              does not start, and `failStrategy` decides: FAIL_CLOSE fails requests, FAIL_OPEN goes on without the \
              plugin.",
        fix: "Write what the plugin's language takes.",
    },
    INTEGER_PRECISION: "integer-precision" Warning {
        title: "An integer that does not come through",
        why: "Both forms carry configurations as `google.protobuf.Struct`, whose numbers are 64 bits of floating point: \
              beyond 2^53 not every integer is one of them, and the nearest is taken.",
        fix: "Write the number in quotes, if the plugin takes a text.",
    },
    CONFIG_SCHEMA: "config-schema" Error {
        title: "A configuration against the plugin's schema",
        why: "The `spec.yaml` in the image says what the configuration has to look like. Nothing in a cluster checks it; \
              the plugin finds out when it starts, or when a request comes.",
        fix: "Write what the schema asks for.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    check_matcher(subject, findings);
    check_integers(subject, findings);
    check_schemas(subject, findings);
}

/// What the module's rule matcher says to the configuration as it arrives.
fn check_matcher(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(plugin) = subject.conversion.plugin() else { return };
    let config = plugin.spec.plugin_config.as_ref();
    let (field, _) = subject.config();
    if let Some(flavour) = subject.flavour() {
        if let Err(error) = RuleMatcher::configure(flavour, config, &AcceptAny) {
            findings.push(refused(subject, flavour, &error));
        }
    } else if config.is_none_or(Config::is_empty) && subject.is_read(&spec_path(field)) {
        findings.push(subject.finding(&NO_CONFIG, spec_path(field)).told(
            "the module gets no configuration, and a Rust plugin does not start without",
            format!("write a `{field}` with at least one key, or say which language the plugin is in"),
        ));
    }
}

fn refused(subject: &Subject<'_>, flavour: Flavour, error: &ConfigureError) -> Finding {
    let (field, _) = subject.config();
    let path = match (error.rule, &subject.conversion) {
        (None, _) => spec_path(field),
        (Some(rule), Conversion::Converted(converted)) if !converted.rules.is_empty() => {
            spec_path("matchRules").index(converted.rules[rule])
        }
        (Some(rule), _) => spec_path(field).key(RULES).index(rule),
    };
    let fix = match &error.failure {
        ConfigureFailure::SeveralMatchKeys { .. } => {
            "write one rule for each condition, with the same `config`".to_owned()
        }
        ConfigureFailure::NoBytes | ConfigureFailure::EmptyObject => {
            format!("write a `{field}` with at least one key")
        }
        ConfigureFailure::Nothing => format!("write a rule, or a key of the plugin into `{field}`"),
        _ => format!("write what `{flavour}` plugins take"),
    };
    let message = format!("a `{flavour}` plugin does not start with this: {}", error.failure);
    subject.finding(&CONFIG_REFUSED, path).told(message, fix)
}

fn check_integers(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(spec) = subject.resource.source.member("spec") else { return };
    for field in ["defaultConfig", "pluginConfig", "matchRules"] {
        if let Some(member) = spec.node.member(field) {
            let mut steps = vec![Step::Key("spec".to_owned()), Step::Key(field.to_owned())];
            walk(&member.node, &mut steps, &mut |node, steps| {
                if let Some((given, rounded)) = rounded(node) {
                    let path = path_of(steps);
                    findings.push(subject.finding(&INTEGER_PRECISION, path).told(
                        format!("`{given}` arrives as `{rounded}`"),
                        format!("write `\"{given}\"`, if the plugin takes a text"),
                    ));
                }
            });
        }
    }
}

/// Shows `look` every value that is no list and no object.
pub(super) fn walk<'n>(node: &'n Node, steps: &mut Vec<Step>, look: &mut dyn FnMut(&'n Node, &[Step])) {
    match &node.value {
        NodeValue::List(items) => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Index(index));
                walk(item, steps, look);
                steps.pop();
            }
        }
        NodeValue::Object(members) => {
            for member in members {
                steps.push(Step::Key(member.key.clone()));
                walk(&member.node, steps, look);
                steps.pop();
            }
        }
        _ => look(node, steps),
    }
}

/// The path that `steps` make.
pub(super) fn path_of(steps: &[Step]) -> FieldPath {
    steps.iter().fold(FieldPath::root(), |path, step| path.step(step.clone()))
}

/// An integer that 64 bits of floating point do not have, and what they have instead.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the loss is what is looked for"
)]
fn rounded(node: &Node) -> Option<(i128, i128)> {
    let NodeValue::Number(number) = &node.value else { return None };
    let given = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))?;
    let carried = given as f64 as i128;
    (carried != given).then_some((given, carried))
}

/// Holds what is in force against the schemas of the image.
fn check_schemas(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(image) = subject.image() else { return };
    let (field, config) = subject.config();
    if let (Some(schema), Some(config)) = (image.config_schema(), config) {
        check_schema(subject, schema, (spec_path(field), config), findings);
    }
    if let Some(schema) = image.rule_config_schema() {
        for (path, config) in rule_configs(subject, field, config) {
            check_schema(subject, schema, (path, config), findings);
        }
    }
}

/// The configurations of the rules that the module gets.
fn rule_configs<'s>(
    subject: &'s Subject<'_>,
    field: &str,
    config: Option<&'s Config>,
) -> Vec<(FieldPath, &'s Config)> {
    let match_rules = &subject.spec().match_rules;
    if field == "defaultConfig" && !match_rules.is_empty() {
        let kept = match_rules.iter().enumerate().filter(|(_, rule)| !rule.config_disable);
        let path = |index| spec_path("matchRules").index(index).key("config");
        return kept.filter_map(|(index, rule)| Some((path(index), rule.config.as_ref()?))).collect();
    }
    let rules = config.and_then(|config| config.get(RULES)).and_then(Value::as_array);
    let rules = rules.map(Vec::as_slice).unwrap_or_default().iter().enumerate();
    let path = |index| spec_path(field).key(RULES).index(index);
    rules.filter_map(|(index, rule)| Some((path(index), rule.as_object()?))).collect()
}

fn check_schema(
    subject: &Subject<'_>,
    schema: &ConfigSchema,
    (path, config): (FieldPath, &Config),
    findings: &mut Findings,
) {
    let Value::Object(own) = without_matcher_keys(&Value::Object(config.clone())) else { return };
    for violation in schema.check(&own) {
        let at = violation.path.steps().iter().fold(path.clone(), |path, step| path.step(step.clone()));
        let message =
            format!("{} does not fit the plugin's schema: {}", quoted(&at.to_string()), violation.message);
        findings.push(
            subject
                .finding(&CONFIG_SCHEMA, at)
                .told(message, "write what the schema of the image's `spec.yaml` asks for"),
        );
    }
}
