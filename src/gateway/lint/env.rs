//! Environment variables of the VM.

use std::collections::HashSet;

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::plugin::{EnvSource, EnvVar, FieldPath};

rules! {
    ENV_DUPLICATE: "env-duplicate" Error {
        title: "A variable twice",
        why: "Istio's webhook refuses the resource. Higress passes both on; the later value wins, and a name that is both \
              inline and the host's is refused by Envoy.",
        fix: "Remove one of the two.",
    },
    ENV_NAME: "env-name" Error {
        title: "A variable without a name, or with one too long",
        why: "Istio's webhook refuses the resource: names have 1 to 256 characters.",
        fix: "Write a name.",
    },
    ENV_HOST_VALUE: "env-host-value" Warning {
        title: "A value for a variable of the host",
        why: "With `valueFrom: HOST` the variable is the proxy process's own, and `value` is not looked at. Istio's \
              webhook refuses the resource for it.",
        fix: "Remove `value`, or remove `valueFrom`.",
    },
    POLICY_ENV_OVERRIDE: "policy-env-override" Warning {
        title: "A variable that the agent goes by",
        why: "Discovery tells the agent pull policy, resource version and pull secret by variables of these names, and \
              writes those of the resource after its own: yours replace them. A fixed resource version stops `Always`, for \
              one.",
        fix: "Use `imagePullPolicy` and `imagePullSecret`.",
    },
    ENV_STRIPPED: "env-stripped" Warning {
        title: "A variable that does not reach the module",
        why: "The agent removes every variable whose name begins with `ISTIO_META_` before Envoy sees the plugin.",
        fix: "Give the variable another name.",
    },
}

/// What discovery tells the agent (`pilot/pkg/model/extensions.go` and `pkg/wasm/convert.go` of Istio).
const OF_THE_AGENT: [&str; 3] = [
    "ISTIO_META_WASM_IMAGE_PULL_POLICY",
    "ISTIO_META_WASM_IMAGE_PULL_SECRET",
    "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION",
];

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(vm_config) = &subject.spec().vm_config else { return };
    let list = spec_path("vmConfig").key("env");
    // Entries that could not be read are not among the others, so that numbers would be wrong.
    if !subject.is_read(&list) {
        return;
    }
    let mut names = HashSet::new();
    for (index, variable) in vm_config.env.iter().enumerate() {
        let path = list.index(index);
        check_variable(subject, variable, &path, findings);
        if !variable.name.is_empty() && !names.insert(variable.name.as_str()) {
            findings.push(
                subject.finding(&ENV_DUPLICATE, path.key("name")).told(
                    format!("{} is in the list already", quoted(&variable.name)),
                    "remove one of the two",
                ),
            );
        }
    }
}

fn check_variable(subject: &Subject<'_>, variable: &EnvVar, path: &FieldPath, findings: &mut Findings) {
    let EnvVar { name, value, value_from } = variable;
    let finding = |rule, key: &str| subject.finding(rule, path.key(key));
    if name.is_empty() || name.len() > 256 {
        let message = format!("a name of {} characters is none: it has 1 to 256", name.len());
        findings.push(finding(&ENV_NAME, "name").told(message, "write a name"));
    }
    if *value_from == EnvSource::Host && !value.is_empty() {
        let message = format!("{} is not looked at: `valueFrom` is `HOST`", quoted(value));
        findings.push(
            finding(&ENV_HOST_VALUE, "value").told(message, "remove `value`, or remove `valueFrom: HOST`"),
        );
    }
    if OF_THE_AGENT.contains(&name.as_str()) {
        let message = format!("{} replaces what discovery tells the agent", quoted(name));
        let fix = "remove it; `imagePullPolicy` and `imagePullSecret` say the same in the open";
        findings.push(finding(&POLICY_ENV_OVERRIDE, "name").told(message, fix));
    } else if name.starts_with("ISTIO_META_") {
        let message = format!("{} is removed before the module starts", quoted(name));
        findings.push(finding(&ENV_STRIPPED, "name").told(message, "give it a name without `ISTIO_META_`"));
    }
}
