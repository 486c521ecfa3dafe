//! What the registry says of the image.

use bytesize::ByteSize;

use super::lint_rule::rules;
use super::quoted::quoted;
use super::subject::spec_path;
use super::{Findings, Subject};
use crate::plugin::{Declaration, ImageFacts, Refusal};

rules! {
    IMAGE_REFUSED: "image-refused" Error {
        title: "An image that the gateway's agent does not load",
        why: "The agents take three layouts of an image and refuse all others; `failStrategy` then decides what happens to \
              traffic.",
        fix: "Push the module again with `hwasm-registry push`, which packs a layout that all of them load.",
    },
    IMAGE_REFUSED_BY_SOME: "image-refused-by-some" Info {
        title: "An image that some versions of the agent do not load",
        why: "Istio's agents up to 1.15 want the tar layer to be the only one, and later ones look at the last.",
        fix: "Push the module again with `hwasm-registry push`, if such gateways are still around.",
    },
    SIZE_LIMIT: "size-limit" Error {
        title: "A module beyond the agents' limit",
        why: "The agents stop at 256 MiB (Istio 1.30 and later: `ISTIO_WASM_MAX_BINARY_SIZE_BYTES`): a packed module fails, \
              a raw one is cut.",
        fix: "Make the module smaller: strip it, and build it for release.",
    },
    SIZE_BUDGET: "size-budget" Warning {
        title: "A module that may not arrive in time",
        why: "Discovery gives the agent 30 s for ping, token, manifest and download together, with no retry of the \
              download. At 1 MiB/s, which a registry across the internet often is, that is 30 MiB.",
        fix: "Make the module smaller, or put a registry near the gateways.",
    },
    IMAGE_VERSION_DRIFT: "image-version-drift" Warning {
        title: "A tag other than the version in the image",
        why: "Higress's console fills URL patterns with `info.version` of `spec.yaml`, not with the tag: where the two \
              differ, it asks for a file that is not there.",
        fix: "Give the image the tag that its `spec.yaml` says, or correct `info.version`.",
    },
    DECLARED_ORDER: "declared-order" Info {
        title: "A phase or priority other than the author's",
        why: "The plugin's `spec.yaml` says where in the chain its author wants it. Nothing in a cluster reads that.",
        fix: "Take the author's phase and priority, unless you know better.",
    },
    SPEC_YAML_FAULT: "spec-yaml-fault" Info {
        title: "A `spec.yaml` that cannot be understood",
        why: "What it says of schema, phase or priority is not checked here, and Higress's console shows no form.",
        fix: "Correct the plugin's `spec.yaml` and push it again.",
    },
}

/// What the agents read at most: `maxWasmSize` of Istio's `pkg/wasm`, before and after it became a setting.
const LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// What 30 s carry at 1 MiB/s.
const BUDGET_BYTES: u64 = 30 * 1024 * 1024;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(image) = subject.image() else { return };
    check_refusals(subject, image, findings);
    check_size(subject, image, findings);
    if let Some(declaration) = &image.declaration {
        check_version(subject, declaration, findings);
        check_order(subject, declaration, findings);
        for fault in &declaration.faults {
            findings.push(subject.finding(&SPEC_YAML_FAULT, spec_path("url")).told(
                format!("the image's `spec.yaml` cannot be understood: {fault}"),
                "correct it and push the plugin again",
            ));
        }
    }
}

fn check_refusals(subject: &Subject<'_>, image: &ImageFacts, findings: &mut Findings) {
    // The agents of the gateways that take this form, and how many lines of them there are.
    let (family, lines) = if subject.is_higress() { ("Higress", 1) } else { ("Istio", 3) };
    let refusals: Vec<&Refusal> =
        image.refused_by.iter().filter(|refusal| refusal.agent.starts_with(family)).collect();
    let Some(first) = refusals.first() else { return };
    let agents: Vec<&str> = refusals.iter().map(|refusal| refusal.agent.as_str()).collect();
    let rule = if refusals.len() < lines { &IMAGE_REFUSED_BY_SOME } else { &IMAGE_REFUSED };
    findings.push(subject.finding(rule, spec_path("url")).told(
        format!("{} does not load the image: {}", agents.join(", "), first.reason),
        "pack the module again with `hwasm-registry push`",
    ));
}

fn check_size(subject: &Subject<'_>, image: &ImageFacts, findings: &mut Findings) {
    let Some(bytes) = image.module_bytes else { return };
    let size = ByteSize::b(bytes).display().iec();
    let finding = |rule| subject.finding(rule, spec_path("url"));
    if bytes > LIMIT_BYTES {
        let message = format!("the module's layer has {size}, and agents read 256 MiB");
        findings.push(finding(&SIZE_LIMIT).told(message, "strip the module and build it for release"));
    } else if bytes > BUDGET_BYTES {
        let message = format!(
            "the module's layer has {size}: more than 30 s at 1 MiB/s, which is all the time there is"
        );
        findings.push(
            finding(&SIZE_BUDGET).told(message, "make the module smaller, or move the registry nearer"),
        );
    }
}

fn check_version(subject: &Subject<'_>, declaration: &Declaration, findings: &mut Findings) {
    let tag = subject.url.as_ref().ok().and_then(|url| url.image()?.tag.as_ref());
    let (Some(tag), Some(version)) = (tag, &declaration.version) else { return };
    let bare = |text: &str| text.strip_prefix('v').unwrap_or(text).to_owned();
    let tag = tag.to_string();
    if bare(&tag).starts_with(|c: char| c.is_ascii_digit()) && bare(&tag) != bare(version) {
        findings.push(subject.finding(&IMAGE_VERSION_DRIFT, spec_path("url")).told(
            format!("the tag is {}, and the image's `spec.yaml` says {}", quoted(&tag), quoted(version)),
            format!("push the image as {}, or correct `info.version`", quoted(version)),
        ));
    }
}

fn check_order(subject: &Subject<'_>, declaration: &Declaration, findings: &mut Findings) {
    let spec = subject.spec();
    if let Some(phase) = declaration.phase.filter(|phase| *phase != spec.phase) {
        findings.push(subject.finding(&DECLARED_ORDER, spec_path("phase")).told(
            format!("the phase is `{}`, and the image's `spec.yaml` says `{phase}`", spec.phase),
            format!("write `phase: {phase}`"),
        ));
    }
    if let (Some(declared), Some(priority)) = (declaration.priority, spec.priority)
        && declared != priority
    {
        findings.push(subject.finding(&DECLARED_ORDER, spec_path("priority")).told(
            format!("the priority is `{priority}`, and the image's `spec.yaml` says `{declared}`"),
            format!("write `priority: {declared}`"),
        ));
    }
}
