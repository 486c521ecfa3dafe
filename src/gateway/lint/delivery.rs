//! How the plugin gets into the gateway, and what happens when it does not.

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::plugin::{FailStrategy, FieldPath, ModuleSource, ModuleUrl, PluginType, WorkloadMode};

rules! {
    FAIL_CLOSE: "fail-close" Info {
        title: "No `failStrategy`",
        why: "FAIL_CLOSE is the default. When the module cannot be fetched, every request gets 403 with Istio 1.25 and \
              later; with older ones and Higress's 1.19 line the gateway keeps its old plugins and takes no update of any, \
              and a gateway that starts does not become ready. Higress's 1.27 line does the one or the other, by build.",
        fix: "Write `failStrategy: FAIL_OPEN` for a plugin that requests can do without, or `FAIL_CLOSE` to say that you \
              mean it.",
    },
    FAIL_OPEN_AUTH: "fail-open-auth" Warning {
        title: "`FAIL_OPEN` for a plugin that checks credentials",
        why: "When the module cannot be fetched or does not start, requests go on without it: a plugin that checks who \
              comes in then lets everyone in, and only a line in the agent's log tells. The linter knows such a plugin by \
              its name or its image's, which has `auth` or `oidc` in it, and by `consumers` or `global_auth` in its \
              configuration.",
        fix: "Write `failStrategy: FAIL_CLOSE` for a plugin that guards something.",
    },
    FAIL_OPEN: "fail-open" Info {
        title: "What `FAIL_OPEN` does not do in Higress",
        why: "Requests go on without a module that cannot be fetched, and only a line in the agent's log tells. Some \
              builds of Higress's 1.27 line refuse the whole update even so, and lost the field altogether for a time. A \
              gateway that starts waits for the module with any strategy.",
        fix: "Watch the agent's metric `istio_agent_wasm_remote_fetch_count` for results other than `success`.",
    },
    NETWORK_FAIL_OPEN: "network-fail-open" Warning {
        title: "`FAIL_OPEN` for a network plugin",
        why: "Up to Istio 1.24 the agent puts an empty filter in the place of a network plugin that it cannot fetch, and \
              Envoy refuses it: the proxy does not start. Since 1.25 it is a filter that lets all connections pass.",
        fix: "Use FAIL_OPEN for a network plugin with Istio 1.25 and later only.",
    },
    FAIL_RELOAD: "fail-reload" Info {
        title: "`FAIL_RELOAD`",
        why: "It came with Istio 1.27; an older API server refuses the value, and proxies before 1.25 treat the plugin as \
              FAIL_CLOSE. For a module that cannot be fetched it means FAIL_CLOSE everywhere.",
        fix: "Use it with Istio 1.27 and later only.",
    },
    VERIFICATION_KEY_UNUSED: "verification-key-unused" Warning {
        title: "A `verificationKey`",
        why: "The field is reserved for signatures; no version of Istio or Higress checks any.",
        fix: "Pin the digest: that is checked.",
    },
    SELECTOR_AND_TARGET_REFS: "selector-and-target-refs" Error {
        title: "`selector` and `targetRefs` in one resource",
        why: "Istio's webhook refuses a resource with both.",
        fix: "Keep one of the two.",
    },
    TOO_LONG: "too-long" Error {
        title: "A name longer than Istio takes",
        why: "Istio's webhook refuses a pull secret's name of more than 253 characters and a `pluginName` of more than \
              256.",
        fix: "Write a shorter name.",
    },
    SERVER_MODE_ON_GATEWAY: "server-mode-on-gateway" Error {
        title: "`SERVER` traffic on a gateway",
        why: "To Istio all listeners of a gateway are `CLIENT` ones, so such a match attaches the plugin to none.",
        fix: "Write `mode: CLIENT`, or leave `mode` out.",
    },
}

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    check_strategy(subject, findings);
    if !subject.spec().verification_key.is_empty() {
        findings.push(subject.finding(&VERIFICATION_KEY_UNUSED, spec_path("verificationKey")).told(
            "nothing verifies the module's signature with this key",
            "remove it, and pin the digest in `url` or `sha256`",
        ));
    }
    if !subject.is_higress() {
        check_istio(subject, findings);
    }
}

fn check_strategy(subject: &Subject<'_>, findings: &mut Findings) {
    let path = spec_path("failStrategy");
    let spec = subject.spec();
    let is_fetched = !matches!(subject.url.as_ref().map(ModuleUrl::source), Ok(ModuleSource::File(_)));
    match spec.fail_strategy {
        FailStrategy::FailClose
            if is_fetched && subject.is_read(&path) && !is_written(subject, "failStrategy") =>
        {
            findings.push(subject.finding(&FAIL_CLOSE, path).told(
                "requests fail, or the gateway takes no update, as long as the module cannot be fetched",
                "write `failStrategy: FAIL_OPEN` if requests can do without the plugin, `FAIL_CLOSE` if not",
            ));
        }
        FailStrategy::FailOpen if spec.plugin_type == PluginType::Network => {
            findings.push(subject.finding(&NETWORK_FAIL_OPEN, path).told(
                "up to Istio 1.24 a network plugin that cannot be fetched keeps the proxy from starting, `FAIL_OPEN` or not",
                "make sure that every proxy is 1.25 or later",
            ));
        }
        FailStrategy::FailOpen if checks_credentials(subject) => {
            findings.push(subject.finding(&FAIL_OPEN_AUTH, path).told(
                "a plugin that checks credentials and cannot be fetched lets every request pass",
                "write `failStrategy: FAIL_CLOSE`, if the plugin decides who comes in",
            ));
        }
        FailStrategy::FailOpen if is_fetched && subject.is_higress() => {
            findings.push(subject.finding(&FAIL_OPEN, path).told(
                "requests go on without a module that cannot be fetched and nobody is told, but a gateway that starts waits for it",
                "watch `istio_agent_wasm_remote_fetch_count` of the gateways for results other than `success`",
            ));
        }
        FailStrategy::FailReload => findings.push(subject.finding(&FAIL_RELOAD, path).told(
            "`FAIL_RELOAD` is known to Istio 1.27 and later, and means `FAIL_CLOSE` for a module that cannot be fetched",
            "write `FAIL_CLOSE` or `FAIL_OPEN` if the gateways are older",
        )),
        FailStrategy::FailClose | FailStrategy::FailOpen => {}
    }
}

/// Whether the plugin decides who comes in. The phase does not say: Higress has plugins in `AUTHN` that answer or rewrite
/// requests, such as custom-response and transformer.
fn checks_credentials(subject: &Subject<'_>) -> bool {
    let image = subject.url.as_ref().ok().and_then(ModuleUrl::image);
    let repository = image.map(|image| image.repository.to_string()).unwrap_or_default();
    let last_part = repository.rsplit('/').next().unwrap_or_default();
    let names = [subject.resource.plugin.metadata.name.as_str(), last_part];
    names.iter().any(|name| name.contains("auth") || name.contains("oidc"))
        || subject
            .config()
            .1
            .is_some_and(|config| config.contains_key("consumers") || config.contains_key("global_auth"))
}

fn is_written(subject: &Subject<'_>, field: &str) -> bool {
    subject.resource.source.member("spec").is_some_and(|spec| spec.node.member(field).is_some())
}

/// What Istio's webhook refuses (`ValidateWasmPlugin`, `pkg/config/validation/validation.go`), and Higress lets pass.
fn check_istio(subject: &Subject<'_>, findings: &mut Findings) {
    let spec = subject.spec();
    for (field, text, most) in
        [("imagePullSecret", &spec.image_pull_secret, 253), ("pluginName", &spec.plugin_name, 256)]
    {
        if text.len() > most {
            findings.push(subject.finding(&TOO_LONG, spec_path(field)).told(
                format!("{} has {} characters, and Istio takes {most}", quoted(text), text.len()),
                format!("write at most {most} characters"),
            ));
        }
    }
    if spec.selector.is_some() && !spec.target_refs.is_empty() {
        findings.push(subject.finding(&SELECTOR_AND_TARGET_REFS, spec_path("selector")).told(
            "the resource has `targetRefs` too, and Istio refuses both together",
            "remove `selector`, or remove `targetRefs`",
        ));
    }
    let all_server =
        !spec.traffic.is_empty() && spec.traffic.iter().all(|one| one.mode == WorkloadMode::Server);
    if all_server && spec.target_refs.iter().any(|target| target.kind == "Gateway") {
        let path: FieldPath = spec_path("match").index(0).key("mode");
        findings.push(subject.finding(&SERVER_MODE_ON_GATEWAY, path).told(
            "no listener of a gateway is a `SERVER` one, so the plugin runs nowhere",
            "write `mode: CLIENT`, or leave `mode` out",
        ));
    }
}
