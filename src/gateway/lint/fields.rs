//! Fields that are not there, and values that fields do not take.

use super::lint_rule::rules;
use super::quoted::{one_line, quoted};
use super::suggestion::nearest;
use super::{Finding, Findings, LintInput, Subject};
use crate::plugin::{FieldFault, FieldPath, Form, Step, UnknownField};

rules! {
    UNKNOWN_FIELD: "unknown-field" Error {
        title: "A field that the resource does not have",
        why: "The API server drops a field that the CRD does not name, without a word, and the plugin runs without it. \
              Only kubectl 1.25 and later asks it to refuse such a resource; other clients do not.",
        fix: "Write the field that is meant, or put the value into the plugin's configuration.",
    },
    INVALID_FIELD: "invalid-field" Error {
        title: "A value that the field does not take",
        why: "The API server refuses the whole resource, so what ran before goes on running. Of a file that Higress \
              reads by itself, the field is lost.",
        fix: "Write a value of the type that the field has.",
    },
    NO_RESOURCE: "no-resource" Error {
        title: "A document that is no Kubernetes resource",
        why: "Without the right `apiVersion` and `kind` the API server refuses the document, or takes it for something \
              else.",
        fix: "Write `apiVersion: extensions.higress.io/v1alpha1`, or Istio's, and `kind: WasmPlugin`.",
    },
}

/// The documents that are no resources.
pub(super) fn of_documents<'s>(input: &'s LintInput<'_>) -> impl Iterator<Item = Finding> + 's {
    let documents =
        input.files.iter().flat_map(|file| file.resources.faults.iter().map(|fault| (file.name, fault)));
    let told = |(file, fault): (&str, &FieldFault)| Finding {
        rule: &NO_RESOURCE,
        severity: NO_RESOURCE.severity,
        file: file.to_owned(),
        place: fault.place,
        path: fault.path.clone(),
        plugin: None,
        message: one_line(&told_of(fault)),
        fix: "write `apiVersion: extensions.higress.io/v1alpha1`, or Istio's, and `kind: WasmPlugin`"
            .to_owned(),
    };
    documents.map(told)
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for fault in &subject.resource.faults {
        findings.push_with(&INVALID_FIELD, || invalid(subject, fault));
    }
    for field in &subject.resource.unknown {
        findings.push_with(&UNKNOWN_FIELD, || unknown(subject, field));
    }
}

fn invalid(subject: &Subject<'_>, fault: &FieldFault) -> Finding {
    let fix = match fault.problem.split_once("expected ") {
        Some((_, expected)) => format!("write {expected}"),
        None => format!("write `{}`", fault.path),
    };
    let finding = subject.finding(&INVALID_FIELD, fault.path.clone()).told(told_of(fault), fix);
    Finding { place: fault.place, ..finding }
}

fn told_of(fault: &FieldFault) -> String {
    let path = fault.path.to_string();
    if path.is_empty() {
        format!("the document {}", fault.problem)
    } else {
        format!("`{path}` {}", fault.problem)
    }
}

fn unknown(subject: &Subject<'_>, field: &UnknownField) -> Finding {
    let form = subject.resource.plugin.form;
    let message = format!(
        "`{}` is no field of a `WasmPlugin` of `{}`: the API server drops it without a word",
        field.path,
        form.api_version()
    );
    let fix = meant(form, &field.path).unwrap_or_else(|| {
        format!(
            "remove it; what the plugin itself is to read goes into `{}`",
            match form {
                Form::Higress => "defaultConfig",
                Form::Istio => "pluginConfig",
            }
        )
    });
    let finding = subject.finding(&UNKNOWN_FIELD, field.path.clone()).told(message, fix);
    // The reader knows the place already.
    Finding { place: field.place, ..finding }
}

/// What the author probably meant.
fn meant(form: Form, path: &FieldPath) -> Option<String> {
    let (last, parents) = path.steps().split_last()?;
    let Step::Key(key) = last else { return None };
    let parent = Parent::of(parents);
    let known = parent.fields(form);
    // A spelling of a field that is there beats everything else.
    if let Some(name) = known.iter().copied().find(|name| name.eq_ignore_ascii_case(key)) {
        return Some(format!("write `{name}`"));
    }
    if let Some(advice) = parent.confusion(form, key) {
        return Some(advice.to_owned());
    }
    if parent != Parent::Spec && Parent::Spec.fields(form).contains(&key.as_str()) {
        return Some(format!("move {} to `spec`", quoted(key)));
    }
    nearest(key, known.iter().copied()).map(|name| format!("write `{name}`"))
}

/// The object that a field stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Root,
    Metadata,
    Spec,
    MatchRule,
    VmConfig,
    EnvVar,
    Selector,
    Traffic,
    Port,
    TargetRef,
    Other,
}

impl Parent {
    fn of(steps: &[Step]) -> Self {
        let keys: Vec<&str> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Index(_) => None,
            })
            .collect();
        match keys[..] {
            [] => Self::Root,
            ["metadata"] => Self::Metadata,
            ["spec"] => Self::Spec,
            ["spec", "matchRules"] => Self::MatchRule,
            ["spec", "vmConfig"] => Self::VmConfig,
            ["spec", "vmConfig", "env"] => Self::EnvVar,
            ["spec", "selector"] => Self::Selector,
            ["spec", "match"] => Self::Traffic,
            ["spec", "match", "ports"] => Self::Port,
            ["spec", "targetRef" | "targetRefs"] => Self::TargetRef,
            _ => Self::Other,
        }
    }

    /// The fields of the object, as far as people write them.
    fn fields(self, form: Form) -> &'static [&'static str] {
        match (self, form) {
            (Self::Root, _) => &["apiVersion", "kind", "metadata", "spec"],
            (Self::Metadata, _) => &["annotations", "labels", "name", "namespace"],
            (Self::Spec, Form::Higress) => &[
                "defaultConfig",
                "defaultConfigDisable",
                "failStrategy",
                "imagePullPolicy",
                "imagePullSecret",
                "matchRules",
                "phase",
                "pluginConfig",
                "pluginName",
                "priority",
                "sha256",
                "url",
                "verificationKey",
                "vmConfig",
            ],
            (Self::Spec, Form::Istio) => &[
                "failStrategy",
                "imagePullPolicy",
                "imagePullSecret",
                "match",
                "phase",
                "pluginConfig",
                "pluginName",
                "priority",
                "selector",
                "sha256",
                "targetRef",
                "targetRefs",
                "type",
                "url",
                "verificationKey",
                "vmConfig",
            ],
            (Self::MatchRule, _) => &["config", "configDisable", "domain", "ingress", "routeType", "service"],
            (Self::VmConfig, _) => &["env"],
            (Self::EnvVar, _) => &["name", "value", "valueFrom"],
            (Self::Selector, _) => &["matchLabels"],
            (Self::Traffic, _) => &["mode", "ports"],
            (Self::Port, _) => &["number"],
            (Self::TargetRef, _) => &["group", "kind", "name", "namespace"],
            (Self::Other, _) => &[],
        }
    }

    /// Names that people write out of habit.
    fn confusion(self, form: Form, key: &str) -> Option<&'static str> {
        Some(match (self, form, key) {
            (Self::Spec, _, "imagePullSecrets") => {
                "write `imagePullSecret` with the name of one secret, not a list"
            }
            (Self::Spec, _, "image") => "write `url: oci://…`",
            (Self::Spec, _, "env") => "move it to `vmConfig.env`",
            (Self::Spec, Form::Higress, "selector" | "targetRef" | "targetRefs" | "match" | "type") => {
                "remove it: Higress puts every plugin on its own gateway, on HTTP and on all ports; only Istio's form \
                 has such fields"
            }
            (Self::Spec, Form::Higress, "rules" | "_rules_") => "write `matchRules`",
            (Self::Spec, Form::Higress, "config") => "write `defaultConfig`",
            (Self::Spec, Form::Istio, "config") => "write `pluginConfig`",
            (Self::Spec, Form::Istio, "defaultConfig") => {
                "write `pluginConfig`, or use Higress's form: `apiVersion: extensions.higress.io/v1alpha1`"
            }
            (Self::Spec, Form::Istio, "matchRules" | "defaultConfigDisable" | "rules") => {
                "use Higress's form, which has it: `apiVersion: extensions.higress.io/v1alpha1`"
            }
            (Self::MatchRule, _, "host" | "hosts" | "hostname" | "hostnames") => {
                "write `domain` with a list of hosts"
            }
            (Self::MatchRule, _, "route" | "routes" | "ingresses") => {
                "write `ingress` with a list of `<namespace>/<name>`"
            }
            (Self::MatchRule, _, "disable" | "disabled") => "write `configDisable`",
            (Self::MatchRule, _, "defaultConfig" | "pluginConfig") => "write `config`",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(form: Form, path: &FieldPath) -> String {
        meant(form, path).unwrap_or_default()
    }

    #[test]
    fn the_field_that_was_meant_is_named() {
        let spec = |key: &str| FieldPath::of(&["spec", key]);
        let rule = |key: &str| spec("matchRules").index(3).key(key);
        for (form, path, expected) in [
            (Form::Higress, spec("imagePullSecrets"), "`imagePullSecret`"),
            (Form::Higress, spec("imagepullpolicy"), "write `imagePullPolicy`"),
            (Form::Higress, spec("selector"), "only Istio's form"),
            (Form::Higress, spec("matchRule"), "write `matchRules`"),
            (Form::Higress, rule("domains"), "write `domain`"),
            (Form::Higress, rule("hosts"), "write `domain`"),
            (Form::Higress, rule("priority"), "move `priority` to `spec`"),
            (Form::Higress, FieldPath::of(&["url"]), "move `url` to `spec`"),
            (Form::Higress, FieldPath::of(&["metadata", "nmae"]), "write `name`"),
            (Form::Istio, spec("defaultConfig"), "`pluginConfig`"),
            (Form::Istio, spec("matchRules"), "Higress's form"),
            (Form::Istio, spec("match").index(0).key("port"), "write `ports`"),
            (Form::Higress, spec("somethingElse"), ""),
        ] {
            let said = advice(form, &path);
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{path}: {said}");
        }
    }
}
